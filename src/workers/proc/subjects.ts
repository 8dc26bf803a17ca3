// What directories of proc are about: the system, a process or a thread, one of its descriptors. Each
// has a stretch of inode numbers of its own, so that numbers are stable while the subject lives.

import type { PidNumbers } from "../call/pid.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Network } from "../net/network.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { Pid, PidNamespace } from "../process/pids.ts";
import { mayInspect } from "../process/ptrace_access.ts";
import type { Task, ThreadGroup } from "../process/task.ts";
import type { FileTable } from "../vfs/file_table.ts";
import type { Subject } from "../vfs/generated/nodes.ts";

/** Inode numbers of a process or thread: room for its nodes and for those of its descriptors. */
const PROCESS_STRIDE = 2 ** 33;
const DESCRIPTOR_STRIDE = 2 ** 12;
const PROCESSES_MAX = 2 ** 19;

export class SystemSubject implements Subject {
  readonly kernel: SupervisorContext;
  readonly inoBase = 0;
  readonly exists = true;
  readonly owner: Subject["owner"];
  /** The PID namespace that its mount shows. */
  readonly pids: PidNamespace;
  readonly #processes = new WeakMap<ThreadGroup, ProcessSubject>();
  readonly #threads = new WeakMap<Task, ProcessSubject>();
  readonly #throughThreads = new WeakMap<Task, ProcessSubject>();
  #lastProcess = 0;

  constructor(kernel: SupervisorContext, pids: PidNamespace) {
    this.kernel = kernel;
    this.pids = pids;
    this.owner = kernel.users.systemOwner;
  }

  /** /proc/PID. */
  process(group: ThreadGroup): ProcessSubject {
    return this.#subject(this.#processes, group, group, null, false);
  }

  /** /proc/PID/task/TID. */
  thread(task: Task): ProcessSubject {
    return this.#subject(this.#threads, task, task.group, task, true);
  }

  /** /proc/TID of a thread that is not its process's first: the process, as that thread has it. */
  throughThread(task: Task): ProcessSubject {
    return this.#subject(this.#throughThreads, task, task.group, task, false);
  }

  #subject<K extends ThreadGroup | Task>(
    known: WeakMap<K, ProcessSubject>,
    key: K,
    group: ThreadGroup,
    task: Task | null,
    isThread: boolean,
  ): ProcessSubject {
    const subject = known.get(key);
    if (subject !== undefined) return subject;
    this.#lastProcess = (this.#lastProcess % PROCESSES_MAX) + 1;
    const made = new ProcessSubject(this, group, task, isThread, this.#lastProcess * PROCESS_STRIDE);
    known.set(key, made);
    return made;
  }
}

export class ProcessSubject implements Subject {
  readonly system: SystemSubject;
  readonly group: ThreadGroup;
  readonly inoBase: number;
  /** What is counted is this thread's alone; else its whole process's. */
  readonly isThread: boolean;
  /** The thread that it is seen through; null: the leader, whichever that is. */
  readonly #task: Task | null;

  constructor(
    system: SystemSubject,
    group: ThreadGroup,
    task: Task | null,
    isThread: boolean,
    inoBase: number,
  ) {
    this.system = system;
    this.group = group;
    this.#task = task;
    this.isThread = isThread;
    this.inoBase = inoBase;
  }

  get kernel(): SupervisorContext {
    return this.system.kernel;
  }

  /** Of a process that has ended the first one. */
  get network(): Network {
    return this.alive ? this.task.network : this.kernel.network;
  }

  /** What it is called, as a thread or as a process. */
  get id(): Pid {
    return this.#task?.id ?? this.group.id;
  }

  /** The number that those of that name have here; 0: they are not to be seen. */
  numberOf(name: PidNumbers | null | undefined): number {
    return name?.in(this.system.pids) ?? 0;
  }

  get task(): Task {
    return this.#task ?? this.group.leader;
  }

  get exists(): boolean {
    if (this.group.state === "reaped") return false;
    return this.#task === null || this.group.tasks.includes(this.#task);
  }

  /** It has memory and files: it is no zombie. */
  get alive(): boolean {
    return this.exists && !this.group.exiting && !this.task.dead;
  }

  get files(): FileTable | null {
    return this.alive ? this.task.files : null;
  }

  get owner() {
    const { euid, egid } = this.task.credentials;
    return { uid: euid, gid: egid };
  }

  descriptor(fd: number): DescriptorSubject {
    return new DescriptorSubject(this, fd);
  }
}

/** For files that show what is inside a process. */
export function mayLook({ task }: ProcessSubject, credentials: Credentials): number {
  return mayInspect(credentials, task);
}

export class DescriptorSubject implements Subject {
  readonly process: ProcessSubject;
  readonly fd: number;

  constructor(process: ProcessSubject, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  get kernel(): SupervisorContext {
    return this.process.kernel;
  }

  get inoBase(): number {
    return this.process.inoBase + DESCRIPTOR_STRIDE * (this.fd + 1);
  }

  get exists(): boolean {
    return this.file !== undefined;
  }

  get file() {
    return this.process.files?.get(this.fd);
  }

  get owner() {
    return this.process.owner;
  }
}
