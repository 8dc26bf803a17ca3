// Network namespaces that a request names, by a descriptor or a process of who has sent it: which those are, thread 0 knows,
// and another kernel thread asks it.

import { EINVAL } from "../../shared/abi/errno.ts";
import type { Network } from "./network.ts";

/** How one is named. */
export const BY_FD = 0;
export const BY_PID = 1;

export interface NetworkName {
  readonly by: typeof BY_FD | typeof BY_PID;
  readonly value: number;
}

/** A task, as the slot and the number by which thread 0 finds it. */
export interface NamingTask {
  readonly slot: number;
  readonly firstTid: number;
}

/** Whoever knows them. `take` gets the namespace or a negative errno, now or later. */
export interface NetworkFinder {
  findNetwork(task: NamingTask, name: NetworkName, take: (found: Network | number) => void): void;
}

function keyOf({ by, value }: NetworkName): string {
  return `${by}:${value}`;
}

/** Those that one request names, once they are found: they are held until it is served. */
export class NamedNetworks {
  readonly #found = new Map<string, Network | number>();
  #missing = 0;
  #goOn: (() => void) | null = null;

  /** Whether all of them are there; if not, `goOn` is called when they are. */
  find(finder: NetworkFinder, task: NamingTask, names: readonly NetworkName[], goOn: () => void): boolean {
    for (const name of names) {
      this.#missing++;
      finder.findNetwork(task, name, (found) => {
        this.#keep(keyOf(name), found);
        this.#missing--;
        if (this.#missing === 0) this.#goOn?.();
      });
    }
    if (this.#missing === 0) return true;
    this.#goOn = goOn;
    return false;
  }

  #keep(key: string, found: Network | number): void {
    if (this.#found.has(key)) return;
    this.#found.set(key, typeof found === "number" ? found : found.hold());
  }

  /** The request was served, or nobody waits for that any more. */
  release(): void {
    for (const found of this.#found.values()) if (typeof found !== "number") found.release();
    this.#found.clear();
  }

  /** One that was to be found; or a negative errno. */
  get(name: NetworkName): Network | number {
    return this.#found.get(keyOf(name)) ?? -EINVAL;
  }
}
