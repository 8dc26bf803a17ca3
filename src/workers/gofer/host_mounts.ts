// Which of the host's mounts make their callers wait. Of a *local* one (a disk's or memory's file system) the host answers
// at once, or after a bounded wait for a disk: it is asked on the kernel thread, but for what takes long by its nature. Of a *remote* one, whatever else it is
// (a network's, or one that a program serves), it may never answer: it is asked on a thread of the Gofer's, which all
// that is asked of that mount goes to, in order. What mount a directory's name leads to is known only when it has been
// entered, which may take as long: the first look goes there by a thread, too.

import type { Counters } from "../counters.ts";
import type { Log } from "../log.ts";
import type { HostThreads } from "./host_threads.ts";
import { LANES, REMOTE_LANES } from "./job_record.ts";

/** statfs(2), f_type. */
const LOCAL_TYPES: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"], // and 2, 3
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0xf2f52010, "f2fs"],
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
  // What it has below it does not show here.
  [0x794c7630, "overlay"],
  // Made by the kernel itself, like memory's.
  [0x9fa0, "proc"],
  [0x62656572, "sysfs"],
  [0x27e0eb, "cgroup"],
  [0x63677270, "cgroup2"],
  [0x73717368, "squashfs"],
  [0xe0f5e1e2, "erofs"],
]);

/** Names of crossings that are remembered: what is forgotten is found out again. */
const CROSSINGS_MAX = 4096;

/** A remote mount of the host's: all that is asked of it goes to one lane. */
export class HostMount {
  readonly lane: number;

  constructor(lane: number) {
    this.lane = lane;
  }
}

interface MountsContext {
  readonly log: Log;
  readonly counters: Counters;
}

export class HostMounts {
  readonly #kernel: MountsContext;
  readonly #threads: HostThreads;
  /** Remote ones, by device number and type. */
  readonly #mounts = new Map<string, HostMount>();
  /** Lanes of names behind which another mount begins, as long as they are on their way or known. */
  readonly #crossings = new Map<string, number>();
  /** Remote mounts of each lane. */
  readonly #shares: number[] = new Array(REMOTE_LANES).fill(0);

  constructor(kernel: MountsContext, threads: HostThreads) {
    this.#kernel = kernel;
    this.#threads = threads;
  }

  /** The mount of a device and type; null: a local one. `where` is for the log. */
  of(dev: number, type: number, where: string, lane = this.freeLane()): HostMount | null {
    const local = LOCAL_TYPES.get(type);
    const key = `${dev}:${type}`;
    let mount = local === undefined ? (this.#mounts.get(key) ?? null) : null;
    if (mount !== null) return mount;
    if (local === undefined) {
      mount = new HostMount(lane);
      this.#mounts.set(key, mount);
      this.#shares[lane]!++;
    }
    const fields = {
      where,
      type: local ?? `0x${type.toString(16)}`,
      class: mount === null ? "local" : "remote",
    };
    this.#kernel.log("debug", "a mount of the host's", fields);
    return mount;
  }

  /** On which lane a name is entered behind which another mount begins. */
  crossing(key: string): number {
    const known = this.#crossings.get(key);
    if (known !== undefined) return known;
    if (this.#crossings.size >= CROSSINGS_MAX) this.#crossings.clear();
    const lane = this.freeLane();
    this.#crossings.set(key, lane);
    return lane;
  }

  /** What is behind such a name: a local one keeps no lane. */
  crossed(key: string, dev: number, type: number, where: string): HostMount | null {
    const mount = this.of(dev, type, where, this.#crossings.get(key));
    if (mount === null) this.#crossings.delete(key);
    else this.#crossings.set(key, mount.lane);
    return mount;
  }

  /** For what a local mount's disk may take long for: no host that does not answer holds it up. The one that has the least to do. */
  localLane(): number {
    let best = REMOTE_LANES;
    for (let lane = best + 1; lane < LANES; lane++)
      if (this.#threads.load(lane) < this.#threads.load(best)) best = lane;
    return best;
  }

  /** Of a remote mount: the one that has the least to do, and of these the one that has the fewest mounts. */
  freeLane(): number {
    let best = 0;
    for (let lane = 1; lane < REMOTE_LANES; lane++) {
      const less =
        this.#threads.load(lane) - this.#threads.load(best) || this.#shares[lane]! - this.#shares[best]!;
      if (less < 0) best = lane;
    }
    return best;
  }
}
