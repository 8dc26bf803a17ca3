// What an acknowledgement did to the scoreboard, and who hears what was delivered.

/** What an acknowledgement did. */
export class Acknowledged {
  /** Packets that are acknowledged now, cumulatively and selectively, and were not before. */
  acked = 0;
  sacked = 0;
  /** One of them had been sent again: cumulatively acknowledged ones, and any. */
  retransmittedAcked = false;
  /** When the first and the last were sent that were cumulatively acknowledged and sent once; -1: there are none. */
  firstSentUs = -1;
  lastSentUs = -1;
  /** The same of those that were selectively acknowledged. */
  firstSackedUs = -1;
  lastSackedUs = -1;
  /** The lowest number of what was acknowledged out of order and never sent again; valid if hasReorder. */
  reorder = 0;
  hasReorder = false;
  /** Something that was not sent again was acknowledged: F-RTO's evidence. */
  originalSacked = false;

  reset(): void {
    this.acked = 0;
    this.sacked = 0;
    this.retransmittedAcked = false;
    this.firstSentUs = -1;
    this.lastSentUs = -1;
    this.firstSackedUs = -1;
    this.lastSackedUs = -1;
    this.hasReorder = false;
    this.originalSacked = false;
  }
}

/** Who hears which packets were delivered, and when they had been sent: RACK. */
export interface DeliveryListener {
  delivered(sentUs: number, end: number, wasRetransmitted: boolean): void;
}
