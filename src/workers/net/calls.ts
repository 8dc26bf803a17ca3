// The handlers of the network subsystem.

import type { Handlers } from "../call/dispatch.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { SOCKET_HANDLERS } from "./socket_calls.ts";
import type { UnixCaller } from "./unix/context.ts";

export const NET_HANDLERS: Handlers<UnixCaller> = { ...SOCKET_HANDLERS, ...MESSAGE_HANDLERS };
