// A task becomes somebody else: what its process has in memory may not be his to look into then (PR_SET_DUMPABLE).

import { type Credentials, gainsBy } from "../credentials/credentials.ts";
import type { Task } from "../process/task.ts";

/** Gives a task credentials of another user namespace. */
export function becomeOther(task: Task, next: Credentials): void {
  if (gainsBy(task.credentials, next)) task.stub.space.dumpable = 0;
  task.credentials = next;
}
