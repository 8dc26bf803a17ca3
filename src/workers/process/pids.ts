// PID namespaces and the numbers in them (pid_namespaces(7)), as Linux's struct pid and struct pid_namespace: a Pid is what
// a thread, a process, a process group or a session is called by, in the namespace that it was made in and in each above.
// Numbers are allotted upwards, wrapping below pid_max, never one that somebody still uses. Host pids are never shown.

import { EAGAIN, EEXIST, EINVAL, ENOMEM, ENOSPC } from "../../shared/abi/errno.ts";
import { inodeOf, PID_FIRST_INO, PID_KIND } from "../../shared/abi/nsfs.ts";
import type { PidNumbers, PidSpace } from "../call/pid.ts";
import type { Counters } from "../counters.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { Task, ThreadGroup } from "./task.ts";

export const PID_MAX = 32768;
const FIRST_AFTER_WRAP = 300; // Linux's RESERVED_PIDS
/** Linux's MAX_PID_NS_LEVEL. */
export const LEVELS_MAX = 32;
/** The number of a namespace's first process, its init. */
export const INIT = 1;

const NOBODY: ReadonlySet<ThreadGroup> = new Set();
const NO_NUMBERS: readonly number[] = [];

export class Pid implements PidNumbers {
  readonly namespace: PidNamespace;
  readonly number: number;
  /** In the namespaces above, by their levels. */
  readonly #above: readonly number[];
  #task: Task | null = null;
  #group: ThreadGroup | null = null;
  #members: Set<ThreadGroup> | null = null;
  /** How many processes are in the session of that name. */
  #sessionMembers = 0;
  #state: "taken" | "used" | "forgotten" = "taken";

  constructor(namespace: PidNamespace, number: number, above: readonly number[]) {
    this.namespace = namespace;
    this.number = number;
    this.#above = above;
  }

  in(space: PidSpace): number {
    if (space === this.namespace) return this.number;
    const { level } = space;
    if (level >= this.namespace.level || this.namespace.at(level) !== space) return 0;
    return this.#above[level]!;
  }

  /** Its numbers in that namespace, in which it is to be seen, and in those below it, to its own. */
  from(space: PidSpace): number[] {
    return [...this.#above.slice(space.level), this.number];
  }

  get first(): number {
    return this.#above.length === 0 ? this.number : this.#above[0]!;
  }

  /** The thread of that name. */
  get task(): Task | null {
    return this.#task;
  }

  /** The process. */
  get group(): ThreadGroup | null {
    return this.#group;
  }

  /** The processes of the process group. */
  get members(): ReadonlySet<ThreadGroup> {
    return this.#members ?? NOBODY;
  }

  /** Whether a session has that name. */
  get isSession(): boolean {
    return this.#sessionMembers > 0;
  }

  /** The task is to be found by it; and its process, if this is the leader. */
  give(task: Task): void {
    this.#task = task;
    const { group } = task;
    if (group.id !== this || this.#group === group) return;
    this.#group = group;
    group.processGroup.join(group);
    group.session.id?.joinSession();
  }

  leaveTask(task: Task): void {
    if (this.#task !== task) return;
    this.#task = null;
    this.#look();
  }

  /** The process is gone. */
  leaveGroup(group: ThreadGroup): void {
    if (this.#group !== group) return;
    this.#group = null;
    this.#task = null;
    group.processGroup.part(group);
    group.session.id?.partSession();
    this.#look();
  }

  /** Nobody was given it. */
  free(): void {
    if (this.#task === null && this.#group === null) this.#look();
  }

  join(group: ThreadGroup): void {
    this.#members ??= new Set();
    this.#members.add(group);
  }

  part(group: ThreadGroup): void {
    this.#members?.delete(group);
    this.#look();
  }

  joinSession(): void {
    this.#sessionMembers++;
  }

  partSession(): void {
    this.#sessionMembers--;
    this.#look();
  }

  // Whether somebody has it yet, and whether somebody uses it.
  #look(): void {
    if (this.#task !== null || this.#group !== null) return;
    const isUsed = this.members.size > 0 || this.#sessionMembers > 0;
    const before = this.#state;
    if (before === "forgotten" || (before === "used" && isUsed)) return;
    this.#state = isUsed ? "used" : "forgotten";
    if (!isUsed) this.namespace.forget(this);
    if (before === "taken") this.namespace.vacated(this);
  }
}

interface PidContext {
  readonly counters: Counters;
  readonly heap: HeapBudget;
  /** That of the sandbox's guests. */
  readonly users: UserNamespace;
}

export class PidNamespace implements PidSpace {
  readonly #kernel: PidContext;
  readonly parent: PidNamespace | null;
  readonly level: number;
  /** What its file in /proc/PID/ns says. */
  readonly inode: number;
  readonly #first: PidNamespace;
  /** Null: it belongs to the guests' own user namespace, as those do that no guest has made. */
  readonly #owned: Owned | null;
  readonly #pids = new Map<number, Pid>();
  /** Of them those that a thread or a process has, or is about to get. */
  #taken = 0;
  #last: number;
  /** Of the first: how many were made below it since the start. */
  #made = 0;
  #holders = 0;
  #isEnding = false;
  /** Called as soon as nobody but the init is in it. */
  #onDeserted: (() => void) | null = null;

  /**
   * Numbers below `first` are not given out: of the sandbox's first namespace, 1 stays free where the kernel itself is init, or
   * for a container's first process.
   */
  constructor(kernel: PidContext, parent: PidNamespace | null, first = INIT, owned: Owned | null = null) {
    this.#kernel = kernel;
    this.parent = parent;
    this.level = parent === null ? 0 : parent.level + 1;
    this.#first = parent === null ? this : parent.#first;
    this.inode = parent === null ? PID_FIRST_INO : inodeOf(PID_KIND, ++this.#first.#made);
    this.#last = first - 1;
    this.#owned = owned;
    kernel.counters.pidNamespaces++;
    parent?.hold();
  }

  /** Whether there may be one below it: 0 or -ENOSPC. */
  mayMakeChild(): number {
    return this.level < LEVELS_MAX && this.#kernel.heap.hasRoom("pidNamespaces") ? 0 : -ENOSPC;
  }

  makeChild(first = INIT, owned: Owned | null = null): PidNamespace {
    return new PidNamespace(this.#kernel, this, first, owned);
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned?.users ?? this.#kernel.users;
  }

  /** A number of it is in use, or somebody stands at its file, or has children who are to be in it. */
  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.#kernel.counters.pidNamespaces--;
    this.#owned?.release();
    this.parent?.release();
  }

  /** The namespace above it of that level, or itself. */
  at(level: number): PidNamespace {
    let space: PidNamespace = this;
    while (space.level > level) space = space.parent!;
    return space;
  }

  /** Whether this one is that one, or below it. */
  isWithin(other: PidNamespace): boolean {
    return other.level <= this.level && this.at(other.level) === other;
  }

  /** Numbers that somebody uses or is about to get: for counters. */
  get size(): number {
    return this.#pids.size;
  }

  /** The number that was given out last. */
  get last(): number {
    return this.#last;
  }

  set last(number: number) {
    this.#last = number;
  }

  /** Its first process, which takes orphans; null: there is none yet, or it was waited for. */
  get init(): ThreadGroup | null {
    return this.#pids.get(INIT)?.group ?? null;
  }

  /** Whether there has been a process in it. */
  get hasBegun(): boolean {
    return this.#last > 0;
  }

  // ---- Numbers ----

  /**
   * A name that nobody has, which is the caller's until it is given or free(): or a negative errno: -EAGAIN (all are taken),
   * -ENOMEM (the first process has ended). `wanted`: numbers in this namespace and those above (clone3(2), set_tid); of them
   * -EEXIST and -EINVAL.
   */
  allot(wanted: readonly number[] = NO_NUMBERS): Pid | number {
    if (this.isEnding) return -ENOMEM;
    if (this.level > 0 && !this.#kernel.heap.hasRoom("pidNumbers", this.level)) return -EAGAIN;
    const above = this.parent === null ? NO_NUMBERS : new Array<number>(this.level).fill(0);
    let own = 0;
    for (let space: PidNamespace | null = this; space !== null; space = space.parent) {
      const number = space.#choose(wanted[this.level - space.level]);
      if (number < 0) return number;
      if (space === this) own = number;
      else (above as number[])[space.level] = number;
    }
    const pid = new Pid(this, own, above);
    for (let space: PidNamespace | null = this; space !== null; space = space.parent) {
      space.#pids.set(pid.in(space), pid);
      space.#taken++;
    }
    this.#kernel.counters.pidNumbers += this.level;
    this.hold();
    return pid;
  }

  #choose(wanted: number | undefined): number {
    if (wanted === undefined) return this.#next();
    if (wanted < 1 || wanted >= PID_MAX) return -EINVAL;
    if (wanted !== INIT && !this.hasBegun) return -EINVAL;
    if (this.#pids.has(wanted)) return -EEXIST;
    if (!this.hasBegun) this.#last = wanted;
    return wanted;
  }

  #next(): number {
    for (let tries = 0; tries < PID_MAX; tries++) {
      this.#last = this.#last + 1 >= PID_MAX ? FIRST_AFTER_WRAP : this.#last + 1;
      if (!this.#pids.has(this.#last)) return this.#last;
    }
    return -EAGAIN;
  }

  /** No thread and no process has that one any more. */
  vacated(pid: Pid): void {
    for (let space: PidNamespace | null = this; space !== null; space = space.parent) {
      space.#taken--;
      // Nobody comes after an init, though it was never there.
      if (space.level > 0 && pid.in(space) === INIT) space.#isEnding = true;
    }
    for (let space: PidNamespace | null = this; space !== null; space = space.parent) space.#tellDeserted();
  }

  /** Nobody uses it. */
  forget(pid: Pid): void {
    for (let space: PidNamespace | null = this; space !== null; space = space.parent)
      space.#pids.delete(pid.in(space));
    this.#kernel.counters.pidNumbers -= this.level;
    this.release();
  }

  find(number: number): Pid | undefined {
    return this.#pids.get(number);
  }

  /** All names, those included that come while they are gone through. */
  names(): MapIterator<Pid> {
    return this.#pids.values();
  }

  group(pid: number): ThreadGroup | undefined {
    return this.#pids.get(pid)?.group ?? undefined;
  }

  /** The group that a task of that number belongs to: kill(2) takes any thread's. */
  groupOfTask(tid: number): ThreadGroup | undefined {
    const pid = this.#pids.get(tid);
    return pid?.group ?? pid?.task?.group;
  }

  task(tid: number): Task | undefined {
    return this.#pids.get(tid)?.task ?? undefined;
  }

  *tasks(): Generator<Task, void, void> {
    for (const { task } of this.#pids.values()) if (task !== null) yield task;
  }

  *groups(): Generator<ThreadGroup, void, void> {
    for (const { group } of this.#pids.values()) if (group !== null) yield group;
  }

  // ---- Its init ----

  /** Who takes a group's children: the nearest subreaper of the same namespace, its init, or null where the kernel reaps. */
  reaper(group: ThreadGroup): ThreadGroup | null {
    for (let above = group.parent; above !== null && above.pids.level === this.level; above = above.parent)
      if (above.isSubreaper && !above.exiting) return above;
    const { init } = this;
    return init === null || init === group || init.exiting ? null : init;
  }

  /** Nobody may be added to it: its init has ended, or that of one above. */
  get isEnding(): boolean {
    for (let space: PidNamespace | null = this; space !== null; space = space.parent)
      if (space.#isEnding) return true;
    return false;
  }

  /** Its init has ended: from now on nobody is made in it. `then` is called when all others are gone, at once if they are. */
  end(then: () => void): void {
    this.#isEnding = true;
    this.#onDeserted = then;
    this.#tellDeserted();
  }

  #tellDeserted(): void {
    if (this.#onDeserted === null || this.#taken > 1) return;
    const then = this.#onDeserted;
    this.#onDeserted = null;
    then();
  }
}
