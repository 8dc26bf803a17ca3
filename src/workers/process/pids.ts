// Process numbers as the guest sees them (pid_namespaces(7)): allotted upwards, wrapping below
// pid_max, never one that a task, a process group or a session still uses. Host pids are never shown.

import type { Task, ThreadGroup } from "./task.ts";

export const PID_MAX = 32768;
const FIRST_AFTER_WRAP = 300; // Linux's RESERVED_PIDS

export class PidNamespace {
  readonly #groups = new Map<number, ThreadGroup>();
  readonly #tasks = new Map<number, Task>();
  readonly #reserved = new Set<number>();
  /** How many groups have a number as their process group or as their session. */
  readonly #uses = new Map<number, number>();
  #last = 0;
  /** Groups that are stopped. */
  #stopped = 0;

  /** Numbers below `first` are not given out: 1 stays free where the kernel itself is init, or for a container's first process. */
  constructor(first: number) {
    this.#last = first - 1;
  }

  /** Numbers that somebody has or is about to get, a group's once for each of its uses: for counters. */
  get size(): number {
    return this.#groups.size + this.#tasks.size + this.#reserved.size + this.#uses.size;
  }

  /** The number that was given out last. */
  get last(): number {
    return this.#last;
  }

  /** A number that nobody has, or -1 when all are taken (EAGAIN). It is the caller's until free() or register. */
  allot(): number {
    for (let tries = 0; tries < PID_MAX; tries++) {
      this.#last = this.#last + 1 >= PID_MAX ? FIRST_AFTER_WRAP : this.#last + 1;
      if (this.#isUsed(this.#last)) continue;
      this.#reserved.add(this.#last);
      return this.#last;
    }
    return -1;
  }

  /** That number, or -1 where somebody has it. */
  take(pid: number): number {
    if (this.#isUsed(pid)) return -1;
    this.#reserved.add(pid);
    return pid;
  }

  #isUsed(pid: number): boolean {
    return this.#reserved.has(pid) || this.#tasks.has(pid) || this.#groups.has(pid) || this.#uses.has(pid);
  }

  free(pid: number): void {
    this.#reserved.delete(pid);
  }

  register(task: Task): void {
    this.#reserved.delete(task.tid);
    this.#tasks.set(task.tid, task);
    const { group } = task;
    if (task.tid !== group.pid || this.#groups.get(group.pid) === group) return;
    this.#groups.set(group.pid, group);
    this.#use(group.processGroup, 1);
    this.#use(group.session.sid, 1);
  }

  #use(pid: number, change: number): void {
    const uses = (this.#uses.get(pid) ?? 0) + change;
    if (uses > 0) this.#uses.set(pid, uses);
    else this.#uses.delete(pid);
  }

  /** A group's process group or session has another number from now on. */
  moved(group: ThreadGroup, from: number, to: number): void {
    if (this.#groups.get(group.pid) !== group) return;
    this.#use(to, 1);
    this.#use(from, -1);
  }

  get stopped(): number {
    return this.#stopped;
  }

  /** A group stops, or goes on. */
  stops(group: ThreadGroup, change: 1 | -1): void {
    if (this.#groups.get(group.pid) === group) this.#stopped += change;
  }

  releaseTask(task: Task): void {
    if (this.#tasks.get(task.tid) === task) this.#tasks.delete(task.tid);
  }

  release(group: ThreadGroup): void {
    if (this.#groups.get(group.pid) !== group) return;
    if (group.stopSignal !== 0) this.#stopped--;
    this.#groups.delete(group.pid);
    this.#tasks.delete(group.pid);
    this.#use(group.processGroup, -1);
    this.#use(group.session.sid, -1);
  }

  group(pid: number): ThreadGroup | undefined {
    return this.#groups.get(pid);
  }

  /** The group that a task of that number belongs to: kill(2) takes any thread's. */
  groupOfTask(tid: number): ThreadGroup | undefined {
    return this.#groups.get(tid) ?? this.#tasks.get(tid)?.group;
  }

  task(tid: number): Task | undefined {
    return this.#tasks.get(tid);
  }

  tasks(): IterableIterator<Task> {
    return this.#tasks.values();
  }

  groups(): IterableIterator<ThreadGroup> {
    return this.#groups.values();
  }

  /** Who takes a group's children: the nearest subreaper, process 1, or null where the kernel reaps. */
  reaper(group: ThreadGroup): ThreadGroup | null {
    for (let above = group.parent; above !== null; above = above.parent)
      if (above.isSubreaper && !above.exiting) return above;
    const init = this.#groups.get(1);
    return init === undefined || init === group || init.exiting ? null : init;
  }
}
