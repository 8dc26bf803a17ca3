// What host processes have used beside CPU time (getrusage(2)). It is told when a stub is reaped, a moment after its
// process has ended for the guest: until then an account is open, and who asks waits.

import { readI64 } from "../../shared/abi/struct.ts";
import type { StubProcess } from "./stub_process.ts";

/** Faults, switches, and the largest size, in KiB. */
export interface ResourceUse {
  readonly ru_maxrss: number;
  readonly ru_minflt: number;
  readonly ru_majflt: number;
  readonly ru_nvcsw: number;
  readonly ru_nivcsw: number;
}

export const NO_USE: ResourceUse = { ru_maxrss: 0, ru_minflt: 0, ru_majflt: 0, ru_nvcsw: 0, ru_nivcsw: 0 };
const WORD = 8;

export function together(a: ResourceUse, b: ResourceUse): ResourceUse {
  return {
    ru_maxrss: Math.max(a.ru_maxrss, b.ru_maxrss),
    ru_minflt: a.ru_minflt + b.ru_minflt,
    ru_majflt: a.ru_majflt + b.ru_majflt,
    ru_nvcsw: a.ru_nvcsw + b.ru_nvcsw,
    ru_nivcsw: a.ru_nivcsw + b.ru_nivcsw,
  };
}

/** From the zygote's answer (enum zygote_use in zygote_protocol.h). */
export function useFrom(view: DataView, at: number): ResourceUse {
  return {
    ru_maxrss: readI64(view, at),
    ru_minflt: readI64(view, at + WORD),
    ru_majflt: readI64(view, at + 2 * WORD),
    ru_nvcsw: readI64(view, at + 3 * WORD),
    ru_nivcsw: readI64(view, at + 4 * WORD),
  };
}

/** What a group's stubs and the children that it waited for have used, as far as they have ended. */
export class UseAccount {
  #own = NO_USE;
  #children = NO_USE;
  /** Stubs that have ended for the guest and have not told yet, those of children included. */
  #untold = 0;
  /** Of the parent that has waited for this group: what comes later is its. */
  #heir: UseAccount | null = null;
  readonly #waiting: (() => void)[] = [];

  get own(): ResourceUse {
    return this.#own;
  }

  get children(): ResourceUse {
    return this.#children;
  }

  get isComplete(): boolean {
    return this.#untold === 0;
  }

  /** Calls `done` when all have told. */
  whenComplete(done: () => void): void {
    this.#waiting.push(done);
  }

  /** One more stub is about to end. */
  expect(): void {
    this.#untold++;
  }

  /** A stub that was expected has used so much. */
  told(use: ResourceUse): void {
    this.#own = together(this.#own, use);
    for (let account: UseAccount | null = this; account !== null; account = account.#heir) {
      if (account !== this) account.#children = together(account.#children, use);
      if (--account.#untold === 0) for (const done of account.#waiting.splice(0)) done();
    }
  }

  /** Its group has waited for the child whose account this is. */
  inherit(child: UseAccount): void {
    this.#children = together(this.#children, together(child.#own, child.#children));
    if (child.isComplete) return;
    child.#heir = this;
    this.#untold += child.#untold;
  }
}

/** A stub was reaped. */
export function useIsKnown({ account, owner }: StubProcess, use: ResourceUse): void {
  if (account !== null) account.told(use);
  else if (owner !== null) {
    owner.use.expect(); // nobody here has ended it
    owner.use.told(use);
  }
}
