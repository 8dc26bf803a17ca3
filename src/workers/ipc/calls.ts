// The handlers of System V IPC.

import type { Handler } from "../supervisor/dispatch.ts";
import { ATTACH_HANDLERS } from "./attach.ts";
import { SHM_HANDLERS } from "./shm_calls.ts";

export const IPC_HANDLERS: Record<string, Handler> = {
  ...SHM_HANDLERS,
  ...ATTACH_HANDLERS,
};
