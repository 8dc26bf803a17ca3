// Dispositions and pending signals (signal(7), sigaction(2)).

import {
  SIG_DFL,
  SIG_IGN,
  SIGABRT,
  SIGBUS,
  SIGCHLD,
  SIGCONT,
  SIGFPE,
  SIGILL,
  SIGQUIT,
  SIGRTMAX,
  SIGRTMIN,
  SIGSEGV,
  SIGSTOP,
  SIGSYS,
  SIGTRAP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
  SIGXCPU,
  SIGXFSZ,
} from "../../shared/abi/signal.ts";
import type { SigInfo } from "../call/siginfo.ts";
import { SignalSet } from "../call/signal_set.ts";
import { WaitQueue } from "../call/wait_queue.ts";

export const STOP_SIGNALS = SignalSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
/** Those that end a process with a core file, if there is to be one. */
export const CORE_SIGNALS = SignalSet.of(
  ...[SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS],
);
const IGNORED_BY_DEFAULT = SignalSet.of(SIGCHLD, SIGCONT, SIGURG, SIGWINCH);

export interface SignalAction {
  /** SIG_DFL, SIG_IGN or a guest address. */
  readonly handler: number;
  /** SA_* bits. */
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SignalSet;
}

const DEFAULT_ACTION: SignalAction = { handler: SIG_DFL, flags: 0, restorer: 0, mask: new SignalSet() };

/** Dispositions, shared by CLONE_SIGHAND. */
export class SignalHandlers {
  readonly #actions: SignalAction[];
  /** Who wants to know of signals that become pending, blocked or not (signalfd). */
  readonly watchers: WaitQueue;

  constructor(actions?: readonly SignalAction[], watchers = new WaitQueue()) {
    this.watchers = watchers;
    this.#actions = actions === undefined ? new Array(SIGRTMAX).fill(DEFAULT_ACTION) : [...actions];
  }

  /** Of a program started from outside: these are ignored, the rest default. */
  static ignoring(ignored: SignalSet): SignalHandlers {
    const handlers = new SignalHandlers();
    for (let signo = 1; signo <= SIGRTMAX; signo++)
      if (ignored.has(signo)) handlers.set(signo, { ...DEFAULT_ACTION, handler: SIG_IGN });
    return handlers;
  }

  copy(): SignalHandlers {
    return new SignalHandlers(this.#actions);
  }

  /** What execve leaves: caught signals are reset, ignored ones stay. */
  afterExec(): SignalHandlers {
    return new SignalHandlers(
      this.#actions.map((action) =>
        action.handler === SIG_IGN ? { ...DEFAULT_ACTION, handler: SIG_IGN } : DEFAULT_ACTION,
      ),
      this.watchers,
    );
  }

  get(signo: number): SignalAction {
    return this.#actions[signo - 1]!;
  }

  set(signo: number, action: SignalAction): void {
    this.#actions[signo - 1] = action;
  }

  /** To the default action; flags and mask stay, as Linux has it. */
  reset(signo: number): void {
    this.#actions[signo - 1] = { ...this.get(signo), handler: SIG_DFL };
  }

  /** Whether the signal does nothing at all. */
  ignores(signo: number): boolean {
    const { handler } = this.get(signo);
    return handler === SIG_IGN || (handler === SIG_DFL && IGNORED_BY_DEFAULT.has(signo));
  }
}

/** Pending signals of a task or of a thread group: standard ones once, real-time ones queued. */
export class PendingSignals {
  readonly set = new SignalSet();
  /** Counts the queued signals of a whole kernel. */
  readonly #counters: { queuedSignals: number };
  #queue: SigInfo[] = [];

  constructor(counters: { queuedSignals: number }) {
    this.#counters = counters;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** The queue's records, the first one first; undefined: there are fewer. */
  at(index: number): SigInfo | undefined {
    return this.#queue[index];
  }

  holds(info: SigInfo): boolean {
    return this.#queue.includes(info);
  }

  /** False when a standard signal is pending already, which is all that Linux keeps of it, but for timers. */
  add(info: SigInfo): boolean {
    if (info.signo < SIGRTMIN && this.set.has(info.signo) && info.timer === undefined) return false;
    this.set.add(info.signo);
    this.#queue.push(info);
    this.#counters.queuedSignals++;
    return true;
  }

  /** Takes the first record of a signal. */
  take(signo: number): SigInfo {
    const index = this.#queue.findIndex((info) => info.signo === signo);
    const info = this.#queue[index]!;
    this.#queue.splice(index, 1);
    this.#counters.queuedSignals--;
    if (!this.#queue.some((other) => other.signo === signo)) this.set.remove(signo);
    return info;
  }

  /** Forgets the signals of a set. */
  discard(signals: SignalSet): void {
    if (!this.set.intersects(signals)) return;
    const before = this.#queue.length;
    this.#queue = this.#queue.filter((info) => !signals.has(info.signo));
    this.#counters.queuedSignals -= before - this.#queue.length;
    this.set.subtract(signals);
  }

  /** Nobody will take them any more. */
  clear(): void {
    this.#counters.queuedSignals -= this.#queue.length;
    this.#queue = [];
    this.set.assign(new SignalSet());
  }
}
