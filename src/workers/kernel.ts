// The Kernel object: the state of one guest system. Everything hangs off it; no module of the kernel
// has state of its own, so one process may host several kernels. Here is what the subsystems share
// and how a request finds its way to them; the kernel thread's loop is host.ts.

import type { ProcessSpec, SandboxConfig } from "../shared/process_spec.ts";
import { compileMarshal, ALL_ON_THREAD_0, MARSHAL_ENTRY_SIZE } from "../shared/abi/marshal.ts";
import { SYSCALLS } from "../shared/abi/syscalls.ts";
import { ActiveChunks } from "../shared/ring/active.ts";
import { ChunkPlaces, Passes } from "../shared/ring/chunk_places.ts";
import { Claims, kindOf, sequenceOf } from "../shared/ring/claims.ts";
import type { GuestMemory } from "../shared/ring/guest_memory.ts";
import { KernelPage } from "../shared/ring/kernel_page.ts";
import { KP_MARSHAL_COUNT, RIP, WINDOW_SIZE } from "../shared/ring/layout.ts";
import type { PrivateSab } from "../shared/ring/private_sab.ts";
import { Scanner } from "../shared/ring/scan.ts";
import { Slots } from "../shared/ring/slot.ts";
import { Request } from "../shared/ring/slot_states.ts";
import { Counters } from "./counters.ts";
import type { Native } from "./native.ts";
import { SleepSet } from "./sleep_set.ts";
import { UserNamespace } from "./supervisor/credentials.ts";
import { Dispatcher } from "./supervisor/dispatch.ts";
import { onFault } from "./supervisor/faults.ts";
import { PidNamespace } from "./supervisor/pids.ts";
import { startProgram } from "./supervisor/start.ts";
import type { StubProcess } from "./supervisor/stub_process.ts";
import { Stubs } from "./supervisor/stubs.ts";
import { BLOCKED, type Task, type ThreadGroup } from "./supervisor/task.ts";
import { UtsNamespace } from "./supervisor/uts.ts";
import { Timers } from "./timers.ts";
import { Tracer } from "./tracer.ts";

const SIGKILL = 9;

export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

export interface KernelDescriptors {
  proc: number;
  zygote: number;
  root: number;
}

export class Kernel {
  readonly native: Native;
  readonly config: SandboxConfig;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  /** One line per system call, or null. */
  readonly strace: ((line: string) => void) | null;
  readonly tracer: Tracer;
  readonly memory: GuestMemory;
  readonly claims: Claims;
  readonly active: ActiveChunks;
  readonly scanner: Scanner;
  readonly slots: Slots;
  readonly page: KernelPage;
  readonly passes: Passes;
  readonly places: ChunkPlaces;
  readonly sleep: SleepSet;
  readonly timers = new Timers();
  readonly counters = new Counters();
  readonly stubs: Stubs;
  readonly dispatcher: Dispatcher;
  readonly pids = new PidNamespace();
  readonly users = new UserNamespace(null);
  readonly uts: UtsNamespace;
  /** The task of each slot, by slot number. */
  readonly taskAt: (Task | undefined)[] = [];
  readonly doorbell: number;
  readonly thread = 0;
  /** Wait statuses of programs started from outside that nobody has fetched yet. */
  readonly #statuses = new Map<number, number>();
  /** Where random bytes are made before they go to shared memory. */
  readonly random = new Uint8Array(WINDOW_SIZE);

  constructor(
    native: Native,
    memory: GuestMemory,
    sab: PrivateSab,
    config: SandboxConfig,
    descriptors: KernelDescriptors,
    log: Log,
    strace: ((line: string) => void) | null,
  ) {
    this.native = native;
    this.memory = memory;
    this.config = config;
    this.descriptors = descriptors;
    this.log = log;
    this.strace = strace;
    this.tracer = new Tracer(strace ?? (() => {}));
    this.claims = new Claims(sab.claims, sab.lastSequences, memory.words);
    this.active = new ActiveChunks(sab.runnable, sab.active, sab.limit);
    this.scanner = new Scanner(memory.words, this.claims, this.active, this.thread);
    this.slots = new Slots(memory.words, this.claims, this.active);
    this.page = new KernelPage(memory.words);
    this.passes = new Passes(sab.control, this.thread);
    this.places = new ChunkPlaces(sab.control, 1, this.active);
    this.sleep = new SleepSet(native);
    this.doorbell = native.doorbellCreate();
    this.uts = new UtsNamespace(config.hostname);
    this.stubs = new Stubs(this, descriptors.zygote);
    this.dispatcher = new Dispatcher(this);
  }

  /** Maps the kernel page, fills it in and introduces the zygote. Throws: there is no sandbox without. */
  boot(spin: number): void {
    const readOnly = this.native.mapKernelPage(this.descriptors.proc);
    if (readOnly < 0) throw new Error(`kernel page: errno ${-readOnly} (is the sandbox's proc usable?)`);
    this.page.initialise(1, spin);
    const marshal = new DataView(compileMarshal(SYSCALLS, ALL_ON_THREAD_0).buffer);
    for (let nr = 0; nr < KP_MARSHAL_COUNT; nr++) {
      const at = nr * MARSHAL_ENTRY_SIZE;
      this.page.setMarshal(nr, marshal.getInt32(at, true), marshal.getInt32(at + 4, true));
    }
    this.stubs.hello(readOnly, [this.doorbell]);
    this.native.close(readOnly);
  }

  /** Starts a program; its guest pid or a negative errno. */
  startProgram(spec: ProcessSpec, stdio: readonly [number, number, number]): number {
    return startProgram(this, spec, stdio);
  }

  // ---- Requests ----

  /** Serves the request that the scanner took from a slot. The only place that catches a handler's throw (F21). */
  serve(slot: number, request: number): void {
    const task = this.taskAt[slot];
    if (task === undefined) return; // closed while its request was on the way
    task.owned = true;
    task.sequence = sequenceOf(request);
    try {
      this.#serve(task, kindOf(request));
    } catch (error) {
      this.counters.handlerErrors++;
      const stack = error instanceof Error ? error.stack : String(error);
      this.log("error", "a handler threw: its process is killed", { pid: task.group.pid, nr: task.nr, stack });
      this.killHostile(task);
    }
  }

  #serve(task: Task, kind: number): void {
    this.counters.requests++;
    if (task.group.exiting) return; // its host process is being killed
    switch (kind) {
      case Request.SYSCALL:
        if (task.coroutine !== null) break;
        this.dispatcher.serve(task);
        return;
      case Request.OPS_DONE:
      case Request.COPY_READY:
      case Request.STARTED:
        if (task.coroutine === null) break;
        this.stubs.settle(task);
        task.resume();
        return;
      case Request.OUT_FAULT:
        if (task.coroutine !== null) break;
        this.dispatcher.outFault(task);
        return;
      case Request.FAULT:
      case Request.TRAP:
        if (task.coroutine !== null) break;
        onFault(task);
        return;
      default:
        break;
    }
    // A request that the task's state does not allow: only a stub that is not ours posts it.
    this.counters.protocolErrors++;
    this.log("warn", "a stub broke the protocol: killed", { pid: task.group.pid, kind });
    this.killHostile(task);
  }

  /** A call is over: the result goes back to the guest. */
  complete(task: Task, result: number): void {
    if (result === BLOCKED) return;
    this.dispatcher.leave(task, result);
    task.finish(result);
  }

  killHostile(task: Task): void {
    task.group.exit(SIGKILL);
  }

  // ---- Ends ----

  /** Takes back what was made for a program whose stub could not be started. */
  abandon(stub: StubProcess, error: number): void {
    this.log("error", "a stub could not be started", { errno: -error });
    for (const task of stub.tasks) {
      task.group.exitStatus = SIGKILL;
      this.stubs.closeSlot(task);
    }
    if (stub.pid === 0) {
      stub.releaseChunks();
      this.onStubDeath(stub);
    } else stub.kill();
  }

  /** The wait status of a program that ended before anybody asked; 0x7f00 when it is not known. */
  takeStatus(pid: number): number {
    const status = this.#statuses.get(pid) ?? 127 << 8;
    this.#statuses.delete(pid);
    return status;
  }

  /** A stub's host process is gone. */
  onStubDeath(stub: StubProcess): void {
    const groups = new Set<ThreadGroup>(stub.tasks.map((task) => task.group));
    for (const group of groups) {
      // Not by our doing: the host killed it (its OOM killer, an operator), or the guest called exit itself.
      if (!group.exiting) group.exitStatus = SIGKILL;
      group.released = true;
      this.pids.release(group.pid);
      for (const task of group.tasks) task.files.release();
      this.counters.processes--;
      this.#statuses.set(group.pid, group.exitStatus);
      for (const listener of group.onExit) listener(group.exitStatus);
      group.onExit.length = 0;
    }
  }

  /** Where the guest's code stood at the request, for logs. */
  whereIs(task: Task): string {
    this.slots.readFrame(task.slot, task.frame);
    return `0x${task.frame.unsigned(RIP).toString(16)}`;
  }
}
