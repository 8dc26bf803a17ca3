// What a task has to do with System V IPC: its namespace, the segments that it made, and what its end
// undoes to semaphores. Every task has one of its own.

import { CLONE_SYSVSEM } from "../../shared/abi/sched.ts";
import type { PidNumbers } from "../call/pid.ts";
import type { Owned } from "../credentials/user_namespace.ts";
import { IpcNamespace } from "./namespace.ts";
import type { Segment } from "./segment.ts";
import { UndoList } from "./undo.ts";

export class IpcMember {
  #namespace: IpcNamespace;
  /** Those that it made and that are still there. */
  readonly made = new Set<Segment>();
  /** Null: there is nothing to undo. */
  #undo: UndoList | null = null;

  constructor(namespace: IpcNamespace) {
    this.#namespace = namespace;
    namespace.enter();
  }

  get namespace(): IpcNamespace {
    return this.#namespace;
  }

  /** Of a child that clone makes; `owned`: it is to be in a new namespace, which belongs there. */
  forClone(flags: number, owned: Owned | null): IpcMember {
    const { kernel } = this.#namespace;
    const member = new IpcMember(owned === null ? this.#namespace : new IpcNamespace(kernel, owned));
    if ((flags & CLONE_SYSVSEM) !== 0) member.#undo = this.undoList().share();
    return member;
  }

  undoList(): UndoList {
    this.#undo ??= new UndoList(this.#namespace);
    return this.#undo;
  }

  /** unshare(CLONE_SYSVSEM) of that process. */
  leaveUndoList(process: PidNumbers): void {
    this.#undo?.release(process);
    this.#undo = null;
  }

  /** unshare(CLONE_NEWIPC) of that process. */
  enterNew(process: PidNumbers, owned: Owned): void {
    this.enter(new IpcNamespace(this.#namespace.kernel, owned), process);
  }

  /** setns(2) of that process. */
  enter(next: IpcNamespace, process: PidNumbers): void {
    this.leaveUndoList(process);
    this.#leaveSegments();
    next.enter();
    this.#namespace.leave();
    this.#namespace = next;
  }

  /** The task, of that process, ends. */
  release(process: PidNumbers): void {
    this.leaveUndoList(process);
    this.#leaveSegments();
    this.#namespace.leave();
  }

  #leaveSegments(): void {
    for (const segment of this.made) {
      segment.maker = null;
      segment.release();
    }
    this.made.clear();
  }
}
