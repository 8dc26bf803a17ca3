// Pausing a container: its tasks stand still where they would go back to guest code, whatever becomes of their waits.
// The kernel itself goes on, so that a paused container can be asked, killed and resumed; its clocks go on, as under the
// host's freezer. A task that does not come when it is kicked is killed by the kick's own deadline (F14).

import { Looks } from "../call/looks.ts";
import type { Timers } from "../call/timers.ts";
import type { Native } from "../native.ts";

const LOOK_NS = 1e6;
/** So many looks: less than those wait who have asked. */
const LOOKS_MAX = 8000;
/** Kicks in one look: each is a call to the host, and has an answer (F26). */
const KICKS_AT_ONCE = 256;

/** A task, as far as it is paused. */
export interface Pausable {
  readonly dead: boolean;
  /** A kick makes it come: it runs guest code, or sleeps at the host. */
  readonly isKickable: boolean;
  readonly call: { readonly slot: number; readonly owned: boolean; unpark(): void };
  kick(): void;
}

export interface PauseContext {
  readonly native: Native;
  readonly timers: Timers;
  /** Null: there is no other kernel thread. */
  readonly otherThreads: { serves(slot: number): boolean } | null;
}

type Told = (stand: boolean) => void;

export class Pause {
  readonly #kernel: PauseContext;
  readonly #tasks: () => Iterable<Pausable>;
  readonly #looks: Looks;
  #isOn = false;
  #looksLeft = 0;
  #told: Told[] = [];
  /** Tasks that were kicked: those that are being made, or load a program, run for the first time later. */
  readonly #kicked = new Set<Pausable>();

  /** `tasks`: all that are to be paused. */
  constructor(kernel: PauseContext, tasks: () => Iterable<Pausable>) {
    this.#kernel = kernel;
    this.#tasks = tasks;
    this.#looks = new Looks(kernel, LOOK_NS, () => this.#look());
  }

  /** No task goes back to guest code. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Tells when no guest code runs any more; false: the host did not let them come, and they go on. */
  begin(tell: Told): void {
    this.#isOn = true;
    this.#looksLeft = LOOKS_MAX;
    this.#told.push(tell);
    if (this.#look()) this.#looks.begin();
  }

  end(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#tell(false);
    for (const task of [...this.#tasks()]) task.call.unpark();
  }

  /** True: somebody is still on the way. */
  #look(): boolean {
    if (this.#told.length === 0) return false;
    let some = false;
    let kicks = 0;
    for (const task of this.#tasks()) {
      if (this.#stands(task)) continue;
      some = true;
      if (!task.isKickable || this.#kicked.has(task)) continue;
      if (kicks++ === KICKS_AT_ONCE) break;
      this.#kicked.add(task);
      task.kick();
    }
    if (some && this.#looksLeft-- > 0) return true;
    if (some) this.end();
    else this.#tell(true);
    return false;
  }

  /** It does not get to guest code: of a call that another thread serves, the end comes by way of this thread when it was kicked. */
  #stands(task: Pausable): boolean {
    const { dead, call } = task;
    return (
      dead || call.owned || (this.#kicked.has(task) && this.#kernel.otherThreads?.serves(call.slot) === true)
    );
  }

  #tell(stand: boolean): void {
    this.#kicked.clear();
    const told = this.#told;
    this.#told = [];
    for (const tell of told) tell(stand);
  }
}
