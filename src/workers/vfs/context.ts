// What the VFS uses of its kernel, beside what every subsystem does.

import type { CgroupHierarchy } from "../../shared/cgroup.ts";
import type { SandboxConfig } from "../../shared/process_spec.ts";
import type { UserCounts } from "../credentials/user_counts.ts";
import type { Gofer } from "../gofer/gofer.ts";
import type { HostFiles } from "../gofer/host_files.ts";
import type { AnonymousInodes } from "./anonymous/anonymous_fs.ts";
import type { VfsCaller } from "./caller.ts";
import type { DentryCache } from "./dentry_cache.ts";
import type { FileEvents } from "./file_events.ts";
import type { LockTable } from "./file_locks.ts";
import type { FileSystem, Inode } from "./inode.ts";
import type { Lending } from "./loan.ts";
import type { Mount, MountNamespace, Path } from "./path.ts";
import type { Pipes } from "./pipe.ts";
import type { ProcessContext } from "./processes.ts";
import type { Shrinker } from "./shrinker.ts";
import type { Ptys } from "./tty/pty.ts";

export interface VfsContext extends ProcessContext {
  readonly config: SandboxConfig;
  current: VfsCaller | null;
  readonly dentries: DentryCache;
  readonly fileEvents: FileEvents;
  /** Instances of inotify. */
  readonly inotify: UserCounts;
  readonly hostFiles: HostFiles;
  readonly gofer: Gofer;
  readonly locks: LockTable;
  readonly pipes: Pipes;
  readonly anonymous: AnonymousInodes;
  readonly ptys: Ptys;
  readonly devPts: FileSystem & { terminal(number: number): Inode | null };
  readonly listings: Shrinker;
  readonly generatedTexts: Shrinker;
  readonly mounts: MountNamespace;
  /** Root of the guest's mount tree. */
  root: Path;
  /** Where files of memfd_create stand: in no tree. */
  readonly memoryFiles: Mount;
  /** Number of the host's CPUs, once it is known (cpus.ts). */
  cpus: number;
  /** A namespace has another root: what is started from outside in it begins there. */
  rootMoved(namespace: MountNamespace, old: Path, next: Path): void;
  /** Who lends files to other kernel threads; null: there are none that would take them. */
  readonly lending: Lending | null;
  /** A number for a new descriptor table. */
  nextTableId(): number;
  /** The file system of processes. */
  newProc(): FileSystem;
  /** That of control groups, with these mount options; or a negative errno. */
  newCgroups(type: "cgroup" | "cgroup2", data: readonly string[]): FileSystem | number;
  /** That of the message queues of who is served. */
  messageQueues(): FileSystem;
  /** The hierarchies of control groups that programs see. */
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The CPUs that they may run on, in order; null: all. */
  readonly allowedCpus: readonly number[] | null;
}
