// Where functions begin, by a walk over all unwind entries (.eh_frame): of static programs, which have no sorted list
// of them. One entry follows another: descriptions of functions (FDE), each naming a common part (CIE) that says in
// which form addresses stand (LSB, "Exception Frames").

/** DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
const USUAL_ENCODING = 0x1b;
const EXTENDED_LENGTH = 0xffffffff;
/** Bytes of an entry that are looked at. */
const HEAD_SIZE = 40;

export class UnwindEntries {
  readonly #address: number;
  /** Addresses of the CIEs in the usual form. */
  readonly #usual = new Set<number>();
  /** Start of the function around it, once it is found. */
  found = -1;

  /** Looks for the function around an address. */
  constructor(address: number) {
    this.#address = address;
  }

  /**
   * Looks at the entries in `bytes`, which stand at an address: where the next one begins, or -1: there are no more.
   */
  take(bytes: Uint8Array, at: number, isLast: boolean): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let next = 0;
    while (next + 4 <= bytes.length && (isLast || next + HEAD_SIZE <= bytes.length)) {
      const length = view.getUint32(next, true);
      if (length < 4 || length === EXTENDED_LENGTH) return -1;
      const id = next + 8 <= bytes.length ? view.getUint32(next + 4, true) : 0;
      if (id === 0) {
        if (isUsual(bytes.subarray(next, next + 4 + length))) this.#usual.add(at + next);
      } else if (next + 16 <= bytes.length && this.#usual.has(at + next + 4 - id)) {
        const start = at + next + 8 + view.getInt32(next + 8, true);
        if (start <= this.#address && this.#address < start + view.getUint32(next + 12, true)) {
          this.found = start;
          return -1;
        }
      }
      next += 4 + length;
    }
    return next === 0 ? -1 : at + next;
  }
}

/** Whether functions of this CIE are named in the usual form. */
function isUsual(cie: Uint8Array): boolean {
  // Length, identity, version, augmentation.
  let at = 9;
  let augmentation = "";
  while (at < cie.length && cie[at] !== 0) augmentation += String.fromCharCode(cie[at++]!);
  if (!augmentation.startsWith("z")) return false;
  // Alignments of code and data, the return address's register, the length of what follows: numbers of seven bits a
  // byte.
  at++;
  for (let count = 0; count < 4; count++) {
    while (at < cie.length && (cie[at]! & 0x80) !== 0) at++;
    at++;
  }
  for (const letter of augmentation.slice(1)) {
    if (letter === "R") return cie[at] === USUAL_ENCODING;
    if (letter === "L") at += 1;
    else if (letter === "P") at += 1 + ((cie[at]! & 0xf) === 0 ? 8 : 4);
    else if (letter !== "S") return false;
  }
  return false;
}
