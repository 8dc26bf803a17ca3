// Path MTUs that routers told of (RFC 1191, RFC 8201), by destination: a table of fixed size, in which a newer
// destination takes an older one's place. Who could guess the places could push others out: their hash is keyed.

import { PATH_MTU_TIME_US, PATH_MTUS_MAX } from "./limits.ts";

/** Mixes words of a key; the result is an int32. */
export function mix(hash: number, word: number): number {
  hash = Math.imul(hash ^ word, 0x85ebca6b | 0);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2ae35 | 0);
  return hash ^ (hash >>> 13);
}

export function mixAddress(hash: number, w0: number, w1: number, w2: number, w3: number): number {
  return mix(mix(mix(mix(hash, w0), w1), w2), w3);
}

export class PathMtus {
  readonly #key: number;
  #words: Int32Array | null = null;
  #mtus: Int32Array | null = null;
  #expiresUs: Float64Array | null = null;

  constructor(key: number) {
    this.#key = key;
  }

  #place(w0: number, w1: number, w2: number, w3: number): number {
    return mixAddress(this.#key, w0, w1, w2, w3) & (PATH_MTUS_MAX - 1);
  }

  #isAt(place: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const words = this.#words!;
    const at = place * 4;
    return words[at] === w0 && words[at + 1] === w1 && words[at + 2] === w2 && words[at + 3] === w3;
  }

  /** 0: none is known. */
  get(w0: number, w1: number, w2: number, w3: number, nowUs: number): number {
    if (this.#words === null) return 0;
    const place = this.#place(w0, w1, w2, w3);
    if (!this.#isAt(place, w0, w1, w2, w3) || this.#expiresUs![place]! <= nowUs) return 0;
    return this.#mtus![place]!;
  }

  set(w0: number, w1: number, w2: number, w3: number, mtu: number, nowUs: number): void {
    this.#words ??= new Int32Array(PATH_MTUS_MAX * 4);
    this.#mtus ??= new Int32Array(PATH_MTUS_MAX);
    this.#expiresUs ??= new Float64Array(PATH_MTUS_MAX);
    const place = this.#place(w0, w1, w2, w3);
    const at = place * 4;
    this.#words[at] = w0;
    this.#words[at + 1] = w1;
    this.#words[at + 2] = w2;
    this.#words[at + 3] = w3;
    this.#mtus[place] = mtu;
    this.#expiresUs[place] = nowUs + PATH_MTU_TIME_US;
  }
}
