// A container as the kernel builds it: what is left of an OCI config.json when it has been read and
// checked (src/main/oci). Strings are byte strings (process_spec.ts).

import type { CgroupLimits } from "./cgroup.ts";
import type { DeviceRule } from "./device_rules.ts";
import type { ProcessSpec } from "./process_spec.ts";

/** One mount, in the order in which they are made. */
export interface MountSpec {
  destination: string;
  /** "bind" for host files, else a file system type of the kernel's own. */
  type: string;
  /** First column of /proc/mounts. */
  source: string;
  /** MS_* */
  flags: number;
  /** The remaining options: size=, mode=, uid=, gid=, ... */
  data: string[];
  /** MS_SHARED, MS_SLAVE, ... with MS_REC or without, one after the other. */
  propagation: number[];
  /** For a bind: host descriptor of what is mounted. */
  descriptor?: number;
  /** For a bind: the host is not written to, whatever the guest may do. */
  isHostReadOnly?: boolean;
}

/** A device node to be made below /dev. */
export interface DeviceSpec {
  path: string;
  /** S_IFCHR or S_IFBLK with permissions. */
  mode: number;
  major: number;
  minor: number;
  uid: number;
  gid: number;
}

/** A filter of system calls (seccomp(2)). */
export interface SeccompSpec {
  /** struct sock_filter, one after the other. */
  program: Uint8Array;
  /** Calls that are not allowed are told in the log. */
  logs: boolean;
}

/** A program of the container's own that runs before its first process (startContainer). */
export interface HookSpec {
  path: string;
  args: string[];
  /** null: the environment of the container's process. */
  env: string[] | null;
  /** Seconds; 0: none. */
  timeout: number;
}

/** Of a container that is made in the sandbox of its pod. */
export interface PodSpec {
  /** Host descriptor of its root file system. */
  root: number;
  /** The PID namespace of its processes: one of their own, or that of the container of that number; 0: the pod's. */
  processes: "own" | number;
  /** Host descriptors of cgroup.procs, of its control groups. */
  groups: number[];
}

export interface ContainerSpec {
  id: string;
  /** Absent: the sandbox is its own. */
  pod?: PodSpec;
  process: ProcessSpec;
  startHooks: HookSpec[];
  /** The state that they read (runtime-spec, "State"), as a byte string. */
  startState: string;
  hostname: string;
  domainname: string;
  rootReadOnly: boolean;
  /** As that of a mount, of the root; 0: none. */
  rootPropagation: number;
  mounts: MountSpec[];
  devices: DeviceSpec[];
  maskedPaths: string[];
  readOnlyPaths: string[];
  /** Guest tasks at most; 0: the kernel's own bound alone. */
  tasks: number;
  /** Bytes of memory at most; 0: the host's. */
  memory: number;
  /** What its control group tells its programs. */
  cgroup: Partial<CgroupLimits>;
  /** Which devices they may open and make, one rule after the other. */
  deviceRules: DeviceRule[];
  /** Which system calls its programs may make; null: all. */
  seccomp: SeccompSpec | null;
  annotations: Record<string, string>;
  /** Settings by their names in linux.sysctl; those that are not known have no effect. */
  settings: Record<string, string>;
}
