// Behind which port of a bridge an address was seen last (Linux's br_fdb.c): a table of a fixed size. An address that finds no
// place takes that of one that was not seen for longer; what is sent to an address that is not in it goes to all ports.

const BITS = 10;
const SIZE = 1 << BITS;
/** Places that an address may be in. */
const PROBES = 8;
/** net.bridge's ageing_time, in µs. */
const AGEING_US = 300_000_000;
const NOWHERE = 0;

export class ForwardingTable {
  readonly #key: number;
  /** Of an address the first two bytes and the last four; the index of a port, or NOWHERE; and when it was seen. */
  readonly #high = new Int32Array(SIZE);
  readonly #low = new Int32Array(SIZE);
  readonly #ports = new Int32Array(SIZE);
  readonly #seenUs = new Float64Array(SIZE);

  constructor(key: number) {
    this.#key = key;
  }

  #place(high: number, low: number): number {
    return Math.imul(low ^ Math.imul(high, 0x85ebca6b) ^ this.#key, 0x9e3779b1) >>> (32 - BITS);
  }

  /** The place of an address; -1: it has none. */
  #find(high: number, low: number): number {
    const first = this.#place(high, low);
    for (let i = 0; i < PROBES; i++) {
      const at = (first + i) & (SIZE - 1);
      if (this.#low[at] === low && this.#high[at] === high && this.#ports[at] !== NOWHERE) return at;
    }
    return -1;
  }

  /** The address was seen behind that port. */
  learn(high: number, low: number, port: number, nowUs: number): void {
    let at = this.#find(high, low);
    if (at < 0) {
      const first = this.#place(high, low);
      at = first;
      for (let i = 0; i < PROBES; i++) {
        const other = (first + i) & (SIZE - 1);
        if (this.#ports[other] === NOWHERE) {
          at = other;
          break;
        }
        if (this.#seenUs[other]! < this.#seenUs[at]!) at = other;
      }
      this.#high[at] = high;
      this.#low[at] = low;
    }
    this.#ports[at] = port;
    this.#seenUs[at] = nowUs;
  }

  /** The index of the port that it is behind; 0: it is not known. */
  portOf(high: number, low: number, nowUs: number): number {
    const at = this.#find(high, low);
    return at < 0 || nowUs - this.#seenUs[at]! > AGEING_US ? NOWHERE : this.#ports[at]!;
  }

  /** Nothing is behind that port any more. */
  forget(port: number): void {
    for (let at = 0; at < SIZE; at++) if (this.#ports[at] === port) this.#ports[at] = NOWHERE;
  }
}
