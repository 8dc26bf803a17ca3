// What every subsystem uses of its kernel and of its thread. Each room names what else it uses in a context of its
// own (vfs/context.ts, ...); the Kernel object is all of them.

import type { Counters } from "../counters.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { MemoryBudget } from "../memory_budget.ts";
import type { SleepSet } from "../sleep_set.ts";
import type { Sysctls } from "../sysctls.ts";
import type { Call } from "./call.ts";
import type { Caller } from "./caller.ts";
import type { Latencies } from "./latencies.ts";
import type { LongTurns } from "./long_turns.ts";
import type { NextSteps } from "./next_steps.ts";
import type { SlotContext } from "./slot_io.ts";
import type { Steps } from "./steps.ts";
import type { Timers } from "./timers.ts";
import type { WaitStacks } from "./wait_stacks.ts";

/** Descriptors that init has opened before the process was confined. */
export interface KernelDescriptors {
  proc: number;
  cpuinfo: number;
  stat: number;
  loadavg: number;
  zygote: number;
  root: number;
}

/** Who is told of every call (`ringfence profile`, while it records). */
export interface CallObserver {
  /** It has been claimed; its frame and number stand. */
  enter(call: Call): void;
  /** Nothing is done for it any more until something comes: an event, what its stub or the host answers; or it has ended. */
  rests(call: Call): void;
  /** That has come. */
  goesOn(call: Call): void;
  /** Another kernel thread serves it from now on. */
  passed(call: Call): void;
  /** It has its result; the reply is not given yet. */
  leave(call: Call, result: number): void;
}

/** Who is told of calls (--strace, traces). */
export interface CallTracer {
  /** All calls are to come by kernel thread 0, also those that stubs could answer. */
  readonly watchesAll: boolean;
  /** Whether a call of that number is to be told. */
  wants(nr: number): boolean;
  /** It has been claimed; its frame and number stand. */
  enter(call: Call): void;
  /** One that was told has its result; the reply is not given yet. */
  leave(call: Call, result: number): void;
  /** As leave, of one that a filter has turned into a signal: rax has its number. */
  trapped(call: Call, nr: number, result: number): void;
  /** It has accepted a connection, from that address. */
  accepted(call: Call, peer: string): void;
}

export interface CallContext extends SlotContext {
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  readonly counters: Counters;
  readonly limits: Limits;
  readonly heap: HeapBudget;
  readonly commonMemory: MemoryBudget;
  readonly sysctls: Sysctls;
  readonly users: UserNamespace;
  /** For what the kernel does on its own account. */
  readonly rootCredentials: Credentials;
  readonly sleep: SleepSet;
  readonly timers: Timers;
  readonly steps: Steps;
  readonly nextSteps: NextSteps;
  readonly longTurns: LongTurns;
  readonly latencies: Latencies;
  observer: CallObserver | null;
  readonly tracer: CallTracer | null;
  /** Where calls wait; null: nobody wants to know. */
  stacks: WaitStacks | null;
  /** CLOCK_MONOTONIC as the kernel thread's loop last saw it: for what need not be exact. */
  readonly nowNs: number;
  /** Where random bytes are made before they go to shared memory: as many as a window takes. */
  readonly random: Uint8Array;
  /** On whose behalf the kernel works right now: what /proc/self and /dev/tty are about. */
  current: Caller | null;
  /** Minor number of an unnamed device (major 0), as Linux gives to file systems without a block device. */
  nextDevice(): number;
  nextMappedId(): number;
  nextSpaceId(): number;
}
