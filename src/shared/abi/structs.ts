// All structures by name, and the scalars that system calls point at: the shapes that the system call
// table speaks of. Each codec lives in the file of its area.

import { i32, i64, type StructType, type Type, u8, u32, u64 } from "./struct.ts";
import { STRUCT_CODE } from "./struct_code.ts";
import * as elf from "./structs_elf.ts";
import * as file from "./structs_file.ts";
import * as ipc from "./structs_ipc.ts";
import * as net from "./structs_net.ts";
import * as task from "./structs_task.ts";
import * as time from "./structs_time.ts";

export * from "./structs_elf.ts";
export * from "./structs_file.ts";
export * from "./structs_ipc.ts";
export * from "./structs_net.ts";
export * from "./structs_task.ts";
export * from "./structs_time.ts";

export const STRUCTS = { ...elf, ...file, ...ipc, ...net, ...task, ...time };

for (const [name, code] of Object.entries(STRUCT_CODE))
  Object.assign(STRUCTS[name as keyof typeof STRUCTS], code);

export const SCALARS = { u8, u32, i32, u64, i64 };

export const SHAPES = { ...SCALARS, ...STRUCTS };

export type ShapeName = keyof typeof SHAPES;

/** Bytes of one shape. */
export function sizeOf(name: ShapeName): number {
  return SHAPES[name].size;
}

/** The codec of a shape, without its value's type. */
export function shape(name: ShapeName): Type<unknown> {
  return SHAPES[name] as Type<unknown>;
}

/** The codec of a structure with any fields; undefined for a scalar. */
export function structOf(name: ShapeName): StructType<Record<string, Type<unknown>>> | undefined {
  return name in STRUCTS ? (SHAPES[name] as never) : undefined;
}
