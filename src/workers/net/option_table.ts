// Options of sockets as tables, one a level: how each is read and written.

import { EINVAL, ENOPROTOOPT } from "../../shared/abi/errno.ts";
import type { NetCaller } from "./caller.ts";
import type { SocketOptions } from "./options.ts";

/** What an option takes at least, where it says nothing else. */
export const INT = 4;

export interface Option<O extends SocketOptions = SocketOptions> {
  /** Without it the option is only set. A number: a negative errno. */
  get?(options: O, task: NetCaller, room: number): Buffer | number;
  /** 0 or a negative errno. Without it the option is only told. */
  set?(options: O, value: Buffer, task: NetCaller): number;
}

/** An option that copies by itself: its value is longer than usual, or it is asked with one. */
export interface LongOption<O extends SocketOptions = SocketOptions> {
  /** As the call answers; `room` bytes are at the address, and how many are used is told at `roomAt`. */
  get(options: O, task: NetCaller, address: number, room: number, roomAt: number): number;
  set(options: O, task: NetCaller, address: number, length: number): number;
}

export type OptionTable<O extends SocketOptions = SocketOptions> = ReadonlyMap<number, Option<O>>;

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(INT);
  bytes.writeInt32LE(value | 0);
  return bytes;
}

/** A number that is kept, and told again. */
export function kept(
  name: number,
  initial = 0,
  check: (value: number, task: NetCaller, options: SocketOptions) => number = () => 0,
): Option {
  return {
    get: (options) => int(options.kept(name) ?? initial),
    set: (options, value, task) => {
      const error = check(value.readInt32LE(), task, options);
      if (error === 0) options.keep(name, value.readInt32LE());
      return error;
    },
  };
}

export function flag(name: number): Option {
  return {
    get: (options) => int(options.kept(name) ?? 0),
    set: (options, value) => {
      options.keep(name, value.readInt32LE() !== 0 ? 1 : 0);
      return 0;
    },
  };
}

/** Of a table; ENOPROTOOPT for what it has not. */
export function getOption<O extends SocketOptions>(
  table: OptionTable<O>,
  options: O,
  name: number,
  task: NetCaller,
  room: number,
): Buffer | number {
  return table.get(name)?.get?.(options, task, room) ?? -ENOPROTOOPT;
}

export function setOption<O extends SocketOptions>(
  table: OptionTable<O>,
  options: O,
  name: number,
  value: Buffer,
  task: NetCaller,
): number {
  if (value.length < INT) return -EINVAL;
  return table.get(name)?.set?.(options, value, task) ?? -ENOPROTOOPT;
}
