// What a connection has of segments that came out of order or twice, and what its peer is still to be told of them. It is made
// with the first of them.

import type { SequenceRanges } from "./ranges.ts";

export class Disorder {
  /** What came out of order; null: nothing ever did. */
  ranges: SequenceRanges | null = null;
  bytes = 0;
  packets = 0;
  /** A FIN came out of order: its number. */
  hasEarlyFin = false;
  earlyFinSeq = 0;
  /** A duplicate that is to be told of: D-SACK (RFC 2883). */
  hasDsack = false;
  dsackStart = 0;
  dsackEnd = 0;
  /** Where the ranges stand that came last: what SACK blocks begin with. */
  recentSacks: Int32Array | null = null;
  recentSackCount = 0;
}

/** Of who has got everything once and in order. */
export const NO_DISORDER: Readonly<Disorder> = new Disorder();
