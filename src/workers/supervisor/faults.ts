// Faults and traps of guest code. The host's page tables equal the VMA set, so every host fault is a
// guest fault: the signal that Linux would send, with the host's own account of it.

import { FAULT_SIGNO } from "../../shared/ring/layout.ts";
import type { Task } from "./task.ts";

const SYNCHRONOUS = new Set([4 /* SIGILL */, 5 /* SIGTRAP */, 7 /* SIGBUS */, 8 /* SIGFPE */, 11 /* SIGSEGV */]);
const SIGSEGV = 11;

export function onFault(task: Task): void {
  const reported = task.kernel.slots.word(task.slot, FAULT_SIGNO);
  const signo = SYNCHRONOUS.has(reported) ? reported : SIGSEGV;
  task.kernel.log("debug", "fault", { pid: task.group.pid, signo, rip: task.kernel.whereIs(task) });
  task.group.exit(signo);
}
