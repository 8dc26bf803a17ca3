// Who holds a lock on pages that others wait for, while its stub is to report what it has done there (docs/hardening.md, F4):
// it reports soon. A guest can make its stub owe a report that never comes, by a request of its own making; the others'
// waits are ended by no signal. So a holder whose host thread sleeps on a futex meanwhile, look after look, is waiting for
// something else, and its process is killed. A thread that runs, or is in a call of its list, however long the host takes over
// that, is never late.

import { Looks } from "../call/looks.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { PlatformContext } from "./context.ts";
import type { HostThread } from "./host_thread.ts";
import { isAsleepOnFutex } from "./thread_time.ts";

const LOOK_NS = 100e6;
/** Looks that find it asleep in the same request: five seconds of them. A sandbox that is frozen does not look. */
const LOOKS_ASLEEP = 50;
/** Holders in one look, each of which is a file of the host's to read (F26). */
const HOLDERS_A_LOOK = 32;

interface Late {
  readonly task: HostThread;
  readonly sequence: number;
  readonly looks: number;
}

export class LateHolders {
  readonly #kernel: PlatformContext;
  /** Address spaces in which somebody waits. */
  readonly #spaces = new Set<AddressSpace>();
  /** Holders that were asleep at the last look, by their slots. */
  #late = new Map<number, Late>();
  readonly #looks: Looks;

  constructor(kernel: PlatformContext) {
    this.#kernel = kernel;
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** Address spaces that are looked at: for counters. */
  get size(): number {
    return this.#spaces.size;
  }

  /** Somebody waits for a lock there. */
  watch(space: AddressSpace): void {
    this.#spaces.add(space);
    this.#looks.begin();
  }

  #look(): boolean {
    const before = this.#late;
    this.#late = new Map();
    let left = HOLDERS_A_LOOK;
    for (const space of [...this.#spaces]) {
      this.#spaces.delete(space);
      if (!space.locks.isAwaited) continue;
      this.#spaces.add(space); // at the end: others come first
      for (const { slot } of space.locks.holdersInTheWay(left)) {
        left--;
        this.#lookAt(slot, before.get(slot));
      }
      if (left === 0) break;
    }
    return this.#spaces.size > 0;
  }

  #lookAt(slot: number, before: Late | undefined): void {
    const task = this.#kernel.taskAt[slot];
    if (task?.owesOutcome !== true || !isAsleepOnFutex(this.#kernel, task)) return;
    const { sequence } = task.call;
    const isSame = before?.task === task && before.sequence === sequence;
    const looks = isSame ? before.looks + 1 : 1;
    if (looks < LOOKS_ASLEEP) {
      this.#late.set(slot, { task, sequence, looks });
      return;
    }
    this.#kernel.counters.lateHolders++;
    this.#kernel.log("warn", "a stub does not report what it was to do: killed", {
      pid: task.group.id.first,
    });
    task.killHostile();
  }
}
