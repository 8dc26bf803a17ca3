// The TCP header (RFC 9293 3.1) and its options: where their fields are.

export const HEADER_MIN = 20;
export const HEADER_MAX = 60;
export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 2;
export const SEQUENCE = 4;
export const ACKNOWLEDGEMENT = 8;
/** The header's length, in words, in the upper half of a byte; the lower has AE. */
export const DATA_OFFSET = 12;
export const FLAGS = 13;
export const WINDOW = 14;
export const CHECKSUM = 16;
export const URGENT = 18;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

// Options: type, length, data
export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_MSS = 2;
export const OPTION_WINDOW_SCALE = 3;
export const OPTION_SACK_PERMITTED = 4;
export const OPTION_SACK = 5;
export const OPTION_TIMESTAMP = 8;
export const MSS_SIZE = 4;
export const WINDOW_SCALE_SIZE = 3;
export const SACK_PERMITTED_SIZE = 2;
export const TIMESTAMP_SIZE = 10;
/** With two NOPs before it. */
export const TIMESTAMP_ALIGNED = 12;
export const SACK_BASE = 2;
export const SACK_BASE_ALIGNED = 4;
export const SACK_BLOCK = 8;
export const SACK_BLOCKS_MAX = 4;

/** The MSS of who announces none (RFC 9293 3.7.1). */
export const MSS_DEFAULT = 536;

/** RFC 7323 2.3. */
export const WINDOW_SCALE_MAX = 14;
export const WINDOW_MAX = 65535;
