// Pausing all guests: their tasks stand still where they would go back to guest code, whatever becomes of their waits.
// The kernel itself goes on, so that a paused container can be asked, killed and resumed; its clocks go on, as under the
// host's freezer. A task that does not come when it is kicked is killed by the kick's own deadline (F14).

import { Looks } from "../platform/looks.ts";
import type { SupervisorContext } from "./context.ts";
import type { Task } from "./task.ts";

const LOOK_NS = 1e6;
/** So many looks: less than those wait who have asked. */
const LOOKS_MAX = 8000;

type Told = (stand: boolean) => void;

export class Pause {
  readonly #kernel: SupervisorContext;
  readonly #looks: Looks;
  #isOn = false;
  #looksLeft = 0;
  #told: Told[] = [];

  constructor(kernel: SupervisorContext) {
    this.#kernel = kernel;
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
    for (const task of this.#kernel.pids.tasks()) task.kick();
    this.#told.push(tell);
    if (this.#look()) this.#looks.begin();
  }

  end(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#tell(false);
    for (const task of [...this.#kernel.pids.tasks()]) task.call.unpark();
  }

  /** True: somebody is still on the way. */
  #look(): boolean {
    if (this.#told.length === 0) return false;
    for (const task of this.#kernel.pids.tasks()) {
      if (!this.#isOnItsWay(task)) continue;
      if (this.#looksLeft-- > 0) return true;
      this.end();
      return false;
    }
    this.#tell(true);
    return false;
  }

  #isOnItsWay({ dead, started, call }: Task): boolean {
    if (dead || !started || call.owned) return false;
    return this.#kernel.netThread?.serves(call.slot) !== true;
  }

  #tell(stand: boolean): void {
    const told = this.#told;
    this.#told = [];
    for (const tell of told) tell(stand);
  }
}
