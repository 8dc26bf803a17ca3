// SipHash-2-4 (Aumasson and Bernstein, 2012) of 32-bit words: what numbers are made by that a stranger must not guess, who
// may see many others made by the same key. Its 64-bit words are pairs of int32: a few dozen of them are hashed for a
// connection.

const LOW = [0x70736575, 0x6e646f6d, 0x6e657261, 0x79746573];
const HIGH = [0x736f6d65, 0x646f7261, 0x6c796765, 0x74656462];

export class SipHash {
  readonly #key: Int32Array;
  // v0 to v3, low and high words.
  readonly #v = new Int32Array(8);
  #pending = 0;
  #words = 0;
  /** The high word of the last digest. */
  high = 0;

  /** Of 128 random bits, drawn now. */
  constructor(random32: () => number) {
    this.#key = Int32Array.from({ length: 4 }, random32);
  }

  begin(): void {
    for (let i = 0; i < 4; i++) {
      const key = (i & 1) * 2;
      this.#v[i * 2] = LOW[i]! ^ this.#key[key]!;
      this.#v[i * 2 + 1] = HIGH[i]! ^ this.#key[key + 1]!;
    }
    this.#words = 0;
  }

  word(word: number): void {
    if ((this.#words++ & 1) === 0) this.#pending = word;
    else this.#block(this.#pending, word);
  }

  /** The low word of the digest; `high` is the other. */
  end(): number {
    const length = this.#words * 4;
    const isOdd = (this.#words & 1) !== 0;
    this.#block(isOdd ? this.#pending : 0, length << 24);
    const v = this.#v;
    v[4] = v[4]! ^ 0xff;
    for (let i = 0; i < 4; i++) this.#round();
    this.high = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
    return v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
  }

  #block(low: number, high: number): void {
    const v = this.#v;
    v[6] = v[6]! ^ low;
    v[7] = v[7]! ^ high;
    this.#round();
    this.#round();
    v[0] = v[0]! ^ low;
    v[1] = v[1]! ^ high;
  }

  #round(): void {
    this.#half(0, 2, 13, true);
    this.#half(4, 6, 16, false);
    this.#half(0, 6, 21, false);
    this.#half(4, 2, 17, true);
  }

  /** a += b, b is rotated left and gets a; a's words change places in the end, where asked. */
  #half(a: number, b: number, rotation: number, swaps: boolean): void {
    const v = this.#v;
    const low = (v[a]! >>> 0) + (v[b]! >>> 0);
    const high = v[a + 1]! + v[b + 1]! + (low > 0xffffffff ? 1 : 0);
    const bLow = v[b]!;
    const bHigh = v[b + 1]!;
    v[b] = ((bLow << rotation) | (bHigh >>> (32 - rotation))) ^ low;
    v[b + 1] = ((bHigh << rotation) | (bLow >>> (32 - rotation))) ^ high;
    v[a] = swaps ? high : low;
    v[a + 1] = swaps ? low : high;
  }
}
