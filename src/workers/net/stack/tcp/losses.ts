// What a connection knows of packets that were lost, or came otherwise than they went, and of what it has done about it. It is
// made when there is something to know: most connections never lose any.

export class Losses {
  /** The threshold before the window was cut; 0: it is not known. */
  priorSsthresh = 0;
  /** The cut may prove wrong: what is retransmitted since that number, of which none may turn out to have been lost. */
  hasUndo = false;
  undoMarker = 0;
  undoRetrans = 0;
  /** When something was first sent again, of what is not acknowledged; 0: nothing was. */
  retransStampUs = 0;
  /** Reno's peers acknowledge nothing selectively: their duplicate acknowledgements are counted. */
  renoSacked = 0;
  /** Proportional rate reduction (RFC 6937). */
  prrDelivered = 0;
  prrOut = 0;
  /** F-RTO (RFC 5682): the timeout is under suspicion. */
  frto = false;
  /** ECN (RFC 3168): what the peer is to be told of the window, and what it is to answer. */
  ecnDemandsCwr = false;
  ecnQueuesCwr = false;
  /** Packets were seen to overtake others. */
  reorderSeen = false;
  reoWindowSteps = 1;
  reoWindowPersist = 0;
  dsackSeen = false;
  lastDelivered = 0;
  /** A probe of the end of a flight is under way (RFC 8985 7). */
  hasTlp = false;
  tlpHighSeq = 0;
  tlpWasRetransmit = false;

  // ---- Counts ----

  bytesRetransmitted = 0;
  dsackDups = 0;
  reorderEvents = 0;
}

/** Of who has lost nothing. */
export const NO_LOSSES: Readonly<Losses> = new Losses();
