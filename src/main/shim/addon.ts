// shim.node as the shim sees it (native/shim/addon.h). Results are zero or more, or a negative errno.

import type { Message, PollHandle } from "../host.ts";

export interface Addon {
  recvMessage(fd: number, maxBytes: number): Message | number;
  accept(fd: number): number;
  pollStart(fd: number, events: number, callback: (events: number) => void): PollHandle;
  pollStop(handle: PollHandle): void;
  /** Starts a program with these descriptors as its 0, 1, 2..., and no others; its pid. */
  spawn(file: string, args: readonly string[], descriptors: readonly number[], directory: string): number;
  /** A child that has ended, with its wait status. */
  reap(): [pid: number, status: number] | null;
  mount(source: string, target: string, type: string, flags: number, data: string): number;
  unmount(target: string, flags: number): number;
  /** A listening unix socket. */
  listen(path: string): number;
  setWindow(fd: number, columns: number, rows: number): number;
  setNonBlocking(fd: number): number;
  read(fd: number, into: Uint8Array): number;
  write(fd: number, bytes: Uint8Array, from: number, to: number): number;
  duplicate(fd: number): number;
  pipe(): [reading: number, writing: number] | number;
  eventCounter(): number;
}

export const READABLE = 1;
export const WRITABLE = 2;
/** Of a pipe that is read: nobody writes to it any more. */
export const DISCONNECTED = 4;

export function loadAddon(path: string): Addon {
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as Addon;
}
