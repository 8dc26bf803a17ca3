// What stands at the points of the kernel while somebody traces: every hook of theirs leads here (kernel.tracer), and is null while
// nobody does. Of calls a table by number says who wants to hear of them, so that others cost a look at it.

import { EINTR } from "../../shared/abi/errno.ts";
import { syscallName } from "../../shared/abi/syscalls.ts";
import { point } from "../../shared/trace/points.ts";
import type { Call } from "../call/call.ts";
import { isRestart } from "../call/restart.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Native } from "../native.ts";
import type { ExecutedImage, ProcessTracer } from "../process/context.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import { signalName } from "../strace/strace_values.ts";
import { Tracer } from "../strace/tracer.ts";
import { Captured } from "./captured.ts";
import { TraceEvent } from "./event.ts";
import { eventOf, rawEvent, shown, tellResult } from "./fields.ts";
import { type CallPlan, Plans } from "./plans.ts";
import type { Session } from "./session.ts";
import { type Stamp, stampNow } from "./stamp.ts";

const SIGNAL_MASK = 0x7f;
/** Of a call that --strace alone wants. */
const STRACED = {};

export class Taps implements ProcessTracer {
  readonly #native: Native;
  strace: Tracer | null;
  plans = new Plans([]);
  /** Makes the text of calls for those who want it. */
  readonly #texts: Tracer;
  #text = "";

  constructor(native: Native, strace: Tracer | null) {
    this.#native = native;
    this.strace = strace;
    this.#texts = new Tracer((line) => {
      this.#text = line.replace(/^\[\d+\] /, "");
    });
  }

  get isNeeded(): boolean {
    return this.strace !== null || !this.plans.isEmpty;
  }

  get watchesAll(): boolean {
    return this.strace !== null || this.plans.wantsUnseen;
  }

  wants(nr: number): boolean {
    return this.strace !== null || this.plans.of(nr) !== null;
  }

  #now(): () => Stamp {
    let stamp: Stamp | null = null;
    return () => {
      stamp ??= stampNow(this.#native);
      return stamp;
    };
  }

  #tell(sessions: readonly Session[], event: TraceEvent): void {
    const now = this.#now();
    for (const session of sessions) session.tell(event, now);
  }

  // ---- Calls ----

  enter(call: Call): void {
    this.strace?.enter(call);
    const plan = this.plans.of(call.nr);
    if (plan === null) {
      call.traced = this.strace === null ? null : STRACED;
      return;
    }
    const captured = new Captured(call);
    call.traced = captured;
    if (plan.withText) this.#texts.enter(call);
    if (plan.enter.length > 0) this.#tell(plan.enter, rawEvent(captured, call.caller as Task, null));
  }

  leave(call: Call, result: number): void {
    const { traced } = call;
    this.strace?.leave(call, result);
    if (traced instanceof Captured && isRestart(result)) this.#interrupted(call, traced, result);
    else {
      call.traced = null;
      if (traced instanceof Captured) this.#left(call, traced, result);
    }
  }

  // It is made again, or a handler has it end: then that is told (deliver_signal.ts). What a connect has begun goes on, whatever
  // becomes of the call.
  #interrupted(call: Call, captured: Captured, result: number): void {
    const plan = this.plans.of(captured.nr);
    if (plan === null) return;
    this.#tellRaw(plan, call, captured, result);
    if (plan.point !== "connect") return;
    this.#tell(plan.told, eventOf(plan.point, captured, call.caller as Task, -EINTR));
    captured.isTold = true;
  }

  trapped(call: Call, nr: number, result: number): void {
    const { traced } = call;
    call.traced = null;
    this.strace?.leave(call, nr);
    if (traced instanceof Captured) this.#left(call, traced, result);
  }

  #left(call: Call, captured: Captured, result: number): void {
    // Its session may have ended meanwhile.
    const plan = this.plans.of(captured.nr);
    if (plan === null) return;
    const task = call.caller as Task;
    if (!captured.isRawTold) this.#tellRaw(plan, call, captured, result);
    if (plan.point === null || captured.isTold) return;
    // What becomes of those that succeed is told by cloned() and execed().
    if (result >= 0 && (plan.point === "clone" || plan.point === "exec")) return;
    if (isWanted(plan.told, task)) this.#tell(plan.told, eventOf(plan.point, captured, task, result));
  }

  #tellRaw(plan: CallPlan, call: Call, captured: Captured, result: number): void {
    captured.isRawTold = true;
    if (plan.withText) {
      this.#text = "";
      this.#texts.leave(call, result);
    }
    const task = call.caller as Task;
    if (!isWanted(plan.leave, task)) return;
    const event = rawEvent(captured, task, result);
    if (this.#text !== "") event.fields.text = this.#text;
    this.#tell(plan.leave, event);
  }

  accepted(call: Call, peer: string): void {
    if (call.traced instanceof Captured) call.traced.peer = peer;
  }

  // ---- Processes ----

  signal(task: Task, info: SigInfo): void {
    this.strace?.signal(task, info);
  }

  ended(task: Task, status: number): void {
    this.strace?.ended(task, status);
    const sessions = this.plans.at("exit");
    if (!isWanted(sessions, task)) return;
    const event = new TraceEvent(point("exit"), task);
    const signo = status & SIGNAL_MASK;
    event.fields.status = status;
    if (signo === 0) event.fields.code = (status >> 8) & 0xff;
    else event.fields.signal = signalName(signo);
    event.fields.isGroup = task.group.exiting;
    event.failed = status !== 0;
    this.#tell(sessions, event);
  }

  cloned(child: Task, creator: Task): void {
    const sessions = this.plans.at("clone");
    if (!isWanted(sessions, creator)) return;
    const event = new TraceEvent(point("clone"), creator);
    nameCall(event, creator);
    tellResult(event, child.id.in(creator.pids));
    event.fields.childPid = child.group.id.in(creator.pids);
    event.fields.childTid = child.id.in(creator.pids);
    event.fields.childSandboxPid = child.firstPid;
    event.fields.isThread = child.group === creator.group;
    this.#tell(sessions, event);
  }

  execed(old: Task, next: Task, image: ExecutedImage): void {
    const sessions = this.plans.at("exec");
    if (!isWanted(sessions, next)) return;
    const event = new TraceEvent(point("exec"), next);
    nameCall(event, old);
    tellResult(event, 0);
    event.place("path", shown(image.program.path, next) ?? image.execfn);
    event.list("argv", image.argv);
    event.fields.argc = image.argv.length;
    if (sessions.some((session) => session.wants("exec", "envp"))) event.list("envp", image.envp);
    const cwd = shown(next.fs.cwd, next);
    if (cwd !== null) event.text("cwd", cwd);
    this.#tell(sessions, event);
  }

  // ---- Containers ----

  started(task: Task, argv: readonly string[], isFirst: boolean): void {
    const sessions = this.plans.at("container_start");
    if (!isWanted(sessions, task)) return;
    const event = new TraceEvent(point("container_start"), task);
    event.list("argv", argv);
    event.fields.argc = argv.length;
    const cwd = shown(task.fs.cwd, task);
    if (cwd !== null) event.text("cwd", cwd);
    event.fields.isFirst = isFirst;
    this.#tell(sessions, event);
  }

  containerEnded({ leader, exitStatus }: ThreadGroup): void {
    const sessions = this.plans.at("container_end");
    if (!isWanted(sessions, leader)) return;
    const event = new TraceEvent(point("container_end"), leader);
    event.fields.status = exitStatus;
    event.failed = exitStatus !== 0;
    this.#tell(sessions, event);
  }
}

/** An event is made only where somebody may want one of that task's. */
function isWanted(sessions: readonly Session[], task: Task): boolean {
  for (const session of sessions) if (session.mayWant(task)) return true;
  return false;
}

/** Of the call in progress: it may have begun before somebody traced. */
function nameCall(event: TraceEvent, { call }: Task): void {
  if (call.traced instanceof Captured) event.fields.call = syscallName(call.traced.nr);
}
