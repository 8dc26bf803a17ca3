// An address of either family, immutable, and prefixes of them. An IPv4 address is held as the IPv6 address that maps it
// (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that one table serves both families: four 32-bit words in network order, compared
// by fields. A word is an int32: it may be negative.
//
// Who handles packets does not make these: the words of a packet's addresses stand in its fields (packet.ts).

/** The third word of an IPv4 address. */
export const MAPPED = 0xffff;

const BITS = 128;
const MAPPED_BITS = 96;

function hexGroups(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >>> 16, word & 0xffff]);
}

/** The longest run of zero groups, at least two of them, as inet_ntop(3) shortens it: where, and how many. */
function longestZeros(groups: readonly number[]): { at: number; count: number } {
  const best = { at: -1, count: 1 };
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - at > best.count) Object.assign(best, { at, count: end - at });
    if (end > at) at = end;
  }
  return best;
}

function dotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
}

export class IpAddress {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;

  private constructor(w0: number, w1: number, w2: number, w3: number) {
    this.w0 = w0 | 0;
    this.w1 = w1 | 0;
    this.w2 = w2 | 0;
    this.w3 = w3 | 0;
  }

  static fromWords(w0: number, w1: number, w2: number, w3: number): IpAddress {
    return new IpAddress(w0, w1, w2, w3);
  }

  /** An IPv4 address by its number: 0x7f000001 is 127.0.0.1. */
  static v4(word: number): IpAddress {
    return new IpAddress(0, 0, MAPPED, word);
  }

  /** Of 4 or 16 bytes in network order, as in_addr and in6_addr hold them. */
  static fromBytes(bytes: Uint8Array, offset = 0, length = bytes.length - offset): IpAddress {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    if (length === 4) return IpAddress.v4(view.getInt32(0));
    return new IpAddress(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12));
  }

  /** What inet_pton(3) takes, of either family; null for what is no address. */
  static parse(text: string): IpAddress | null {
    const quad = /(?:^|:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
    if (quad !== null) {
      const [a, b, c, d] = quad.slice(1).map(Number) as [number, number, number, number];
      if (Math.max(a, b, c, d) > 255) return null;
      const word = (a << 24) | (b << 16) | (c << 8) | d;
      if (quad.index === 0 && text[0] !== ":") return IpAddress.v4(word);
      const head = text.slice(0, quad.index + 1);
      return IpAddress.parse(`${head}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`);
    }
    if (!/^[0-9a-fA-F:]+$/.test(text)) return null;
    const halves = text.split("::");
    if (halves.length > 2) return null;
    const sides = halves.map((half) => (half === "" ? [] : half.split(":")));
    const given = sides.flat();
    if (given.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return null;
    if (halves.length === 1 ? given.length !== 8 : given.length > 7) return null;
    const zeros = new Array<string>(8 - given.length).fill("0");
    const groups = [...sides[0]!, ...zeros, ...(sides[1] ?? [])].map((group) => Number.parseInt(group, 16));
    const word = (at: number): number => (groups[at]! << 16) | groups[at + 1]!;
    return new IpAddress(word(0), word(2), word(4), word(6));
  }

  /** It is an IPv4 address: what ::ffff:0:0/96 holds. */
  get isV4(): boolean {
    return this.w0 === 0 && this.w1 === 0 && this.w2 === MAPPED;
  }

  /** 0.0.0.0 or ::, which differ. */
  get isAny(): boolean {
    return this.w0 === 0 && this.w1 === 0 && (this.w2 === 0 || this.w2 === MAPPED) && this.w3 === 0;
  }

  get isMulticast(): boolean {
    return isMulticast(this.w0, this.w1, this.w2, this.w3);
  }

  /** Of 127.0.0.0/8, or ::1. */
  get isLoopback(): boolean {
    return isLoopback(this.w0, this.w1, this.w2, this.w3);
  }

  get isLinkLocal(): boolean {
    return isLinkLocal(this.w0, this.w1, this.w2, this.w3);
  }

  hasWords(w0: number, w1: number, w2: number, w3: number): boolean {
    return this.w3 === w3 && this.w2 === w2 && this.w1 === w1 && this.w0 === w0;
  }

  equals({ w0, w1, w2, w3 }: IpAddress): boolean {
    return this.hasWords(w0, w1, w2, w3);
  }

  /** The bytes of its family: 4 or 16. */
  toBytes(): Uint8Array {
    return this.isV4 ? this.#bytes().subarray(12) : this.#bytes();
  }

  /** All 16 bytes, those of an IPv4 address mapped, as in6_addr holds them. */
  toMappedBytes(): Uint8Array {
    return this.#bytes();
  }

  #bytes(): Uint8Array {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, this.w0);
    view.setInt32(4, this.w1);
    view.setInt32(8, this.w2);
    view.setInt32(12, this.w3);
    return bytes;
  }

  /** As inet_ntop(3) writes it; an IPv4 address as dotted numbers alone. */
  toString(): string {
    if (this.isV4) return dotted(this.w3);
    const groups = hexGroups([this.w0, this.w1, this.w2, this.w3]);
    // An IPv4 address in the last two groups of ::/96 is written as such, except for :: and ::1 and their like.
    const isCompatible = groups.slice(0, 6).every((group) => group === 0) && groups[6] !== 0;
    if (isCompatible) return `::${dotted(this.w3)}`;
    const { at, count } = longestZeros(groups);
    const hex = groups.map((group) => group.toString(16));
    if (at < 0) return hex.join(":");
    return `${hex.slice(0, at).join(":")}::${hex.slice(at + count).join(":")}`;
  }
}

/** 0.0.0.0 */
export const ANY4 = IpAddress.v4(0);
/** :: */
export const ANY6 = IpAddress.fromWords(0, 0, 0, 0);

export function isV4(w0: number, w1: number, w2: number): boolean {
  return w0 === 0 && w1 === 0 && w2 === MAPPED;
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(w0: number, w1: number, w2: number, w3: number): boolean {
  return isV4(w0, w1, w2) ? w3 >>> 28 === 0xe : w0 >>> 24 === 0xff;
}

export function isLoopback(w0: number, w1: number, w2: number, w3: number): boolean {
  return isV4(w0, w1, w2) ? w3 >>> 24 === 127 : w0 === 0 && w1 === 0 && w2 === 0 && w3 === 1;
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal(w0: number, w1: number, w2: number, w3: number): boolean {
  return isV4(w0, w1, w2) ? w3 >>> 16 === 0xa9fe : w0 >>> 22 === 0xfe80 >>> 6;
}

/** The bits of a word at `at` (0, 32, 64, 96) that a prefix of so many bits covers. */
export function maskOf(bits: number, at: number): number {
  const covered = bits - at;
  return covered <= 0 ? 0 : covered >= 32 ? -1 : -1 << (32 - covered);
}

/** The addresses that begin with the same bits. */
export class Prefix {
  /** Its first address: no bit is set behind the prefix. */
  readonly first: IpAddress;
  /** 0 to 32 of an IPv4 prefix, 0 to 128 of an IPv6 one. */
  readonly length: number;
  /** Of the four words: those of an IPv4 prefix are 96 more. */
  readonly bits: number;

  constructor(address: IpAddress, length: number) {
    this.length = length;
    this.bits = address.isV4 ? MAPPED_BITS + length : length;
    if (length < 0 || this.bits > BITS) throw new RangeError(`a prefix of ${length} bits`);
    this.first = IpAddress.fromWords(
      address.w0 & maskOf(this.bits, 0),
      address.w1 & maskOf(this.bits, 32),
      address.w2 & maskOf(this.bits, 64),
      address.w3 & maskOf(this.bits, 96),
    );
  }

  get isV4(): boolean {
    return this.bits >= MAPPED_BITS && this.first.isV4;
  }

  hasWords(w0: number, w1: number, w2: number, w3: number): boolean {
    const { bits, first } = this;
    return (
      ((w0 ^ first.w0) & maskOf(bits, 0)) === 0 &&
      ((w1 ^ first.w1) & maskOf(bits, 32)) === 0 &&
      ((w2 ^ first.w2) & maskOf(bits, 64)) === 0 &&
      ((w3 ^ first.w3) & maskOf(bits, 96)) === 0
    );
  }

  has(address: IpAddress): boolean {
    return this.hasWords(address.w0, address.w1, address.w2, address.w3);
  }

  equals(other: Prefix): boolean {
    return this.bits === other.bits && this.first.equals(other.first);
  }

  toString(): string {
    return `${this.first}/${this.length}`;
  }
}
