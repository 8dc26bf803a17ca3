// SYN cookies: sequence numbers by which a listener whose queue is full answers, keeping nothing. The third segment of
// the handshake brings the number back, and with it all that is needed: that this listener made it for these ends within
// two minutes, and the peer's MSS. What else the SYN had asked for is in the low bits of the timestamp that was sent along
// and comes back too.
//
// A cookie: the sum of a hash of the ends, the peer's number and, in its upper byte, the minutes; its lower 24 bits
// have a second hash, of the ends and the minutes, to which the place of the MSS in a table is added. Strangers would have
// to guess 24 bits less those of the table.

import { SipHash } from "../siphash.ts";
import { type Ends, hashEnds } from "./isn.ts";

/** A "minute", in µs (Linux: TCP_SYNCOOKIE_PERIOD), and how many of them a cookie is good for. */
const PERIOD_US = 60_000_000;
const PERIODS_MAX = 2;
const LOW_BITS = 24;
const LOW_MASK = (1 << LOW_BITS) - 1;

/** The MSS of a peer is rounded down to one of these (those of Linux's tables for IPv4 and IPv6). */
const MSS_TABLE = [536, 1220, 1300, 1440, 1460, 8940, 16384, 65495];

/** Bits of the timestamp. */
const TS_BITS = 6;
const TS_MASK = (1 << TS_BITS) - 1;
const TS_SCALE = 0xf;
const TS_SACK = 0x10;
const TS_ECN = 0x20;
/** The scale that says that windows are not scaled. */
const NO_SCALE = 0xf;

/** What a SYN asked for, beside its MSS. */
export interface CookieOptions {
  /** The peer's window scale; -1: none. */
  readonly windowScale: number;
  readonly sack: boolean;
  readonly ecn: boolean;
}

export class SynCookies {
  readonly #ends: SipHash;
  readonly #minutes: SipHash;

  constructor(random32: () => number) {
    this.#ends = new SipHash(random32);
    this.#minutes = new SipHash(random32);
  }

  #hashOfEnds(ends: Ends): number {
    this.#ends.begin();
    hashEnds(this.#ends, ends);
    return this.#ends.end();
  }

  #hashOfMinutes(ends: Ends, minutes: number): number {
    this.#minutes.begin();
    hashEnds(this.#minutes, ends);
    this.#minutes.word(minutes);
    return this.#minutes.end();
  }

  /** The sequence number of a SYN-ACK, an int32, for a SYN with that number and MSS (of 536 at least). */
  make(ends: Ends, peerNumber: number, mss: number, nowUs: number): number {
    const minutes = Math.floor(nowUs / PERIOD_US) | 0;
    let place = MSS_TABLE.length - 1;
    while (place > 0 && MSS_TABLE[place]! > mss) place--;
    const low = (this.#hashOfMinutes(ends, minutes) + place) & LOW_MASK;
    return (this.#hashOfEnds(ends) + peerNumber + (minutes << LOW_BITS) + low) | 0;
  }

  /** The MSS that went into a cookie; 0: it is none, or not one any more. */
  check(ends: Ends, peerNumber: number, cookie: number, nowUs: number): number {
    const rest = (cookie - this.#hashOfEnds(ends) - peerNumber) | 0;
    const now = Math.floor(nowUs / PERIOD_US) | 0;
    const age = (now - (rest >>> LOW_BITS)) & 0xff;
    if (age >= PERIODS_MAX) return 0;
    const place = (rest - this.#hashOfMinutes(ends, now - age)) & LOW_MASK;
    return MSS_TABLE[place] ?? 0;
  }
}

/** A timestamp, at most one turn of its low bits before that time, which says what the SYN asked for. */
export function timestampOf(timestamp: number, { windowScale, sack, ecn }: CookieOptions): number {
  const scale = windowScale < 0 ? NO_SCALE : windowScale;
  const bits = scale | (sack ? TS_SACK : 0) | (ecn ? TS_ECN : 0);
  const wanted = (timestamp & ~TS_MASK) | bits;
  return ((wanted - timestamp) | 0) > 0 ? (wanted - (TS_MASK + 1)) | 0 : wanted;
}

export function optionsOf(timestamp: number): CookieOptions {
  const scale = timestamp & TS_SCALE;
  return {
    windowScale: scale === NO_SCALE ? -1 : scale,
    sack: (timestamp & TS_SACK) !== 0,
    ecn: (timestamp & TS_ECN) !== 0,
  };
}
