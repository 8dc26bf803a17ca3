// Compiles the system call table into the forms that run: the marshal entries of the kernel page (what
// a stub copies into the window before it posts, and whom it rings) and the argument classes by which
// the dispatcher decodes registers. layout.h describes an entry's bits.

import {
  KP_MARSHAL_COUNT,
  PIECE_BUFFER,
  PIECE_BULK,
  PIECE_CONTEXT,
  PIECE_CSTRING,
  PIECE_FIXED,
  PIECE_FP_FORM,
  PIECE_NONE,
  ROUTE_FD,
  ROUTE_NUMBER,
} from "../ring/layout.ts";
import type { Argument, ArgumentKind } from "./arguments.ts";
import type { Call, Owner } from "./call.ts";
import { sizeOf } from "./structs.ts";

/** Which kernel thread hosts which subsystem. */
export type Placement = Readonly<Record<Owner, number>>;

export const ALL_ON_THREAD_0: Placement = { supervisor: 0, vfs: 0, net: 0, mem: 0 };

export const MARSHAL_ENTRY_SIZE = 8;

// An entry: u16 piece 0, u16 piece 1, u8 kernel thread, u8 route, u16 zero.
const ENTRY_PIECE = [0, 2] as const;
const ENTRY_THREAD = 4;
const ENTRY_ROUTE = 5;

// A piece: bits 0-2 kind, 3-5 argument that holds the address, 6-15 by kind.
const PIECE_ARGUMENT_SHIFT = 3;
const PIECE_DETAIL_SHIFT = 6;
const BUFFER_LOG2_SHIFT = 9;
const FIXED_MAX = 1023;

/** The arguments of a call that its marshal entry copies, in the order of pieces 0 and 1. */
export function pieceArguments(call: Call): number[] {
  const indexes: number[] = [];
  for (const [index, argument] of call.arguments.entries()) if (argument.piece) indexes.push(index);
  if (indexes.length > 2) throw new Error(`${call.name}: more than two arguments are copied in advance`);
  return indexes;
}

/** The kernel page's marshal table: MARSHAL_ENTRY_SIZE bytes for each number below KP_MARSHAL_COUNT. */
export function compileMarshal(calls: readonly Call[], placement: Placement): Uint8Array {
  const table = new Uint8Array(KP_MARSHAL_COUNT * MARSHAL_ENTRY_SIZE);
  const view = new DataView(table.buffer);
  for (let nr = 0; nr < KP_MARSHAL_COUNT; nr++) {
    // Numbers without an entry go to the supervisor, which answers ENOSYS.
    view.setUint8(nr * MARSHAL_ENTRY_SIZE + ENTRY_THREAD, placement.supervisor);
  }
  for (const call of calls) {
    const at = call.nr.x86_64 * MARSHAL_ENTRY_SIZE;
    for (const [piece, index] of pieceArguments(call).entries()) {
      view.setUint16(at + ENTRY_PIECE[piece]!, encodePiece(call, index), true);
    }
    if (call.copiesContext) {
      view.setUint16(at + ENTRY_PIECE[0], PIECE_CONTEXT, true);
      view.setUint16(at + ENTRY_PIECE[1], PIECE_FP_FORM, true);
    }
    view.setUint8(at + ENTRY_THREAD, placement[call.owner]);
    view.setUint8(at + ENTRY_ROUTE, call.route === "fd" ? ROUTE_FD : ROUTE_NUMBER);
  }
  return table;
}

function encodePiece(call: Call, index: number): number {
  const { extent } = call.arguments[index]!;
  const head = (kind: number, detail: number) =>
    kind | (index << PIECE_ARGUMENT_SHIFT) | (detail << PIECE_DETAIL_SHIFT);
  switch (extent?.type) {
    case "cstring":
      return head(PIECE_CSTRING, 0);
    case "fixed": {
      const bytes = sizeOf(extent.shape) * extent.times;
      if (bytes > FIXED_MAX) throw new Error(`${call.name}: argument ${index} is too long for a piece`);
      return head(PIECE_FIXED, bytes);
    }
    case "counted": {
      const log2 = Math.log2(sizeOf(extent.shape));
      if (!Number.isInteger(log2))
        throw new Error(`${call.name}: elements of argument ${index} have an odd size`);
      const kind = call.arguments[index]!.bulk === true ? PIECE_BULK : PIECE_BUFFER;
      return head(kind, countIndex(call, extent.count)) | (log2 << BUFFER_LOG2_SHIFT);
    }
    case "sized":
      return head(PIECE_BUFFER, countIndex(call, extent.count));
    case undefined:
      return PIECE_NONE;
  }
}

/** The index of the argument that an extent names as its count. */
export function countIndex(call: Call, name: string): number {
  const index = call.arguments.findIndex((argument) => argument.name === name);
  if (index < 0) throw new Error(`${call.name} has no argument ${name}`);
  return index;
}

// ---- Decoding ----

export const ARGUMENT_CLASS: Readonly<Record<ArgumentKind, number>> = {
  int: 1,
  fd: 2,
  ptr: 3,
  size: 4,
  off: 5,
  mask64: 6,
  opaque64: 7,
};

/** Classes of one call take so many bytes: six arguments, the number of arguments, one unused. */
export const CLASS_STRIDE = 8;
export const CLASS_COUNT_AT = 6;

/** Argument classes (0: none) at nr * CLASS_STRIDE + argument; their count at CLASS_COUNT_AT. */
export function compileClasses(calls: readonly Call[]): Uint8Array {
  const classes = new Uint8Array(KP_MARSHAL_COUNT * CLASS_STRIDE);
  for (const call of calls) {
    const at = call.nr.x86_64 * CLASS_STRIDE;
    call.arguments.forEach((argument: Argument, index: number) => {
      classes[at + index] = ARGUMENT_CLASS[argument.kind];
    });
    classes[at + CLASS_COUNT_AT] = call.arguments.length;
  }
  return classes;
}
