// The descriptor of a child for its creator (clone(2), CLONE_PIDFD). It stands before there is anything else
// of the child, so that a refusal leaves nothing behind.

import { EFAULT } from "../../shared/abi/errno.ts";
import * as L from "../../shared/ring/layout.ts";
import { install } from "../vfs/install.ts";
import { PidFile } from "./pid_file.ts";
import type { Task, ThreadGroup } from "./task.ts";

const SIZE = 4;
/** Of a child whose creator has not asked for one. */
export const NO_PIDFD = -1;

export interface ChildPidfd {
  readonly group: ThreadGroup;
  pidfd: number;
}

/** Installs it, if its number can be written: 0 or a negative errno. */
export function* givePidfd(task: Task, plan: ChildPidfd, address: number): Generator<void, number, void> {
  // Found out by writing what is there: once there is a child it is too late to refuse.
  task.call.outAt(address, SIZE, L.WINDOW);
  if ((yield* task.call.copyInRound()) < SIZE) return -EFAULT;
  const error = yield* writePidfd(task, task.call.view.getInt32(task.call.base + L.WINDOW, true), address);
  if (error < 0) return error;
  const fd = install(task, new PidFile(plan.group, 0), true);
  if (fd < 0) return fd;
  plan.pidfd = fd;
  return 0;
}

export function* writePidfd(task: Task, pidfd: number, address: number): Generator<void, number, void> {
  task.call.view.setInt32(task.call.base + L.WINDOW, pidfd, true);
  task.call.outAt(address, SIZE, L.WINDOW);
  return (yield* task.call.copyOutRound()) < SIZE ? -EFAULT : 0;
}

/** There will be no such child. */
export function takePidfd({ files }: Task, { group, pidfd }: ChildPidfd): void {
  const file = files.get(pidfd);
  if (file instanceof PidFile && file.group === group) files.close(pidfd);
}
