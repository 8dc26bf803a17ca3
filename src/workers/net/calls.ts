// The handlers of the network subsystem.

import type { Handlers } from "../call/dispatch.ts";
import type { FamilyCaller } from "./families.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { SOCKET_HANDLERS } from "./socket_calls.ts";

export const NET_HANDLERS: Handlers<FamilyCaller> = { ...SOCKET_HANDLERS, ...MESSAGE_HANDLERS };
