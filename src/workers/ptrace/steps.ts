// What becomes of a trap behind an instruction of a traced thread, whose trap flag its tracer has set: it is a step's end, or
// what its debug registers watch has changed, or nobody wants to hear of it and the thread goes on.

import { SIGTRAP, TRAP_HWBKPT, TRAP_TRACE } from "../../shared/abi/signal.ts";
import * as L from "../../shared/ring/layout.ts";
import { Reply } from "../../shared/ring/slot_states.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import { readStubMemory } from "../platform/stub_memory.ts";
import type { Task } from "../process/task.ts";
import { forceSignal } from "../signals/send_signal.ts";
import type { DebugRegisters, WatchPoint } from "./debug_registers.ts";
import { readFrom } from "./memory.ts";
import { isInHostVdso } from "./stops.ts";
import type { Tracee } from "./tracee.ts";

function isSame(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** What stands there now, by the thread's own stub; null where it cannot be read. */
function* bytesAt(task: Task, { address, length }: WatchPoint): Generator<void, Uint8Array | null, void> {
  const direct = readStubMemory(task.stub, address, length);
  if (direct.length === length) return direct.slice();
  const { call } = task;
  call.outAt(address, length, L.WINDOW);
  if ((yield* call.copyInRound()) < length) return null;
  return call.bytes.slice(call.base + L.WINDOW, call.base + L.WINDOW + length);
}

function* lookAt(task: Task, tracee: Tracee<Task>, debug: DebugRegisters): Coroutine {
  const rip = task.kernel.slots.unsigned(task.call.slot, L.RIP);
  const hit: number[] = [];
  for (const point of debug.points) {
    if (point.length === 0) {
      if (point.address === rip) hit.push(point.index);
      continue;
    }
    const now = yield* bytesAt(task, point);
    if (!isSame(point.before, now)) hit.push(point.index);
    point.before = now;
  }
  if (hit.length > 0 || tracee.isStepped) {
    debug.hit(hit, tracee.isStepped);
    const code = tracee.isStepped ? TRAP_TRACE : TRAP_HWBKPT;
    forceSignal(task, { signo: SIGTRAP, code, addr: rip });
  }
  task.call.coroutine = null;
  task.returnToGuest(null);
  return NO_RESULT;
}

/** True: it is seen to. False: it is a trap as any other, of which the thread is told. */
export function onStep(task: Task): boolean {
  const { tracee, kernel, call } = task;
  if (tracee === null || !tracee.hasTrapFlag) return false;
  if (kernel.slots.word(call.slot, L.FAULT_CODE) !== TRAP_TRACE) return false;
  if (isInHostVdso(task)) {
    call.replyFinal(Reply.RESUME); // not by way of signals, whose frames would show it (F9): the guest's own code is stepped next
    return true;
  }
  const { debug } = tracee;
  if (debug?.isOn === true) {
    call.start(lookAt(task, tracee, debug));
    return true;
  }
  if (tracee.isStepped) return false;
  task.returnToGuest(null);
  return true;
}

/** Before it goes on: what its debug registers watch is as it is now. */
export function* lookBefore(
  asker: Task,
  tracee: Tracee<Task>,
  debug: DebugRegisters,
): Generator<void, void, void> {
  for (const point of debug.points) {
    if (point.length === 0) continue;
    const bytes = yield* readFrom(asker, tracee, point.address, point.length);
    point.before = typeof bytes !== "number" && bytes.length === point.length ? bytes : null;
  }
}
