// What the tasks of a container have in common. A sandbox has one, or as many as its pod: then processes of each are in a
// PID namespace of their own below the sandbox's first, or in that with the others, and network, System V IPC and host name
// are the pod's. A sandbox without a container has one all the same, of those programs that are started from outside.

import { readCpuList } from "../../shared/cpu_list.ts";
import type { DeviceRules } from "../../shared/device_rules.ts";
import type { GuestLimits } from "../../shared/process_spec.ts";
import type { PidSpace } from "../call/pid.ts";
import { Cgroup } from "../proc/cgroup.ts";
import type { SeccompFilter } from "../seccomp/filter.ts";
import type { VfsContext } from "../vfs/context.ts";
import type { MountNamespace, Path } from "../vfs/path.ts";
import { cpuCount } from "../vfs/sys/cpus.ts";
import { DevPts } from "../vfs/tty/dev_pts.ts";
import { Ptys } from "../vfs/tty/pty.ts";
import { type Pausable, Pause, type PauseContext } from "./pause.ts";
import { PID_MAX } from "./pids.ts";

/** The PID namespace of its processes. */
interface ContainerPids extends PidSpace {
  hold(): unknown;
  release(): void;
}

interface ContainerContext extends VfsContext, PauseContext {}

export class Container<Pids extends ContainerPids = ContainerPids> {
  readonly kernel: ContainerContext;
  readonly pids: Pids;
  readonly mounts: MountNamespace;
  root!: Path;
  readonly cgroup = new Cgroup();
  readonly pause: Pause;
  readonly ptys: Ptys;
  readonly devPts: DevPts;
  deviceRules: DeviceRules | null = null;
  /** What programs from outside start with; null: they may make all calls. */
  filter: SeccompFilter | null = null;
  /** Threads of its processes that there may be; 0: as many as the kernel lets be. */
  tasksLimit = 0;
  /** Threads of its processes. */
  tasks = 0;
  /** Host descriptors of control groups (tasks, cgroup.procs), where its stubs are to be put; none: they are where the zygote is. */
  readonly groups: readonly number[];
  /** As config.json's caller has named it; "": it is none of a runtime's. */
  id = "";
  /** The number of its first process in the sandbox's first PID namespace; 0: there was none. */
  first = 0;
  /** Whether the PID namespace is its own: its first process is number 1 there, and its end that of all others. */
  readonly ownsPids: boolean;
  /** No program is started in it any more. */
  isEnding = false;
  /** Undefined: not known yet. */
  #allowedCpus: readonly number[] | null | undefined;

  /** `tasks`: those of the container itself. */
  constructor(
    kernel: ContainerContext,
    pids: Pids,
    mounts: MountNamespace,
    groups: readonly number[],
    ownsPids: boolean,
    tasks: () => Iterable<Pausable>,
  ) {
    this.kernel = kernel;
    this.pids = pids;
    this.mounts = mounts.use();
    this.groups = groups;
    this.ownsPids = ownsPids;
    this.pause = new Pause(kernel, tasks);
    this.ptys = new Ptys(kernel);
    this.devPts = new DevPts(kernel, this.ptys);
    pids.hold();
  }

  limit({ tasks, cgroup }: Partial<GuestLimits>): void {
    if (cgroup !== undefined) this.cgroup.change(cgroup);
    if (cgroup?.cpus !== undefined) this.#allowedCpus = undefined;
    if (tasks !== undefined) this.tasksLimit = Math.min(tasks, PID_MAX);
  }

  /** The CPUs of its limits, or else those of whoever has started the sandbox; null: all. */
  get allowedCpus(): readonly number[] | null {
    if (this.#allowedCpus !== undefined) return this.#allowedCpus;
    const list = this.cgroup.limits.cpus || this.kernel.config.cpus;
    const cpus = list === undefined ? null : readCpuList(list);
    const all = cpuCount(this.kernel);
    const some = [...(cpus ?? [])].filter((cpu) => cpu < all).sort((a, b) => a - b);
    this.#allowedCpus = some.length > 0 && some.length < all ? some : null;
    return this.#allowedCpus;
  }

  /** It has as many threads as it may. */
  get isFull(): boolean {
    return this.tasksLimit > 0 && this.tasks >= this.tasksLimit;
  }

  /** Nobody is in it any more, and nobody will be. */
  release(): void {
    this.filter?.release();
    this.mounts.letGo();
    this.pids.release();
    for (const fd of this.groups) this.kernel.native.close(fd);
  }
}
