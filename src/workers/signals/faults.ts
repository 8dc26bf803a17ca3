// Faults and traps of guest code. The host's page tables equal the VMA set, so every host fault is a
// guest fault: the signal that Linux would send, with the host's own account of it.

import { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP } from "../../shared/abi/signal.ts";
import * as L from "../../shared/ring/layout.ts";
import type { Task } from "../process/task.ts";
import { onStep } from "../ptrace/steps.ts";
import { returnToGuest } from "./deliver_signal.ts";
import { forceSignal } from "./send_signal.ts";

const SYNCHRONOUS = new Set<number>([SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV]);

export function onFault(task: Task): void {
  const { slots } = task.kernel;
  // What the stub reports is the guest's own business; it only has to be a fault at all.
  const reported = slots.word(task.call.slot, L.FAULT_SIGNO);
  const signo = SYNCHRONOUS.has(reported) ? reported : SIGSEGV;
  if (signo === SIGTRAP && task.isTraced && onStep(task)) return;
  const code = slots.word(task.call.slot, L.FAULT_CODE);
  const addr = slots.unsigned(task.call.slot, L.FAULT_ADDR);
  task.lastFault = {
    trapno: slots.word(task.call.slot, L.FAULT_TRAPNO) >>> 0,
    err: slots.word(task.call.slot, L.FAULT_ERR) >>> 0,
    cr2: slots.unsigned(task.call.slot, L.FAULT_CR2),
  };
  task.kernel.log("debug", "fault", {
    pid: task.firstPid,
    signo,
    code,
    addr,
    rip: `0x${slots.unsigned(task.call.slot, L.RIP).toString(16)}`,
  });
  forceSignal(task, { signo, code, addr });
  returnToGuest(task, null);
}
