// What a task has to do with System V IPC: its namespace, and the segments that it made. Every task has one of
// its own.

import { CLONE_NEWIPC } from "../../shared/abi/sched.ts";
import { IpcNamespace } from "./namespace.ts";
import type { Segment } from "./segment.ts";

export class IpcMember {
  #namespace: IpcNamespace;
  /** Those that it made and that are still there. */
  readonly made = new Set<Segment>();

  constructor(namespace: IpcNamespace) {
    this.#namespace = namespace;
    namespace.enter();
  }

  get namespace(): IpcNamespace {
    return this.#namespace;
  }

  /** Of a child that clone makes. */
  forClone(flags: number): IpcMember {
    const isNew = (flags & CLONE_NEWIPC) !== 0;
    return new IpcMember(isNew ? new IpcNamespace(this.#namespace.kernel) : this.#namespace);
  }

  /** unshare(CLONE_NEWIPC) */
  enterNew(): void {
    this.#leaveSegments();
    this.#namespace.leave();
    this.#namespace = new IpcNamespace(this.#namespace.kernel);
    this.#namespace.enter();
  }

  /** The task ends. */
  release(): void {
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
