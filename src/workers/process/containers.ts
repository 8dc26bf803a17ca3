// The containers of a sandbox, by the numbers that the main thread gives them; number 0 is there from the start. See
// container.ts.

import { SIGKILL } from "../../shared/abi/signal.ts";
import type { ContainerSpec } from "../../shared/container_spec.ts";
import { DeviceRules } from "../../shared/device_rules.ts";
import { Looks } from "../call/looks.ts";
import { readFilter, SeccompFilter } from "../seccomp/filter.ts";
import { applySettings } from "../system/container_settings.ts";
import { mountContainerTree } from "../vfs/container_mounts.ts";
import type { MountNamespace, Path } from "../vfs/path.ts";
import { Container } from "./container.ts";
import type { SupervisorContext } from "./context.ts";
import { INIT, type PidNamespace } from "./pids.ts";
import { checkProgram } from "./start.ts";
import type { Task } from "./task.ts";
import type { GuestContainer, ThreadGroup } from "./thread_group.ts";

const LOOK_NS = 1e6;
/** Processes killed in one look (F26). */
const KILLS_A_LOOK = 64;

export function* tasksOf(container: GuestContainer): Generator<Task, void, void> {
  for (const task of container.pids.tasks()) if (task.container === container) yield task;
}

export function* groupsOf(container: GuestContainer): Generator<ThreadGroup, void, void> {
  for (const group of container.pids.groups()) if (group.container === container) yield group;
}

function descriptorsOf({ pod, mounts }: ContainerSpec): number[] {
  return [...(pod ? [pod.root] : []), ...mounts.flatMap(({ descriptor }) => descriptor ?? [])];
}

function newContainer(
  kernel: SupervisorContext,
  pids: PidNamespace,
  mounts: MountNamespace,
  groups: readonly number[],
  ownsPids: boolean,
): GuestContainer {
  const tasks = () => tasksOf(container);
  const container: GuestContainer = new Container(kernel, pids, mounts, groups, ownsPids, tasks);
  return container;
}

export class Containers {
  readonly #kernel: SupervisorContext;
  readonly #all = new Map<number, GuestContainer>();
  /** That which is being made, or else the sandbox's first. */
  #current: GuestContainer;

  constructor(kernel: SupervisorContext, pids: PidNamespace, mounts: MountNamespace) {
    this.#kernel = kernel;
    this.#current = newContainer(kernel, pids, mounts, [], true);
    this.#all.set(0, this.#current);
  }

  /** On whose behalf the kernel works while no task is served. */
  get current(): GuestContainer {
    return this.#current;
  }

  get first(): GuestContainer {
    return this.#all.get(0)!;
  }

  get(number: number): GuestContainer | undefined {
    return this.#all.get(number);
  }

  /** A mount namespace has another root (pivot_root(2)). */
  rootMoved(namespace: MountNamespace, old: Path, next: Path): void {
    for (const container of this.#all.values())
      if (container.mounts === namespace && container.root.equals(old)) container.root = next;
  }

  /** Pairs, and terminals of callers, in all of them: for counters. */
  get terminals(): number {
    let count = 0;
    for (const { ptys } of this.#all.values()) count += ptys.size;
    return count;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Does something on a container's behalf, which no task of it has asked for. */
  as<T>(container: GuestContainer, act: () => T): T {
    const before = this.#current;
    this.#current = container;
    try {
      return act();
    } finally {
      this.#current = before;
    }
  }

  /** Makes a container what config.json says: null, or what is wrong with it. */
  prepare(number: number, spec: ContainerSpec): string | null {
    const container = this.#all.get(number) ?? this.#add(number, spec);
    if (typeof container === "string") {
      for (const fd of [...descriptorsOf(spec), ...(spec.pod?.groups ?? [])]) this.#kernel.native.close(fd);
      return container;
    }
    const taken = new Set<number>();
    let isMade = false;
    try {
      const wrong = this.as(container, () => this.#fill(container, spec, taken));
      isMade = wrong === null;
      return wrong;
    } finally {
      if (!isMade && container !== this.first) {
        for (const fd of descriptorsOf(spec)) if (!taken.has(fd)) this.#kernel.native.close(fd);
        this.#release(number, container);
      }
    }
  }

  #add(number: number, { pod }: ContainerSpec): GuestContainer | string {
    const { first } = this;
    const isShared = typeof pod?.processes === "number";
    const shared = isShared ? this.#all.get(pod.processes as number) : undefined;
    if (isShared && shared === undefined) return "the container whose processes it is to be among is gone";
    // Its first process takes number 1, whoever was there before (exec, hooks).
    const pids = shared?.pids ?? first.pids.makeChild(INIT + 1);
    const mounts = first.mounts.another();
    const container = newContainer(this.#kernel, pids, mounts, pod?.groups ?? [], shared === undefined);
    this.#all.set(number, container);
    return container;
  }

  /** `taken` gets the descriptors that a mount has. */
  #fill(container: GuestContainer, spec: ContainerSpec, taken: Set<number>): string | null {
    const kernel = this.#kernel;
    container.id = spec.id;
    container.limit({ tasks: spec.tasks, cgroup: spec.cgroup });
    const rules = DeviceRules.of(spec.deviceRules);
    if (typeof rules === "string") return `linux.resources.devices: ${rules}`;
    container.deviceRules = rules;
    if (spec.seccomp !== null) {
      const program = readFilter(spec.seccomp.program);
      if (program === null) return "linux.seccomp: the profile is too long";
      container.filter = new SeccompFilter(program, null, spec.seccomp.logs, kernel.counters).hold();
    }
    try {
      const directory = spec.pod?.root ?? kernel.descriptors.root;
      container.root = mountContainerTree(kernel, container.mounts, spec, directory, taken);
    } catch (error) {
      return (error as Error).message;
    }
    // A pod's own program is not run, or later.
    const isRun = container !== this.first || kernel.config.pod !== "held";
    const wrong = applySettings(kernel, spec.settings);
    return wrong ?? (isRun ? checkProgram(kernel, container, spec.process) : null);
  }

  /** All of them, with their numbers. */
  entries(): Iterable<[number, GuestContainer]> {
    return this.#all;
  }

  /** Ends all processes of a container that is not the first, and forgets it. `then` is called when none is left. */
  remove(number: number, then: () => void): void {
    const container = this.#all.get(number);
    if (container === undefined || container === this.first) {
      then();
      return;
    }
    container.isEnding = true;
    container.pause.end();
    const look = (): boolean => {
      let kills = 0;
      let isLeft = false;
      for (const group of groupsOf(container)) {
        // Whoever waits for those that have ended may be another container's, and not do so for long.
        if (group.state !== "running") continue;
        isLeft = true;
        // Of those that were killed at an earlier look none is in the way of the others.
        if (group.exiting || group.ending !== null) continue;
        group.end(SIGKILL);
        if (++kills === KILLS_A_LOOK) break;
      }
      if (isLeft) return true;
      this.#release(number, container);
      then();
      return false;
    };
    if (look()) new Looks(this.#kernel, LOOK_NS, look).begin();
  }

  #release(number: number, container: GuestContainer): void {
    this.#all.delete(number);
    container.release();
  }
}
