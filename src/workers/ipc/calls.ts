// The handlers of System V IPC, and of POSIX message queues.

import type { Handlers } from "../call/dispatch.ts";
import { ATTACH_HANDLERS } from "./attach.ts";
import type { IpcCaller } from "./caller.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { POSIX_QUEUE_HANDLERS } from "./posix_queue_calls.ts";
import { SEM_HANDLERS } from "./sem_calls.ts";
import { SHM_HANDLERS } from "./shm_calls.ts";

export const IPC_HANDLERS: Handlers<IpcCaller> = {
  ...SHM_HANDLERS,
  ...ATTACH_HANDLERS,
  ...SEM_HANDLERS,
  ...MESSAGE_HANDLERS,
  ...POSIX_QUEUE_HANDLERS,
};
