// The vocabulary of the system call table: what an argument is, said once, in one word. From it come
// the dispatcher's decoding, the copies a stub makes before it posts a request, and what --strace
// prints. Data only: it knows no layout and no handler.

import type { FlagTable } from "./flag_tables.ts";
import type { ShapeName } from "./structs.ts";

/**
 * How the dispatcher turns a register into the number that a handler gets:
 * `int` and `fd` the low 32 bits, signed; `ptr` and `size` 64 bits, unsigned; `off` 64 bits, signed;
 * `mask64` and `opaque64` as a hint only: the handler reads both halves from the saved registers.
 */
export type ArgumentKind = "int" | "fd" | "ptr" | "size" | "off" | "mask64" | "opaque64";

/** How --strace prints it. */
export type ArgumentFormat =
  | "int"
  | "unsigned"
  | "hex"
  | "mode"
  | "fd"
  | "dirfd"
  | "id"
  | "signal"
  | "flags"
  | "choice"
  | "string"
  | "strings"
  | "bytes"
  | "sigset"
  | "sockaddr"
  | "wstatus"
  | "struct"
  | "list";

/** Which way the memory behind a pointer is used. */
export type Direction = "in" | "out" | "inout";

/**
 * How much memory a pointer names: a C string, a fixed number of shapes, as many shapes as another
 * argument says, or one shape of as many bytes as another argument says.
 */
export type Extent =
  | { readonly type: "cstring" }
  | { readonly type: "fixed"; readonly shape: ShapeName; readonly times: number }
  | { readonly type: "counted"; readonly shape: ShapeName; readonly count: string }
  | { readonly type: "sized"; readonly shape: ShapeName; readonly count: string };

export interface Argument {
  readonly name: string;
  readonly kind: ArgumentKind;
  readonly format: ArgumentFormat;
  /** For the formats `flags` and `choice`. */
  readonly table?: FlagTable;
  /** For pointers whose memory the table describes. */
  readonly direction?: Direction;
  readonly extent?: Extent;
  /** The stub copies it into the window before it posts the request (at most two in a call). */
  readonly piece: boolean;
  /** Its handler fetches what does not fit the window: then the stub copies nothing of it. */
  readonly bulk?: boolean;
  /** The call is routed by this descriptor: always the first argument. */
  readonly routes: boolean;
}

function scalar(name: string, kind: ArgumentKind, format: ArgumentFormat, table?: FlagTable): Argument {
  const argument = { name, kind, format, piece: false, routes: false };
  return table === undefined ? argument : { ...argument, table };
}

// ---- Values ----

export const int = (name: string) => scalar(name, "int", "int");
export const uint = (name: string) => scalar(name, "int", "unsigned");
/** A user or group id: -1 means "leave it". */
export const id = (name: string) => scalar(name, "int", "id");
export const mode = (name: string) => scalar(name, "int", "mode");
export const signal = (name: string) => scalar(name, "int", "signal");
export const size = (name: string) => scalar(name, "size", "unsigned");
export const offset = (name: string) => scalar(name, "off", "int");
/** An address, or a pointer that only the handler follows. */
export const addr = (name: string) => scalar(name, "ptr", "hex");
/** A register whose meaning depends on another argument. */
export const word = (name: string) => scalar(name, "size", "hex");
/** A register that the handler must see as it is. */
export const opaque = (name: string) => scalar(name, "opaque64", "hex");
export const mask = (name: string, table: FlagTable) => scalar(name, "mask64", "flags", table);
/** Any combination of the named bits. */
export const flags = (name: string, table: FlagTable) => scalar(name, "int", "flags", table);
/** The same in a 64-bit register (unsigned long). */
export const longFlags = (name: string, table: FlagTable) => scalar(name, "size", "flags", table);
/** One of the named values. */
export const choice = (name: string, table: FlagTable) => scalar(name, "int", "choice", table);

// ---- Descriptors ----

export const fd = (name: string) => scalar(name, "fd", "fd");
export const dirfd = (name: string) => scalar(name, "fd", "dirfd");
/** The descriptor whose owner serves the call. */
export const file: Argument = { ...fd("fd"), routes: true };

// ---- Memory the call reads: copied before the request is posted, unless wrapped in `later` ----

/** A path, or another string that ends in NUL. */
export const string = (name: string) => memory(name, "string", "in", { type: "cstring" });
/** `count` bytes. */
export const bytes = (name: string, count: string) =>
  memory(name, "bytes", "in", { type: "counted", shape: "u8", count });
/** The same of calls that move what does not fit the window without it. */
export const bulk = (name: string, count: string): Argument => ({ ...bytes(name, count), bulk: true });
export const input = (name: string, shape: ShapeName) =>
  memory(name, "struct", "in", { type: "fixed", shape, times: 1 });
/** An array: its length is a number, or the name of the argument that holds it. */
export const list = (name: string, shape: ShapeName, count: string | number) =>
  memory(name, "list", "in", arrayOf(shape, count));
/** A structure that grows with versions; its size is in another argument. */
export const sized = (name: string, shape: ShapeName, count: string) =>
  memory(name, "struct", "in", { type: "sized", shape, count });
export const sigset = (name: string) =>
  memory(name, "sigset", "in", { type: "fixed", shape: "u64", times: 1 });
export const sockaddr = (name: string, count: string) =>
  memory(name, "sockaddr", "in", { type: "counted", shape: "u8", count });
/** argv and environment: an array of strings that ends in a null pointer. */
export const strings = (name: string) => scalar(name, "ptr", "strings");

// ---- Memory the call writes ----

/** At most `count` bytes; as many as the result says. */
export const outBytes = (name: string, count: string) =>
  memory(name, "bytes", "out", { type: "counted", shape: "u8", count });
export const output = (name: string, shape: ShapeName) =>
  memory(name, "struct", "out", { type: "fixed", shape, times: 1 });
export const outList = (name: string, shape: ShapeName, count: string | number) =>
  memory(name, "list", "out", arrayOf(shape, count));
export const outSigset = (name: string) =>
  memory(name, "sigset", "out", { type: "fixed", shape: "u64", times: 1 });
/** The status that wait4 gives. */
export const outStatus = (name: string) =>
  memory(name, "wstatus", "out", { type: "fixed", shape: "i32", times: 1 });
/** A socket address; the next argument points to the room for it, and receives its length. */
export const outSockaddr = (name: string) => scalar(name, "ptr", "sockaddr");
/** Read, then written. */
export const update = (name: string, shape: ShapeName) =>
  memory(name, "struct", "inout", { type: "fixed", shape, times: 1 });
export const updateList = (name: string, shape: ShapeName, count: string | number) =>
  memory(name, "list", "inout", arrayOf(shape, count));

/** Not copied in advance: seldom needed, or a third pointer; the handler asks for it in a later round. */
export function later(argument: Argument): Argument {
  return { ...argument, piece: false };
}

function memory(name: string, format: ArgumentFormat, direction: Direction, extent: Extent): Argument {
  return { name, kind: "ptr", format, direction, extent, piece: direction !== "out", routes: false };
}

function arrayOf(shape: ShapeName, count: string | number): Extent {
  return typeof count === "number"
    ? { type: "fixed", shape, times: count }
    : { type: "counted", shape, count };
}
