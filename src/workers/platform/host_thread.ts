// A guest thread as the platform knows it: a host thread of a stub process, and its slot. A Task is all of this.

import type { Call } from "../call/call.ts";
import type { Expected } from "../call/operation_list.ts";
import type { PidNumbers } from "../call/pid.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { LostPools } from "../patch/hidden_code.ts";
import type { UseAccount } from "./resource_use.ts";
import type { StubProcess } from "./stub_process.ts";

/** The guest process that a host thread belongs to. */
export interface ThreadOwner {
  /** Its number in its own PID namespace. */
  readonly pid: number;
  readonly id: PidNumbers;
  readonly exiting: boolean;
  readonly use: UseAccount;
}

export interface HostThread {
  readonly call: Call;
  readonly stub: StubProcess;
  readonly group: ThreadOwner;
  /** `groups`: host descriptors of control groups (tasks, cgroup.procs), where its host process is to be put; none: it is where the zygote is. */
  readonly container: { readonly groups: readonly number[]; tasks: number };
  readonly tid: number;
  /** The name of its program, one char per byte. */
  readonly comm: string;
  credentials: Credentials;
  hostTid: number;
  /** What its host thread had run for others before, in nanoseconds. */
  timeBeforeNs: number;
  /** All its calls are to be posted. */
  readonly isWatched: boolean;
  /** It has posted STARTED and can be interrupted. */
  readonly started: boolean;
  /** Its own filter of calls; null: none. */
  readonly seccomp: { allows(nr: number): boolean } | null;
  /** Pools of trampolines that went while it may have been in one, until it reports. */
  lostPools: LostPools;
  /** Its stub is to report what it does for the kernel, and sleeps over nothing there. */
  readonly owesOutcome: boolean;
  /** Its slot is closed. */
  dead: boolean;
  /** Its process is gone while its stub process goes on: the next request is answered with EXIT. */
  leaving: boolean;
  /** Notifications that the outstanding list raises, in order. */
  expected: readonly Expected[];
  expectedIndex: number;
  /** Makes it come by, from wherever it waits. */
  interrupt(): void;
  kick(): void;
  killHostile(): void;
}
