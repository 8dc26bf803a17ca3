// RLIMIT_FSIZE: how far a task may make a file grow (setrlimit(2)).

import { RLIMIT_FSIZE } from "../../shared/abi/resource.ts";
import { SIGXFSZ } from "../../shared/abi/signal.ts";
import type { Task } from "../process/task.ts";
import { sendToTask } from "../signals/send_signal.ts";
import { fromUser } from "../signals/siginfo.ts";

export function fileSizeLimit(task: Task): number {
  return task.group.rlimits[RLIMIT_FSIZE]![0];
}

/** How much of a write the limit allows; 0, and SIGXFSZ is sent, when it begins behind the limit. */
export function allowedLength(task: Task, position: number, length: number): number {
  const limit = fileSizeLimit(task);
  if (position + length <= limit) return length;
  if (position < limit) return limit - position;
  exceeded(task);
  return 0;
}

export function exceeded(task: Task): void {
  // Linux's send_sig without force: as if the task had sent it.
  sendToTask(task, fromUser(task, SIGXFSZ));
}
