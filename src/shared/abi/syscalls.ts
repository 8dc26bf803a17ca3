// The table of system calls: all of Linux x86-64, assembled from one file per owner (calls_*.ts, where
// the columns are explained). Whatever concerns "all calls" is derived from it: dispatch, marshalling,
// --strace, `ringfence help syscalls`. Adding a call: its entry there, one handler, one guest test.

import type { Call } from "./call.ts";
import { MEM_CALLS } from "./calls_mem.ts";
import { NET_CALLS } from "./calls_net.ts";
import { SUPERVISOR_CALLS } from "./calls_supervisor.ts";
import { VFS_CALLS } from "./calls_vfs.ts";

export type { Call, Level, Owner } from "./call.ts";

/** Every call, by number. */
export const SYSCALLS: readonly Call[] = [...SUPERVISOR_CALLS, ...VFS_CALLS, ...NET_CALLS, ...MEM_CALLS].sort(
  (a, b) => a.nr.x86_64 - b.nr.x86_64,
);

const byNumber: (Call | undefined)[] = [];
const byName = new Map<string, Call>();
for (const call of SYSCALLS) {
  byNumber[call.nr.x86_64] = call;
  byName.set(call.name, call);
}

/** The call with an x86-64 number. */
export function syscallByNumber(nr: number): Call | undefined {
  return byNumber[nr];
}

export function syscallByName(name: string): Call | undefined {
  return byName.get(name);
}

/** The x86-64 number of a call that the table certainly has. Throws otherwise: a slip in our own code. */
export function nr(name: string): number {
  const call = byName.get(name);
  if (call === undefined) throw new Error(`no system call named ${name}`);
  return call.nr.x86_64;
}

/** "openat" for 257, "syscall_999" for a number that Linux does not know. */
export function syscallName(number: number): string {
  return byNumber[number]?.name ?? `syscall_${number}`;
}
