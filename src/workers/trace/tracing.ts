// Trace sessions of a kernel: how they come and go, and what has to change for it: which calls kernel thread 0 sees. Nothing of
// this exists in a kernel that nobody has traced.
//
// Calls that stubs post to other kernel threads come to thread 0 while somebody wants them, by the table in the kernel page:
// thread 0 passes them on, and gets their results (OtherThreads.visitWith). Only where calls are wanted that stubs answer by
// themselves is every task watched, as under --strace.

import { ALL_ON_THREAD_0, compileMarshal, MARSHAL_ENTRY_SIZE } from "../../shared/abi/marshal.ts";
import { SYSCALLS } from "../../shared/abi/syscalls.ts";
import type { KernelPage } from "../../shared/ring/kernel_page.ts";
import {
  SESSIONS_MAX,
  type TraceReport,
  type TraceRequest,
  type TraceSession,
  type TraceSink,
} from "../../shared/trace/session.ts";
import type { Timer } from "../call/timers.ts";
import { allowLocalAnswers } from "../platform/local_answers.ts";
import type { ProcessTracer, SupervisorContext } from "../process/context.ts";
import type { Tracer } from "../strace/tracer.ts";
import { Connector } from "./connector.ts";
import { LineSink } from "./line_sink.ts";
import { type Greeting, PacketSink } from "./packet_sink.ts";
import { Plans } from "./plans.ts";
import { QueueRoom } from "./queue_room.ts";
import { Session } from "./session.ts";
import type { Sink, SinkContext } from "./sink.ts";
import { Taps } from "./taps.ts";

export interface TracingContext extends SupervisorContext, SinkContext {
  tracer: ProcessTracer | null;
  readonly page: KernelPage;
}

const NS_PER_MS = 1e6;
/** How long the end of a program is held back for readers that have not read all yet. */
const SETTLE_NS = 200 * NS_PER_MS;

export class Tracing {
  readonly #kernel: TracingContext;
  readonly #taps: Taps;
  readonly #sessions = new Map<string, Session>();
  readonly #room = new QueueRoom();
  readonly #connectors = new Map<string, Connector>();
  #posted: readonly number[] = [];

  constructor(kernel: TracingContext, strace: Tracer | null) {
    this.#kernel = kernel;
    this.#taps = new Taps(kernel.native, strace);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Prints all calls from now on, or none. */
  set strace(strace: Tracer | null) {
    this.#taps.strace = strace;
    this.apply();
  }

  get isStraced(): boolean {
    return this.#taps.strace !== null;
  }

  /** Null, or what is wrong; the descriptors are the kernel's whatever comes of it. */
  create({ session: config, descriptors, connector: channel }: TraceRequest): string | null {
    const { name } = config;
    const wrong = this.#sessions.has(name)
      ? `there is a trace session ${name} already`
      : this.#sessions.size >= SESSIONS_MAX
        ? `there are ${SESSIONS_MAX} trace sessions already`
        : null;
    const made = wrong === null ? this.#makeSinks(config, descriptors, channel) : wrong;
    if (typeof made === "string") {
      for (const fd of new Set(descriptors)) if (fd >= 0) this.#kernel.native.close(fd);
      // With sinks that have failed their connector has ended.
      if (wrong !== null && channel >= 0) this.#kernel.native.close(channel);
      return made;
    }
    const session = new Session(config, made, this.#kernel.config.id, this.#kernel.counters);
    this.#sessions.set(name, session);
    this.#kernel.counters.traceSessions = this.#sessions.size;
    for (const sink of made) sink.onEnded = () => this.apply();
    this.apply();
    return null;
  }

  #makeSinks(config: TraceSession, descriptors: number[], channel: number): Sink[] | string {
    const kernel = this.#kernel;
    const connector = channel < 0 ? null : new Connector(kernel, channel);
    const greeting: Greeting = { sandbox: kernel.config.id, session: config.name };
    const sinks: Sink[] = [];
    try {
      for (const [i, sink] of config.sinks.entries()) {
        sinks.push(makeSink(kernel, sink, this.#room, greeting, descriptors[i] ?? -1, connector, i));
        descriptors[i] = -1;
      }
    } catch (error) {
      for (const sink of sinks) sink.end();
      connector?.end();
      return (error as Error).message;
    }
    if (connector !== null) this.#connectors.set(config.name, connector);
    return sinks;
  }

  /** False: there is no such session. */
  remove(name: string): boolean {
    const session = this.#sessions.get(name);
    if (session === undefined) return false;
    this.#sessions.delete(name);
    this.#kernel.counters.traceSessions = this.#sessions.size;
    this.#connectors.get(name)?.end();
    this.#connectors.delete(name);
    this.apply();
    session.end();
    return true;
  }

  /** The kernel ends. */
  end(): void {
    for (const name of [...this.#sessions.keys()]) this.remove(name);
  }

  reports(): TraceReport[] {
    return [...this.#sessions.values()].map((session) => session.report());
  }

  /** Calls `then` when readers have had time for what has been told. */
  settle(then: () => void): void {
    const waiting = [...this.#sessions.values()].flatMap(({ sinks }) => sinks).filter((sink) => !sink.isIdle);
    if (waiting.length === 0) {
      then();
      return;
    }
    const { timers, native } = this.#kernel;
    let timer: Timer | null = null;
    const look = (isLate: boolean) => {
      if (timer === null || (!isLate && waiting.some((sink) => !sink.isIdle))) return;
      timers.cancel(timer);
      timer = null;
      for (const sink of waiting) sink.onIdle.delete(looked);
      then();
    };
    const looked = () => look(false);
    timer = timers.add(native.monotonicNs() + SETTLE_NS, () => look(true));
    for (const sink of waiting) sink.onIdle.add(looked);
    for (const sink of waiting) sink.flush();
  }

  /** What is wanted has changed. */
  apply(): void {
    const kernel = this.#kernel;
    const wasWatched = kernel.tracer?.watchesAll === true;
    const taps = this.#taps;
    taps.plans = new Plans([...this.#sessions.values()].filter((session) => session.isHeard));
    kernel.tracer = taps.isNeeded ? taps : null;
    this.#post(taps.plans.posted);
    if (wasWatched !== (kernel.tracer?.watchesAll === true)) this.#watch();
  }

  /** Has stubs post these calls to thread 0, and others as ever. */
  #post(posted: readonly number[]): void {
    const { page } = this.#kernel;
    if (posted.length === 0 && this.#posted.length === 0) return;
    const marshal = new DataView(compileMarshal(SYSCALLS, ALL_ON_THREAD_0).buffer);
    for (const nr of this.#posted) page.setRoute(nr, marshal.getInt32(nr * MARSHAL_ENTRY_SIZE + 4, true));
    for (const nr of posted) page.setRoute(nr, 0);
    this.#posted = posted;
  }

  #watch(): void {
    const { pids, attention, taskAt } = this.#kernel;
    for (const task of pids.tasks()) {
      if (taskAt[task.call.slot] !== task) continue;
      allowLocalAnswers(this.#kernel, task);
      attention?.raise(task.call.slot, task.watch);
    }
  }
}

function makeSink(
  kernel: SinkContext,
  config: TraceSink,
  room: QueueRoom,
  greeting: Greeting,
  fd: number,
  connector: Connector | null,
  index: number,
): Sink {
  return config.type === "packets"
    ? new PacketSink(kernel, config, room, greeting, fd, connector, index)
    : new LineSink(kernel, config, room, fd);
}
