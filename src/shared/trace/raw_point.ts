// Points of any system call: syscall/NAME, syscall/NUMBER or syscall/all, with /enter or /exit behind it where one of the two is
// wanted.

import { syscallByName } from "../abi/syscalls.ts";
import { KP_MARSHAL_COUNT } from "../ring/layout.ts";

/** A raw point: which calls (null: all), and which of both ends. */
export interface RawPoint {
  readonly nr: number | null;
  readonly enter: boolean;
  readonly leave: boolean;
}

/** By what sessions name the fields that they want of one call, or, of null, of all others. */
export function rawName(nr: number | null): string {
  return nr === null ? "syscall/all" : `syscall/${nr}`;
}

const RAW = /^syscall\/([a-z0-9_]{1,32})(?:\/(enter|exit))?$/;

/** Null: no such point; undefined: it is none of these. */
export function rawPoint(name: string): RawPoint | null | undefined {
  if (!name.startsWith("syscall/")) return undefined;
  const [, which = "", end] = RAW.exec(name) ?? [];
  const ends = { enter: end !== "exit", leave: end !== "enter" };
  if (which === "all") return { nr: null, ...ends };
  const nr = /^\d+$/.test(which) ? Number(which) : syscallByName(which)?.nr.x86_64;
  return nr === undefined || nr >= KP_MARSHAL_COUNT ? null : { nr, ...ends };
}
