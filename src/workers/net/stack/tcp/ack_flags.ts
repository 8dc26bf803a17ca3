// What an acknowledgement was, as bits.

/** What an acknowledgement was. */
export const DATA_CAME = 1;
export const WINDOW_UPDATED = 2;
export const DATA_ACKED = 4;
export const DATA_SACKED = 8;
export const UNA_ADVANCED = 0x10;
export const ECN_ECHO = 0x20;
export const DSACK = 0x40;
export const ORIGINAL_SACKED = 0x80;
export const LOST_RETRANSMIT = 0x100;
export const RETRANSMITTED_ACKED = 0x200;
export const RENEGED = 0x400;
export const DSACK_OF_TLP = 0x800;
