// Signal dispositions and masks (signal(7)): the state that calls read and set. A set is two words,
// bit n-1 for signal n.

export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const NSIG = 64;

export interface SignalAction {
  /** SIG_DFL, SIG_IGN or a guest address. */
  handler: number;
  /** SA_* bits. */
  flags: number;
  restorer: number;
  maskLow: number;
  maskHigh: number;
}

/** Dispositions, shared by CLONE_SIGHAND. */
export class SignalHandlers {
  readonly #actions: SignalAction[];

  constructor(ignoredLow: number, ignoredHigh: number) {
    this.#actions = Array.from({ length: NSIG }, (_, index) => ({
      handler: ((index < 32 ? ignoredLow : ignoredHigh) >>> (index & 31)) & 1 ? SIG_IGN : SIG_DFL,
      flags: 0,
      restorer: 0,
      maskLow: 0,
      maskHigh: 0,
    }));
  }

  get(signo: number): SignalAction {
    return this.#actions[signo - 1]!;
  }

  set(signo: number, action: SignalAction): void {
    this.#actions[signo - 1] = action;
  }
}

/** What belongs to a thread group (Linux's signal_struct): pending signals of the process. */
export class SignalState {
  pendingLow = 0;
  pendingHigh = 0;
}
