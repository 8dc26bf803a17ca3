// The kernel of a thread beside thread 0, as far as all of them have the same: what its loop and its calls use of a
// kernel, and no processes. What it says to thread 0 are records (messages.ts).

import type { ElsewhereReport } from "../../shared/inspect_report.ts";
import { ActiveChunks } from "../../shared/ring/active.ts";
import { Attention } from "../../shared/ring/attention.ts";
import { Claims, sequenceOf } from "../../shared/ring/claims.ts";
import type { GuestMemory } from "../../shared/ring/guest_memory.ts";
import { KernelPage } from "../../shared/ring/kernel_page.ts";
import { WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { Passes } from "../../shared/ring/quiescence.ts";
import { Scanner } from "../../shared/ring/scan.ts";
import { Slots } from "../../shared/ring/slot.ts";
import { SUPERVISOR } from "../../shared/thread_plan.ts";
import type { Call } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import type { CallContext, CallObserver, CallTracer, KernelDescriptors } from "../call/context.ts";
import { Latencies } from "../call/latencies.ts";
import { LongTurns } from "../call/long_turns.ts";
import { NextSteps } from "../call/next_steps.ts";
import { PassEnd } from "../call/pass_end.ts";
import { Steps } from "../call/steps.ts";
import { Throws } from "../call/throws.ts";
import { Timers } from "../call/timers.ts";
import { WaitStacks } from "../call/wait_stacks.ts";
import { Wakes } from "../call/wakes.ts";
import { Counters } from "../counters.ts";
import { initialCredentials } from "../credentials/credentials.ts";
import { UserNamespace } from "../credentials/user_namespace.ts";
import { Credits } from "../credits.ts";
import { HEAP_BUDGET_MAX, HeapBudget, heapLimitFor } from "../heap_budget.ts";
import { type Limits, makeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { LoopContext, LoopPlacement } from "../loop.ts";
import { MemoryBudget } from "../memory_budget.ts";
import type { Native } from "../native.ts";
import { SleepSet } from "../sleep_set.ts";
import { Sysctls } from "../sysctls.ts";
import { ThreadFigures } from "../thread_figures.ts";
import type { ThreadParts } from "../thread_parts.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { Post } from "./post.ts";

/** It has a CPU of its own: it polls a while before it sleeps. */
const PLACEMENT: LoopPlacement = {
  pollNs: 50e3,
  sleepsAtOnce: false,
  isGathered: false,
  look: () => {},
  boundSleep: (timeoutNs) => timeoutNs,
  slept: () => {},
};

/** Which thread of a sandbox it is. */
export interface PoolPlace {
  readonly thread: number;
  /** How many there are. */
  readonly threads: number;
}

/** What finds its way to the thread. */
export interface PoolRequests {
  /** Serves what the scanner took from a slot. */
  serve(slot: number, request: number, nr: number): void;
  /** What served a call, or let it go on, threw. */
  onThrow(call: Call, error: unknown): void;
  /** Whose calls may wait here. */
  tasks(): Iterable<{ readonly firstTid: number; readonly call: Call }>;
}

export abstract class PoolKernel implements CallContext, LoopContext {
  readonly thread: number;
  readonly native: Native;
  readonly memory: GuestMemory;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  observer: CallObserver | null = null;
  /** Thread 0 serves what is traced. */
  readonly tracer: CallTracer | null = null;
  profiling: { giveUp(): void } | null = null;
  readonly counters = new Counters();
  readonly figures = new ThreadFigures();
  readonly limits: Limits;
  readonly heap: HeapBudget;
  readonly commonMemory: MemoryBudget;
  readonly credits: Credits;
  readonly sysctls = new Sysctls();
  readonly users = new UserNamespace(null);
  readonly rootCredentials = initialCredentials(0, 0, [], this.users);
  readonly sleep: SleepSet;
  readonly timers = new Timers();
  readonly steps = new Steps(this);
  readonly longTurns = new LongTurns(this);
  readonly latencies = new Latencies();
  stacks: WaitStacks | null = null;
  readonly nextSteps: NextSteps;
  readonly passEnd = new PassEnd();
  readonly throws: Throws;
  readonly claims: Claims;
  readonly active: ActiveChunks;
  readonly attention: Attention;
  readonly scanner: Scanner;
  readonly slots: Slots;
  readonly wakes: Wakes;
  readonly page: KernelPage;
  readonly passes: Passes;
  readonly placement: LoopPlacement = PLACEMENT;
  readonly stubs = { outstanding: false };
  readonly quiet = null;
  readonly stillness = null;
  readonly doorbell: number;
  readonly post: Post;
  readonly random = new Uint8Array(WINDOW_SIZE);
  abstract readonly requests: PoolRequests;
  current: Caller | null = null;
  nowNs = 0;
  owesAnswer = false;
  #lastId = 0;

  constructor({ native, memory, sab, descriptors, log, share }: ThreadParts, { thread, threads }: PoolPlace) {
    this.thread = thread;
    this.native = native;
    this.memory = memory;
    this.descriptors = descriptors;
    this.log = log;
    this.limits = makeLimits(0, share);
    this.heap = new HeapBudget(
      this.counters,
      this.limits,
      heapLimitFor(share.memory, share.of(HEAP_BUDGET_MAX)),
    );
    this.commonMemory = new MemoryBudget(this.counters, share.memory);
    this.credits = new Credits(sab, this);
    this.throws = new Throws(this.counters, log);
    this.sleep = new SleepSet(native);
    this.doorbell = native.doorbellCreate();
    this.claims = new Claims(sab.claims, sab.seen, memory.words, threads);
    this.active = new ActiveChunks(this.claims, sab.active, sab.widths, sab.limit, threads);
    this.attention = new Attention(sab.attention, this.claims);
    this.scanner = new Scanner(memory.words, this.claims, this.active, thread);
    this.slots = new Slots(memory.words, this.claims, this.active, thread);
    this.wakes = new Wakes(native);
    this.page = new KernelPage(memory.words);
    this.passes = new Passes(sab.control, thread);
    sab.setDoorbell(thread, this.doorbell);
    this.post = new Post(this, sab, threads, (record) => this.receive(record));
    this.nextSteps = new NextSteps(this.longTurns, (call, error) => this.requests.onThrow(call, error));
  }

  /** Something that thread 0 says. */
  protected abstract receive(record: Int32Array): void;

  /** As Kernel has it. */
  set keepsStacks(isOn: boolean) {
    if (isOn !== (this.stacks !== null)) this.stacks = isOn ? new WaitStacks() : null;
  }

  /** Where in it calls wait, as far as that is known. */
  *waits(): Generator<ElsewhereReport> {
    for (const { firstTid, call } of this.requests.tasks()) {
      const kernelStack = call.owned ? (this.stacks?.of(call) ?? []) : [];
      if (kernelStack.length > 0) yield { tid: firstTid, kernelStack };
    }
  }

  /** Nothing is under way, and nothing held: thread 0 has ended. */
  get isIdle(): boolean {
    return this.steps.size === 0;
  }

  // ---- What is said to thread 0 ----

  record(kind: number): Int32Array {
    return this.post.record(kind);
  }

  sendBack(): void {
    this.post.send(SUPERVISOR);
  }

  /** Passes a slot to thread 0: a record to fill for it, or null: the slot was closed meanwhile. */
  passBack(kind: number, slot: number, sequence: number): Int32Array | null {
    if (!this.claims.pass(slot, this.thread, SUPERVISOR, sequence)) return null;
    this.figures.passedOut++;
    const record = this.post.record(kind);
    record[M.SLOT] = slot;
    record[M.SEQUENCE] = sequence;
    return record;
  }

  /** What thread 0 is to serve, or to judge. */
  passRequest(slot: number, request: number, nr: number): void {
    const record = this.passBack(Message.REQUEST, slot, sequenceOf(request));
    if (record === null) return;
    this.figures.forwards++;
    record[M.REQUEST] = request;
    record[M.NR] = nr;
    this.sendBack();
  }

  nextDevice(): number {
    return ++this.#lastId;
  }

  nextMappedId(): number {
    return ++this.#lastId;
  }

  nextSpaceId(): number {
    return ++this.#lastId;
  }
}
