// RLIMIT_FSIZE: how far a task may make a file grow (setrlimit(2)).

import { RLIMIT_FSIZE } from "../../shared/abi/resource.ts";
import { SIGXFSZ } from "../../shared/abi/signal.ts";
import { fromUser } from "../call/siginfo.ts";
import type { VfsCaller } from "./caller.ts";

export function fileSizeLimit(task: VfsCaller): number {
  return task.limit(RLIMIT_FSIZE);
}

/** How much of a write the limit allows; 0, and SIGXFSZ is sent, when it begins behind the limit. */
export function allowedLength(task: VfsCaller, position: number, length: number): number {
  const limit = fileSizeLimit(task);
  if (position + length <= limit) return length;
  if (position < limit) return limit - position;
  exceeded(task);
  return 0;
}

export function exceeded(task: VfsCaller): void {
  // Linux's send_sig without force: as if the task had sent it.
  task.send(fromUser(task, SIGXFSZ));
}
