// A traced thread, as its tracer has it (ptrace(2)): how it was attached, what is asked of it, what it waits to be told,
// and, while it stands, its registers. Plain state: stops.ts has it stand and go on, relation.ts makes and ends it.
//
// The registers of a thread that stands are here, in memory that no stub maps, and nowhere else: what a tracer is shown and
// what it changes is this copy, which goes to the slot when the thread goes on.

import * as P from "../../shared/abi/ptrace.ts";
import { Frame } from "../../shared/ring/slot.ts";
import type { SigInfo } from "../call/siginfo.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { DebugRegisters } from "./debug_registers.ts";

/** How it goes on (PTRACE_CONT, PTRACE_SYSCALL, ...). */
export type Going = "cont" | "syscall" | "step" | "sysemu" | "sysemu_step";

/** Why it stands. */
export interface Stop {
  /** As wait(2) tells it: a signal, an event in the byte above. */
  readonly code: number;
  /** CLD_TRAPPED, or CLD_STOPPED of stops of the whole group. */
  readonly why: number;
  readonly kind: "signal" | "group" | "event" | "entry" | "exit" | "seccomp";
  /** What PTRACE_GETSIGINFO tells; null: nothing, of a group's stop. */
  info: SigInfo | null;
}

/** Something that the stub of a standing thread is to do, and who waits for it. */
export interface Aside {
  /** Replies so. */
  readonly begin: () => void;
  /** It has been done; false: it will not be, the thread has gone on, or is gone. */
  readonly end: (isDone: boolean) => void;
  /** It is done also for a thread that has been let go on meanwhile, which does so behind it. */
  readonly isOwed: boolean;
}

export class Tracee<T> {
  /** Another one after an execve: its process goes on as that. */
  task: T;
  tracer: T;
  /** PTRACE_SEIZE, or the child of one that was. */
  readonly isSeized: boolean;
  /** Of the tracer, when it attached: what the tracee may gain by execve depends on them. */
  readonly credentials: Credentials;
  /** PTRACE_O_* */
  options: number;
  /** PTRACE_GETEVENTMSG */
  message = 0;

  // ---- How it stands ----
  /** Null: it runs, or is on its way to a stop. */
  stop: Stop | null = null;
  /** It stands, and is not to be looked at: it waits for the end of its group's stop (PTRACE_LISTEN). */
  isListening = false;
  /** What wait(2) has not told yet, as Stop.code; 0. */
  untold = 0;
  /** What its stub does meanwhile, one behind the other. */
  readonly asides: Aside[] = [];

  // ---- What it is to stop for (Linux's JOBCTL_TRAP_STOP, JOBCTL_TRAP_NOTIFY, JOBCTL_STOP_PENDING) ----
  trapStop = false;
  trapNotify = false;
  stopPending = false;
  /** It enters a handler while it is stepped: it stops before the first instruction. */
  trapsAtHandler = false;

  // ---- How it goes on ----
  going: Going = "cont";
  /** The signal that it was let go on with. */
  signal = 0;
  /** Its call is the host's vDSO's, on behalf of the guest's, as it was made: nobody sees it. */
  isVdsoCall = false;
  /** Its call's end has been passed: what is done there is done once. */
  isPastExit = false;
  /** The trap flag in its registers is its tracer's, not its own. */
  hasTrapFlag = false;
  readonly frame = new Frame();
  areRegistersChanged = false;
  /** Null: it has never been given any. */
  debug: DebugRegisters | null = null;

  // ---- Its end ----
  /** Its tracer has ended and takes it along: it is about to be killed, and does nothing until then. */
  isDoomed = false;
  /** Wait status of a thread that has ended while others of its process go on, or of the process; -1. */
  endStatus = -1;

  constructor(task: T, tracer: T, isSeized: boolean, options: number, credentials: Credentials) {
    this.task = task;
    this.tracer = tracer;
    this.isSeized = isSeized;
    this.options = options;
    this.credentials = credentials;
  }

  /** It stands, and its tracer may look at it. */
  get isTrapped(): boolean {
    return this.stop !== null && !this.isListening;
  }

  /** A stop is due that no signal brings. */
  get hasTrap(): boolean {
    return this.trapStop || this.trapNotify || this.stopPending || this.trapsAtHandler;
  }

  /** Whether an event (PTRACE_EVENT_*) is to be told. */
  wants(event: number): boolean {
    return (this.options & (1 << event)) !== 0;
  }

  /** It stops behind each instruction. */
  get isStepped(): boolean {
    return this.going === "step" || this.going === "sysemu_step";
  }

  /** Each instruction is to trap: it is stepped, or its debug registers watch memory. */
  get needsTrapFlag(): boolean {
    return this.isStepped || this.debug?.isOn === true;
  }

  get endsWithTracer(): boolean {
    return (this.options & P.PTRACE_O_EXITKILL) !== 0;
  }
}
