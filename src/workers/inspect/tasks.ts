// Guest threads, and what each of them does, for `debug`: looked at when somebody asks, some at a time (F26).

import { setImmediate } from "node:timers/promises";
import { syscallByNumber, syscallName } from "../../shared/abi/syscalls.ts";
import { TASKS_TOLD, type TaskReport } from "../../shared/inspect_report.ts";
import { ORIG_RAX } from "../../shared/ring/layout.ts";
import { readProc } from "../platform/host_tasks.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { Task } from "../process/task.ts";
import { shortened } from "../trace/text.ts";
import { stackOf } from "./stack.ts";
import { fileOf, waitOf } from "./waits.ts";

/** Tasks that are looked at in one turn. */
const TASKS_A_TURN = 32;
/** Of all that is told, as JSON: an answer of the control protocol has room for twice as much. */
const LENGTH_MAX = 512 << 10;

interface InspectContext extends SupervisorContext {
  owesAnswer: boolean;
}

function stateOf(task: Task, kernel: InspectContext): TaskReport["state"] {
  const { call } = task;
  if (task.isEnding || task.leaving) return "ending";
  if (task.isHeld || task.tracee?.stop) return "stopped";
  if (kernel.otherThreads?.serves(call.slot) === true) return "elsewhere";
  if (call.waiter !== null || call.coroutine !== null || call.asked !== null) return "waiting";
  if (call.owned) return "served";
  return isAsleep(task, kernel) ? "asleep" : "running";
}

/** At the host, where the kernel sees nothing of it: what its stub waits for by itself. */
function isAsleep({ stub, hostTid }: Task, kernel: InspectContext): boolean {
  const stat = readProc(kernel, `${stub.pid}/task/${hostTid}/stat`);
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state === "S" || state === "D";
}

function callOf(task: Task, state: TaskReport["state"], kernel: InspectContext): Partial<TaskReport> {
  const { call } = task;
  // Of a call that another thread serves what that was told of it.
  const nr = state === "elsewhere" ? kernel.slots.word(call.slot, ORIG_RAX) : call.nr;
  if (nr < 0) return {};
  const name = syscallName(nr);
  const known = syscallByNumber(nr)?.arguments ?? [];
  const args = known.map((_argument, i) => {
    const [low, high] = [BigInt(call.frame.argumentLow(i) >>> 0), BigInt(call.frame.argumentHigh(i) >>> 0)];
    return `0x${((high << 32n) | low).toString(16)}`;
  });
  const isFd = known[0]?.kind === "fd" && known[0].format === "fd";
  const file = isFd ? fileOf(task, call.frame.argumentLow(0)) : undefined;
  const waitsFor = waitOf(task, name);
  return {
    call: name,
    args,
    ...(file !== undefined && { file: shortened(file) }),
    ...(waitsFor !== undefined && { waitsFor }),
  };
}

function reportOf(task: Task, kernel: InspectContext): TaskReport {
  const state = stateOf(task, kernel);
  const stack = task.dead ? [] : stackOf(task);
  const kernelStack = state === "waiting" ? (kernel.stacks?.of(task.call) ?? []) : [];
  return {
    pid: task.firstPid,
    tid: task.firstTid,
    comm: shortened(task.comm),
    container: task.container.id,
    state,
    ...(task.dead ? {} : callOf(task, state, kernel)),
    ...(stack.length > 0 && { stack }),
    ...(kernelStack.length > 0 && { kernelStack }),
  };
}

/** All of them, or the first TASKS_TOLD, or those for which there is room; those that end meanwhile are told as ending. */
export async function reportTasks(kernel: InspectContext): Promise<{ tasks: TaskReport[]; isCut: boolean }> {
  const found: Task[] = [];
  let isCut = false;
  for (const task of kernel.pids.tasks()) {
    isCut = found.length === TASKS_TOLD;
    if (isCut) break;
    found.push(task);
  }
  const tasks: TaskReport[] = [];
  let length = 0;
  for (const [i, task] of found.entries()) {
    const report = reportOf(task, kernel);
    length += JSON.stringify(report).length;
    if (length > LENGTH_MAX) {
      isCut = true;
      break;
    }
    tasks.push(report);
    if ((i + 1) % TASKS_A_TURN !== 0) continue;
    kernel.owesAnswer = true;
    await setImmediate();
  }
  kernel.owesAnswer = true;
  return { tasks, isCut };
}
