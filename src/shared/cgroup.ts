// What a container's control group says to the programs in it: where it stands, and its limits.

/** A hierarchy as a line of /proc/PID/cgroup has it; v2's has the id 0 and no controllers. */
export interface CgroupHierarchy {
  readonly id: number;
  /** Joined by commas, as mount options. */
  readonly controllers: string;
}

/** linux.resources, as numbers of v1's files; -1: none, or not set. */
export interface CgroupLimits {
  /** Bytes. */
  readonly memory: number;
  /** Bytes of memory and swap. */
  readonly swap: number;
  readonly reservation: number;
  /** Microseconds in each period. */
  readonly quota: number;
  /** Microseconds. */
  readonly period: number;
  readonly burst: number;
  readonly shares: number;
  readonly idle: number;
  readonly tasks: number;
  readonly ioWeight: number;
  /** Lists of CPUs and memory nodes; "": all. */
  readonly cpus: string;
  readonly mems: string;
}

/** What programs have used. */
export interface CgroupUse {
  /** Bytes of their memory. */
  programs: number;
  /** Bytes that no process owns: of memory file systems, pipes, sockets. */
  common: number;
  userUsec: number;
  systemUsec: number;
}

export const NO_CGROUP_LIMITS: CgroupLimits = {
  memory: -1,
  swap: -1,
  reservation: -1,
  quota: -1,
  period: 100_000,
  burst: 0,
  shares: 1024,
  idle: 0,
  tasks: -1,
  ioWeight: -1,
  cpus: "",
  mems: "",
};
