// Reads numbers as .eh_frame has them out of bytes that are hostile: whatever lies outside of them, or is no number that can be an
// offset or an address, makes the cursor fail, and from there on it gives zeros. Nothing is thrown.
//
// Numbers of 64 bits are read as signed: as an address, one below 2^63 is the same, and added to a place so is the rest.

import { TWO_32 } from "../../shared/abi/struct.ts";

/** DW_EH_PE_...: in which form a pointer stands (LSB, "DWARF Exception Header Encoding"). */
export const OMITTED = 0xff;
const ABSOLUTE = 0x00;
const FROM_PLACE = 0x10;
const FROM_DATA = 0x30;
const APPLICATION = 0x70;
export const FORMAT = 0x0f;

/** Bytes of a file, and the address that the first of them has in the file's own terms. */
export interface Section {
  readonly view: DataView;
  readonly address: number;
}

export class Cursor {
  readonly #view: DataView;
  readonly #address: number;
  at: number;
  readonly end: number;
  failed = false;

  /** Reads of a section the bytes from `at` up to `end`. */
  constructor({ view, address }: Section, at: number, end: number) {
    this.#view = view;
    this.#address = address;
    this.at = at;
    this.end = Math.min(end, view.byteLength);
    if (!(at >= 0 && at <= this.end)) this.fail();
  }

  get isAtEnd(): boolean {
    return this.failed || this.at >= this.end;
  }

  fail(): number {
    this.failed = true;
    this.at = this.end;
    return 0;
  }

  /** Where `length` bytes begin, behind which it stands now; -1: there are not so many. */
  take(length: number): number {
    const { at } = this;
    if (this.failed || !(length >= 0 && length <= this.end - at)) {
      this.fail();
      return -1;
    }
    this.at = at + length;
    return at;
  }

  u8(): number {
    const at = this.take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  s8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    const at = this.take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  s16(): number {
    return (this.u16() << 16) >> 16;
  }

  u32(): number {
    const at = this.take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  s32(): number {
    return this.u32() | 0;
  }

  s64(): number {
    const at = this.take(8);
    if (at < 0) return 0;
    const value = this.#view.getInt32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
    return Number.isSafeInteger(value) ? value : this.fail();
  }

  /** The bits of a number of 64 bits, unsigned. */
  bits64(): bigint {
    const at = this.take(8);
    return at < 0 ? 0n : this.#view.getBigUint64(at, true);
  }

  /** A number of seven bits a byte, the lowest first. */
  uleb(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.fail();
    }
    return this.fail();
  }

  sleb(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      if ((byte & 0x40) !== 0) value -= scale * 128;
      return Number.isSafeInteger(value) ? value : this.fail();
    }
    return this.fail();
  }

  /** A number in the form that the lower half of an encoding says. */
  number(encoding: number): number {
    switch (encoding & FORMAT) {
      case 0x0:
      case 0x4:
      case 0xc:
        return this.s64();
      case 0x1:
        return this.uleb();
      case 0x2:
        return this.u16();
      case 0x3:
        return this.u32();
      case 0x9:
        return this.sleb();
      case 0xa:
        return this.s16();
      case 0xb:
        return this.s32();
      default:
        return this.fail();
    }
  }

  /** A pointer; `data`: to what those are relative that are to the data's begin. What an indirect one points at is not looked up. */
  pointer(encoding: number, data: number): number {
    const place = this.#address + this.at;
    const value = this.number(encoding);
    switch (encoding & APPLICATION) {
      case ABSOLUTE:
        return value;
      case FROM_PLACE:
        return value + place;
      case FROM_DATA:
        return value + data;
      default:
        return this.fail();
    }
  }
}
