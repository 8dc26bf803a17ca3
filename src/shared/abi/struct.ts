// Codecs for C structures: declared once as a list of fields, laid out by C's rules (each field at a
// multiple of its alignment, the size a multiple of the largest), read from and written to bytes.
// test/unit/codecs.test.ts compares every size and offset with the C headers.
//
// Little-endian, as x86-64 is. Reading makes an object: on a hot path use `offset` with a DataView.
//
// Here each codec goes through its fields by their names, which V8 cannot compile well: all codecs run through the
// same code. In a bundle each has functions of its own, written by scripts/struct_code.ts.

/** A type with a size: a scalar, an array, or a structure. */
export interface Type<T> {
  readonly size: number;
  readonly align: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
  /** What it consists of: scripts/struct_code.ts writes code by it. */
  readonly parts: Parts;
}

export type Parts =
  | { readonly kind: "scalar"; readonly name: string }
  | { readonly kind: "array"; readonly of: Type<unknown>; readonly length: number }
  | { readonly kind: "chars"; readonly length: number }
  | { readonly kind: "struct"; readonly fields: Fields; readonly offset: Readonly<Record<string, number>> };

/** A 64-bit value that must survive unchanged: masks, cookies, limits. */
export interface Word64 {
  readonly lo: number;
  readonly hi: number;
}

export const TWO_32 = 4294967296;

/** A number below 2^53 as a 64-bit word. */
export function toWord64(value: number): Word64 {
  return { lo: value % TWO_32, hi: Math.floor(value / TWO_32) };
}

function scalar(
  name: string,
  size: number,
  read: (view: DataView, offset: number) => number,
  write: (view: DataView, offset: number, value: number) => void,
): Type<number> {
  return { size, align: size, read, write, parts: { kind: "scalar", name } };
}

export const u8 = scalar(
  "u8",
  1,
  (view, offset) => view.getUint8(offset),
  (view, offset, value) => view.setUint8(offset, value),
);
export const i8 = scalar(
  "i8",
  1,
  (view, offset) => view.getInt8(offset),
  (view, offset, value) => view.setInt8(offset, value),
);
export const u16 = scalar(
  "u16",
  2,
  (view, offset) => view.getUint16(offset, true),
  (view, offset, value) => view.setUint16(offset, value, true),
);
export const i16 = scalar(
  "i16",
  2,
  (view, offset) => view.getInt16(offset, true),
  (view, offset, value) => view.setInt16(offset, value, true),
);
/** Network byte order: ports. */
export const be16 = scalar(
  "be16",
  2,
  (view, offset) => view.getUint16(offset, false),
  (view, offset, value) => view.setUint16(offset, value, false),
);
export const u32 = scalar(
  "u32",
  4,
  (view, offset) => view.getUint32(offset, true),
  (view, offset, value) => view.setUint32(offset, value, true),
);
export const i32 = scalar(
  "i32",
  4,
  (view, offset) => view.getInt32(offset, true),
  (view, offset, value) => view.setInt32(offset, value, true),
);

/** u64 as a number: exact up to 2^53, rounded above. */
export function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * TWO_32 + view.getUint32(offset, true);
}

/** i64 as a number: exact between -2^53 and 2^53, rounded outside. */
export function readI64(view: DataView, offset: number): number {
  return view.getInt32(offset + 4, true) * TWO_32 + view.getUint32(offset, true);
}

/** Writes an integer, positive or negative, as 64 bits. */
export function write64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, true); // DataView takes the value modulo 2^32, exactly
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
}

export const u64 = scalar("u64", 8, readU64, write64);
export const i64 = scalar("i64", 8, readI64, write64);

/** A pointer or size_t in guest memory: the same bytes as u64. */
export const ptr = u64;

export const word64: Type<Word64> = {
  size: 8,
  align: 8,
  read: (view, offset) => ({ lo: view.getUint32(offset, true), hi: view.getUint32(offset + 4, true) }),
  write: (view, offset, value) => {
    view.setUint32(offset, value.lo, true);
    view.setUint32(offset + 4, value.hi, true);
  },
  parts: { kind: "scalar", name: "word64" },
};

/** A fixed-length array. Writing a shorter one leaves zeros behind it. */
export function array<T>(type: Type<T>, length: number): Type<readonly T[]> {
  return {
    size: type.size * length,
    align: type.align,
    read(view, offset) {
      const result: T[] = [];
      for (let i = 0; i < length; i++) result.push(type.read(view, offset + i * type.size));
      return result;
    },
    write(view, offset, value) {
      zero(view, offset, type.size * length);
      const count = Math.min(length, value.length);
      for (let i = 0; i < count; i++) type.write(view, offset + i * type.size, value[i]!);
    },
    parts: { kind: "array", of: type as Type<unknown>, length },
  };
}

/** A char array that holds a string, one char per byte, ended by NUL if there is room. */
export function chars(length: number): Type<string> {
  return {
    size: length,
    align: 1,
    read: (view, offset) => readChars(view, offset, length),
    write: (view, offset, value) => writeChars(view, offset, length, value),
    parts: { kind: "chars", length },
  };
}

export function readChars(view: DataView, offset: number, length: number): string {
  let result = "";
  for (let i = 0; i < length; i++) {
    const byte = view.getUint8(offset + i);
    if (byte === 0) break;
    result += String.fromCharCode(byte);
  }
  return result;
}

export function writeChars(view: DataView, offset: number, length: number, value: string): void {
  for (let i = 0; i < length; i++) view.setUint8(offset + i, i < value.length ? value.charCodeAt(i) : 0);
}

export type Fields = Readonly<Record<string, Type<unknown>>>;

/** The value of a structure with these fields. */
export type Values<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Type<infer T> ? T : never;
};

export interface StructType<F extends Fields> extends Type<Values<F>> {
  /** As C writes it: "struct timespec". */
  readonly cName: string;
  /** Where C declares it. */
  readonly header: string;
  readonly fields: F;
  readonly offset: { readonly [K in keyof F]: number };
  /** Reads from a byte array at an offset in it. */
  decode(bytes: Uint8Array, at?: number): Values<F>;
  /** Writes the given fields, zeros elsewhere (padding too: nothing of the kernel's shows through). */
  encode(value: Partial<Values<F>>, bytes?: Uint8Array, at?: number): Uint8Array;
}

/** The value that a codec reads and writes: `ValueOf<typeof timespec>`. */
export type ValueOf<S> = S extends Type<infer T> ? T : never;

export interface StructOptions {
  /** No padding, no alignment: __attribute__((packed)). */
  packed?: boolean;
  /** At least so many bytes: one member of a union that has longer ones. */
  size?: number;
}

export function struct<F extends Fields>(
  cName: string,
  header: string,
  fields: F,
  options: StructOptions = {},
): StructType<F> {
  const names = Object.keys(fields);
  const offsets: Record<string, number> = {};
  let end = 0;
  let align = 1;
  for (const name of names) {
    const type = fields[name]!;
    const fieldAlign = options.packed === true ? 1 : type.align;
    end = roundUp(end, fieldAlign);
    offsets[name] = end;
    end += type.size;
    align = Math.max(align, fieldAlign);
  }
  const size = Math.max(roundUp(end, align), options.size ?? 0);

  function read(view: DataView, at: number): Values<F> {
    const result: Record<string, unknown> = {};
    for (const name of names) result[name] = fields[name]!.read(view, at + offsets[name]!);
    return result as Values<F>;
  }

  function write(view: DataView, at: number, value: Partial<Values<F>>): void {
    zero(view, at, size);
    for (const name of names) {
      const field = value[name];
      if (field !== undefined) fields[name]!.write(view, at + offsets[name]!, field);
    }
  }

  const codec: StructType<F> = {
    cName,
    header,
    size,
    align,
    fields,
    offset: offsets as { [K in keyof F]: number },
    read,
    write,
    decode: (bytes, at = 0) => codec.read(viewOf(bytes), at),
    encode(value, bytes = new Uint8Array(size), at = 0) {
      codec.write(viewOf(bytes), at, value as Values<F>);
      return bytes;
    },
    parts: { kind: "struct", fields, offset: offsets },
  };
  return codec;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function zero(view: DataView, offset: number, length: number): void {
  let at = 0;
  for (; at + 4 <= length; at += 4) view.setUint32(offset + at, 0, true);
  for (; at < length; at++) view.setUint8(offset + at, 0);
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
