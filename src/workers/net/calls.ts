// The handlers of the network subsystem.

import type { Handler } from "../call/dispatch.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { SOCKET_HANDLERS } from "./socket_calls.ts";

export const NET_HANDLERS: Record<string, Handler> = { ...SOCKET_HANDLERS, ...MESSAGE_HANDLERS };
