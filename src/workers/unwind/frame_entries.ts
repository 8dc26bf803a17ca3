// The entries of .eh_frame: descriptions of functions (FDE), each of which names a common part (CIE) (LSB, "Exception Frames"). Whatever
// is not in a form that compilers write is none.

import { Cursor, FORMAT, OMITTED, type Section } from "./cursor.ts";

const EXTENDED_LENGTH = 0xffffffff;
const ID_SIZE = 4;
const AUGMENTATION_MAX = 8;
const RETURN_ADDRESS = 16;
/** Common parts that are remembered; a program has some dozens. */
const CIES_MAX = 256;

export interface Cie {
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  /** In which form addresses of functions stand. */
  readonly encoding: number;
  /** Its functions are no callers: a signal has interrupted what lies above them. */
  readonly isSignal: boolean;
  /** A length, and what it tells, stands in front of a function's instructions. */
  readonly isAugmented: boolean;
  /** Places of its instructions in the section. */
  readonly start: number;
  readonly end: number;
}

export interface Fde {
  readonly cie: Cie;
  /** Addresses of the function, in the file's own terms. */
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly end: number;
}

export class FrameEntries {
  readonly section: Section;
  readonly #cies = new Map<number, Cie | null>();

  constructor(section: Section) {
    this.section = section;
  }

  /** The FDE at a place of the section; null: there is none. */
  fdeAt(at: number): Fde | null {
    const cursor = entryAt(this.section, at);
    if (cursor === null) return null;
    const idAt = cursor.at;
    const id = cursor.u32();
    if (id === 0) return null;
    const cie = this.#cieAt(idAt - id);
    if (cie === null) return null;
    const from = cursor.pointer(cie.encoding, 0);
    const count = cursor.number(cie.encoding & FORMAT);
    if (cie.isAugmented) cursor.take(cursor.uleb());
    if (cursor.failed || count <= 0) return null;
    return { cie, from, to: from + count, start: cursor.at, end: cursor.end };
  }

  /** Where the entry behind the one at `at` begins; -1: that was the last. */
  next(at: number): number {
    const cursor = new Cursor(this.section, at, this.section.view.byteLength);
    const length = cursor.u32();
    if (length === 0 || length === EXTENDED_LENGTH) return -1;
    cursor.take(length);
    return cursor.isAtEnd ? -1 : cursor.at;
  }

  #cieAt(at: number): Cie | null {
    const known = this.#cies.get(at);
    if (known !== undefined) return known;
    if (this.#cies.size >= CIES_MAX) this.#cies.clear();
    const cie = readCie(this.section, at);
    this.#cies.set(at, cie);
    return cie;
  }
}

/** What stands behind the length of an entry; null: it is none, or longer than the section. */
function entryAt(section: Section, at: number): Cursor | null {
  const head = new Cursor(section, at, section.view.byteLength);
  const length = head.u32();
  if (head.failed || length <= ID_SIZE || length === EXTENDED_LENGTH) return null;
  return length > head.end - head.at ? null : new Cursor(section, head.at, head.at + length);
}

function readCie(section: Section, at: number): Cie | null {
  const cursor = entryAt(section, at);
  if (cursor === null || cursor.u32() !== 0) return null;
  const version = cursor.u8();
  if (version !== 1 && version !== 3) return null;
  let augmentation = "";
  for (let code = cursor.u8(); code !== 0; code = cursor.u8()) {
    augmentation += String.fromCharCode(code);
    if (augmentation.length > AUGMENTATION_MAX) return null;
  }
  const isAugmented = augmentation.startsWith("z");
  // What else may stand there has another form.
  if (!isAugmented && augmentation !== "") return null;
  const codeAlignment = cursor.uleb();
  const dataAlignment = cursor.sleb();
  if ((version === 1 ? cursor.u8() : cursor.uleb()) !== RETURN_ADDRESS) return null;
  let encoding = 0;
  let isSignal = false;
  if (isAugmented) {
    const size = cursor.uleb();
    const start = cursor.at + size;
    const letters = new Cursor(section, cursor.at, Math.min(start, cursor.end));
    for (const letter of augmentation.slice(1)) {
      if (letter === "R") encoding = letters.u8();
      else if (letter === "L") letters.u8();
      else if (letter === "S") isSignal = true;
      else if (letter === "P") {
        const form = letters.u8();
        if (form !== OMITTED) letters.number(form);
      } else return null;
    }
    cursor.take(size);
    if (letters.failed) return null;
  }
  if (cursor.failed) return null;
  return {
    codeAlignment,
    dataAlignment,
    encoding,
    isSignal,
    isAugmented,
    start: cursor.at,
    end: cursor.end,
  };
}
