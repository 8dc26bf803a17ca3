// The handlers of the network subsystem.

import type { Handlers } from "../call/dispatch.ts";
import type { Task } from "../process/task.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { SOCKET_HANDLERS } from "./socket_calls.ts";

export const NET_HANDLERS: Handlers<Task> = { ...SOCKET_HANDLERS, ...MESSAGE_HANDLERS };
