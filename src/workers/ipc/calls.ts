// The handlers of System V IPC.

import type { Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";
import { ATTACH_HANDLERS } from "./attach.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { SEM_HANDLERS } from "./sem_calls.ts";
import { SHM_HANDLERS } from "./shm_calls.ts";

export const IPC_HANDLERS: Handlers<Task> = {
  ...SHM_HANDLERS,
  ...ATTACH_HANDLERS,
  ...SEM_HANDLERS,
  ...MESSAGE_HANDLERS,
};
