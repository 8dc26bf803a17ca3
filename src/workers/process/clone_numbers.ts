// What a child is to be called: in which PID namespace it is made (pid_namespaces(7)), and the numbers that clone3(2) asks
// for (set_tid).

import { EFAULT, EINVAL, EPERM } from "../../shared/abi/errno.ts";
import { CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import { CLONE_NEWPID, CLONE_NEWUSER, CLONE_THREAD } from "../../shared/abi/sched.ts";
import { readGuest } from "../call/guest_copy.ts";
import { capable } from "../credentials/credentials.ts";
import type { Owned } from "../credentials/user_namespace.ts";
import { LEVELS_MAX, PID_MAX, type Pid, type PidNamespace } from "./pids.ts";
import type { Task } from "./task.ts";

const TID_SIZE = 4;

export const ANY_NUMBERS: readonly number[] = [];

/** A thread is in its process's namespaces: 0 or -EINVAL. */
export function mayBeMadeThere(task: Task, flags: number): number {
  if ((flags & CLONE_THREAD) === 0) return 0;
  const isElsewhere = (flags & (CLONE_NEWPID | CLONE_NEWUSER)) !== 0;
  return isElsewhere || task.pids !== task.pidsForChildren ? -EINVAL : 0;
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

/** Whether the task may choose numbers in a namespace and in as many above it as make `count`. */
function mayChoose({ credentials }: Task, lowest: PidNamespace, count: number): boolean {
  for (let level = lowest.level; level > lowest.level - count; level--) {
    const { owner } = lowest.at(level);
    if (!capable(credentials, owner, CAP_SYS_ADMIN) && !capable(credentials, owner, CAP_CHECKPOINT_RESTORE))
      return false;
  }
  return true;
}

/** A name for a child, or a negative errno; `owned`: it is to be in a new namespace, which belongs there. */
export function allotFor(task: Task, owned: Owned | null, wanted: readonly number[]): Pid | number {
  const space = (owned === null ? task.pidsForChildren : task.pids.makeChild(undefined, owned)).hold();
  const id = refusal(task, space, wanted) || space.allot(wanted);
  space.release(); // it goes where there is no child
  return id;
}

/** 0, or why numbers may not be chosen so. */
function refusal(task: Task, space: PidNamespace, wanted: readonly number[]): number {
  if (wanted.length === 0) return 0;
  const levels = space.level + 1;
  if (wanted.length > levels || wanted[0]! < 1 || wanted[0]! >= PID_MAX) return -EINVAL;
  if (!mayChoose(task, space, wanted.length)) return -EPERM;
  // Above its container's the numbers are the sandbox's.
  return wanted.length > levels - task.container.pids.level ? -EPERM : 0;
}
