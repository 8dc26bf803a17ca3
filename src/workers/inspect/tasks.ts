// Guest threads, and what each of them does, for `debug`: looked at when somebody asks, some at a time (F26).

import { syscallByNumber, syscallName } from "../../shared/abi/syscalls.ts";
import { TASKS_TOLD, type TaskReport } from "../../shared/inspect_report.ts";
import { ORIG_RAX } from "../../shared/ring/layout.ts";
import { Frame } from "../../shared/ring/slot.ts";
import { letOthersGoOn } from "../call/pieces.ts";
import { readProc } from "../platform/host_tasks.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { Task } from "../process/task.ts";
import { shortened } from "../trace/text.ts";
import { StackLooks } from "./stack.ts";
import { fileOf, waitOf } from "./waits.ts";

/** Tasks that are looked at in one turn. */
const TASKS_A_TURN = 4;
/** A stack is looked at so many times: it may lead on into files that are read only then. */
const LOOKS_MAX = 8;
/** From then on only once: whoever asks waits ten seconds for all stacks, and guests may make each take its time. */
const LOOKS_MS = 2000;
/** Bytes of all that is told, as JSON: an answer of the control protocol has room for twice as much. */
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
  const frame = state === "elsewhere" ? new Frame() : call.frame;
  if (frame !== call.frame) kernel.slots.readArguments(call.slot, frame, known.length);
  const args = known.map((_argument, i) => {
    const [low, high] = [BigInt(frame.argumentLow(i) >>> 0), BigInt(frame.argumentHigh(i) >>> 0)];
    return `0x${((high << 32n) | low).toString(16)}`;
  });
  const isFd = known[0]?.kind === "fd" && known[0].format === "fd";
  const file = isFd ? fileOf(task, frame.argumentLow(0)) : undefined;
  const waitsFor = waitOf(task, name);
  return {
    call: name,
    args,
    ...(file !== undefined && { file: shortened(file) }),
    ...(waitsFor !== undefined && { waitsFor }),
  };
}

function reportOf(task: Task, kernel: InspectContext, looks: StackLooks): TaskReport {
  const state = stateOf(task, kernel);
  const stack = task.dead ? [] : looks.of(task);
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

/** With the files that its stack leads through, as far as they are read before a time. */
async function wholeReportOf(
  task: Task,
  kernel: InspectContext,
  looks: StackLooks,
  untilMs: number,
): Promise<TaskReport> {
  for (let looked = 1; ; looked++) {
    const report = reportOf(task, kernel, looks);
    const isLast = looked === LOOKS_MAX || performance.now() > untilMs;
    if (!report.stack || !looks.isPreliminary || isLast) return report;
    while (looks.isLoading) {
      looks.loadPiece();
      if (kernel.longTurns.isFull) await letOthersGoOn(kernel);
    }
    await letOthersGoOn(kernel);
  }
}

/** All of them, or the first TASKS_TOLD, or those for which there is room; those that end meanwhile are told as ending. */
export async function reportTasks(kernel: InspectContext): Promise<{ tasks: TaskReport[]; isCut: boolean }> {
  const looks = new StackLooks(kernel);
  try {
    return await reportAll(kernel, looks);
  } finally {
    looks.close();
  }
}

async function reportAll(
  kernel: InspectContext,
  looks: StackLooks,
): Promise<{ tasks: TaskReport[]; isCut: boolean }> {
  const found: Task[] = [];
  let isCut = false;
  for (const task of kernel.pids.tasks()) {
    isCut = found.length === TASKS_TOLD;
    if (isCut) break;
    found.push(task);
  }
  const tasks: TaskReport[] = [];
  const untilMs = performance.now() + LOOKS_MS;
  let length = 0;
  for (const [i, task] of found.entries()) {
    const report = await wholeReportOf(task, kernel, looks, untilMs);
    length += Buffer.byteLength(JSON.stringify(report));
    if (length > LENGTH_MAX) {
      isCut = true;
      break;
    }
    tasks.push(report);
    if ((i + 1) % TASKS_A_TURN === 0) await letOthersGoOn(kernel);
  }
  kernel.owesAnswer = true;
  return { tasks, isCut };
}
