// One entry of the system call table, and the words its tables are written in. The first word of an
// entry is its support level: `full` (all that Linux does), `part` (the note says what is missing),
// `none` (ENOSYS and a counted log line, or the note).

import type { Argument } from "./arguments.ts";
import { isPosted } from "./unseen_calls.ts";

/** The subsystem that serves a call. */
export type Owner = "supervisor" | "vfs" | "net" | "mem";

export type Level = "full" | "partial" | "none";

/** How --strace prints the result of a call that succeeded. */
export type ResultFormat = "int" | "hex" | "mode" | "never";

export interface Call {
  readonly name: string;
  /** Linux's number per architecture. */
  readonly nr: { readonly x86_64: number };
  readonly arguments: readonly Argument[];
  readonly owner: Owner;
  /** By which word the stub finds the kernel thread to ring: a hint, the claimer checks it. */
  readonly route: "number" | "fd";
  readonly level: Level;
  readonly note: string;
  readonly result: ResultFormat;
  /** The stub copies the signal frame that the stack pointer names. */
  readonly copiesContext: boolean;
}

export interface CallOptions {
  note?: string;
  result?: ResultFormat;
  copiesContext?: boolean;
}

/** An entry before its table has said who owns it. */
export type Row = Omit<Call, "owner">;

function row(level: Level, x86_64: number, name: string, args: Argument[], options: CallOptions): Row {
  return {
    name,
    nr: { x86_64 },
    arguments: args,
    route: args[0]?.routes === true && isPosted(name) ? "fd" : "number",
    level,
    note: options.note ?? "",
    result: options.result ?? "int",
    copiesContext: options.copiesContext ?? false,
  };
}

export const full = (nr: number, name: string, args: Argument[], options: CallOptions = {}) =>
  row("full", nr, name, args, options);
export const part = (nr: number, name: string, args: Argument[], options: CallOptions & { note: string }) =>
  row("partial", nr, name, args, options);
export const none = (nr: number, name: string, args: Argument[], options: CallOptions = {}) =>
  row("none", nr, name, args, options);

/** Gives a table's rows their owner. */
export function ownedBy(owner: Owner, rows: readonly Row[]): readonly Call[] {
  return rows.map((entry) => ({ ...entry, owner }));
}
