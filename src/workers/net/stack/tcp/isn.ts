// Initial sequence numbers (RFC 6528) and offsets of timestamps (RFC 7323 5.4), of a connection's addresses and ports under
// a key: a stranger guesses neither, and a connection that comes again gets numbers that go on from where it was.

import { SipHash } from "../siphash.ts";

/** The clock of sequence numbers goes by 64 ns, and so around in 275 s: Linux's. */
const TICKS_PER_US = 1000 / 64;
const WORD = 2 ** 32;

/** Both ends of a connection, as the words of its addresses and its ports. */
export interface Ends {
  readonly local0: number;
  readonly local1: number;
  readonly local2: number;
  readonly local3: number;
  readonly remote0: number;
  readonly remote1: number;
  readonly remote2: number;
  readonly remote3: number;
  readonly localPort: number;
  readonly remotePort: number;
}

export function hashAddresses(hash: SipHash, ends: Ends): void {
  hash.word(ends.local0);
  hash.word(ends.local1);
  hash.word(ends.local2);
  hash.word(ends.local3);
  hash.word(ends.remote0);
  hash.word(ends.remote1);
  hash.word(ends.remote2);
  hash.word(ends.remote3);
}

export function hashEnds(hash: SipHash, ends: Ends): void {
  hashAddresses(hash, ends);
  hash.word((ends.localPort << 16) | ends.remotePort);
}

export class InitialNumbers {
  readonly #hash: SipHash;

  constructor(random32: () => number) {
    this.#hash = new SipHash(random32);
  }

  /** An int32. */
  sequence(ends: Ends, nowUs: number): number {
    this.#hash.begin();
    hashEnds(this.#hash, ends);
    const ticks = Math.floor(nowUs * TICKS_PER_US) % WORD;
    return (this.#hash.end() + ticks) | 0;
  }

  /** What is added to the clock of a connection's timestamps; an int32, the same whatever the ports are. */
  timestampOffset(ends: Ends): number {
    this.#hash.begin();
    hashAddresses(this.#hash, ends);
    return this.#hash.end();
  }
}
