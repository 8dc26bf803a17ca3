// What becomes of a call that filters do not simply allow (seccomp(2), "Filter return values").

import { ENOSYS } from "../../shared/abi/errno.ts";
import * as P from "../../shared/abi/prctl.ts";
import { SIGKILL, SIGSYS, SYS_SECCOMP } from "../../shared/abi/signal.ts";
import { syscallName } from "../../shared/abi/syscalls.ts";
import * as L from "../../shared/ring/layout.ts";
import { NO_RESULT } from "../call/call.ts";
import { isRestart } from "../call/restart.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { endBySignal } from "../process/core_dump.ts";
import { endThread } from "../process/exit.ts";
import type { Task } from "../process/task.ts";
import { stopAtFilter } from "../ptrace/call_stops.ts";
import { parkIfStopped } from "../signals/job_control.ts";
import { forceSignal } from "../signals/send_signal.ts";
import { ARGUMENTS, CallData, INSTRUCTION_POINTER, type SeccompFilter } from "./filter.ts";

const ACTION = 0xffff0000;
const DATA = 0xffff;
const ERRNO_MAX = 4095;
const CALL_ARGUMENTS = 6;

const data = new CallData();

/** Its arguments stand in its frame, all of them. */
function describe({ kernel, call }: Task, nr: number): void {
  const { slots } = kernel;
  data.nr = nr;
  data.setWord(INSTRUCTION_POINTER, slots.word(call.slot, L.RIP));
  data.setWord(INSTRUCTION_POINTER + 4, slots.word(call.slot, L.RIP + 4));
  for (let i = 0; i < CALL_ARGUMENTS; i++) {
    data.setWord(ARGUMENTS + 8 * i, call.frame.argumentLow(i));
    data.setWord(ARGUMENTS + 8 * i + 4, call.frame.argumentHigh(i));
  }
}

function signal(task: Task, nr: number, reason: number): SigInfo {
  const address = task.kernel.slots.unsigned(task.call.slot, L.RIP);
  const refused = { address, nr, arch: P.AUDIT_ARCH_X86_64 };
  return { signo: SIGSYS, code: SYS_SECCOMP, errno: reason, refused };
}

function log(task: Task, nr: number, action: number): void {
  task.kernel.counters.filteredCalls++;
  task.kernel.log("debug", "a filter has caught a system call", {
    pid: task.firstPid,
    name: syscallName(nr),
    action: `0x${action.toString(16)}`,
  });
}

function end(task: Task): number {
  task.group.end(SIGKILL);
  return NO_RESULT;
}

/** Ends the process by SIGSYS, whatever else is pending or blocked. */
function kill(task: Task, nr: number, info: SigInfo): number {
  if (parkIfStopped(task, () => kill(task, nr, info))) return NO_RESULT;
  task.kernel.tracer?.signal(task, info);
  task.group.fatalSignal = info;
  endBySignal(task, info, nr);
  return NO_RESULT;
}

/** Goes to the handler of SIGSYS, with what stood in rax. Not by way of a result: that number may be any. */
function trap(task: Task, nr: number, info: SigInfo): number {
  forceSignal(task, info);
  task.kernel.tracer?.trapped(task.call, nr, -ENOSYS);
  task.kernel.observer?.leave(task.call, -ENOSYS);
  task.returnToGuest(nr);
  return NO_RESULT;
}

/** Where nothing is pending, errors by which Linux restarts calls are errors as any other. */
function answer(task: Task, result: number): number {
  if (!isRestart(result) || task.hasWork) return result;
  const { call, kernel } = task;
  if (call.traced !== null) kernel.tracer?.trapped(call, result, result);
  kernel.observer?.leave(call, result);
  call.finish(result);
  return NO_RESULT;
}

/** Null: the call is made. Else its result, by which it is over; signals may stand in between. */
export function judgeCall(task: Task, filter: SeccompFilter, nr: number, wasTraced: boolean): number | null {
  if (task.seccompMode === P.SECCOMP_MODE_STRICT)
    return task.group.alive > 1 ? endThread(task, SIGKILL) : end(task);
  describe(task, nr);
  const verdict = filter.answer(data) >>> 0;
  const action = (verdict & ACTION) >>> 0;
  const reason = verdict & DATA;
  if (action === P.SECCOMP_RET_ALLOW) return null;
  if (filter.logs || action === P.SECCOMP_RET_LOG || action < P.SECCOMP_RET_TRAP || action >= 0x80000000)
    log(task, nr, action);
  switch (action) {
    case P.SECCOMP_RET_LOG:
      return null;
    case P.SECCOMP_RET_ERRNO:
      return answer(task, -Math.min(reason, ERRNO_MAX));
    case P.SECCOMP_RET_TRAP:
      return trap(task, nr, signal(task, nr, reason));
    case P.SECCOMP_RET_TRACE:
      if (wasTraced) return null; // its tracer has seen it, and lets it be made
      return stopAtFilter(task, nr, reason) ? NO_RESULT : -ENOSYS;
    case P.SECCOMP_RET_USER_NOTIF:
      return -ENOSYS; // nobody listens
    case P.SECCOMP_RET_KILL_THREAD:
      if (task.group.alive > 1) return endThread(task, SIGSYS);
      break;
  }
  return kill(task, nr, signal(task, nr, reason));
}
