// What a child is to be called: in which PID namespace it is made (pid_namespaces(7)), and the numbers that clone3(2) asks
// for (set_tid).

import { EFAULT, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import { CLONE_NEWPID, CLONE_THREAD } from "../../shared/abi/sched.ts";
import { readGuest } from "../call/guest_copy.ts";
import { capable } from "../credentials/credentials.ts";
import { LEVELS_MAX, PID_MAX, type Pid } from "./pids.ts";
import type { Task } from "./task.ts";

const TID_SIZE = 4;

export const ANY_NUMBERS: readonly number[] = [];

/** A thread is in its process's namespace: 0 or -EINVAL. */
export function mayBeMadeThere(task: Task, flags: number): number {
  if ((flags & CLONE_THREAD) === 0) return 0;
  return (flags & CLONE_NEWPID) !== 0 || task.pids !== task.pidsForChildren ? -EINVAL : 0;
}

/** Numbers of a new child, of its own namespace first, or a negative errno. */
export function* readNumbers(
  task: Task,
  address: number,
  count: number,
): Generator<void, readonly number[] | number, void> {
  if (count > LEVELS_MAX || (address === 0) !== (count === 0)) return -EINVAL;
  const bytes = yield* readGuest(task, address, count * TID_SIZE);
  if (typeof bytes === "number") return -EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_none, i) => view.getInt32(i * TID_SIZE, true));
}

function mayChoose({ credentials, kernel: { users } }: Task): boolean {
  return capable(credentials, users, CAP_SYS_ADMIN) || capable(credentials, users, CAP_CHECKPOINT_RESTORE);
}

/** A name for a child, or a negative errno. */
export function allotFor(task: Task, flags: number, wanted: readonly number[]): Pid | number {
  const isNew = (flags & CLONE_NEWPID) !== 0;
  const level = (isNew ? task.pids : task.pidsForChildren).level + Number(isNew);
  if (wanted.length > 0) {
    if (wanted.length > level + 1 || wanted[0]! < 1 || wanted[0]! >= PID_MAX) return -EINVAL;
    if (!mayChoose(task)) return -EPERM;
    // Above its container's the numbers are the sandbox's.
    if (wanted.length > level + 1 - task.container.pids.level) return -EPERM;
  }
  const space = (isNew ? task.pids.makeChild() : task.pidsForChildren).hold();
  const id = space.allot(wanted);
  space.release(); // it goes where there is no child
  return id;
}
