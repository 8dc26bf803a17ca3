// The handlers of the network subsystem.

import type { Handlers } from "../call/dispatch.ts";
import type { NetCaller } from "./caller.ts";
import type { FamilyCaller } from "./families.ts";
import { MESSAGE_HANDLERS } from "./message_calls.ts";
import { NEW_SOCKET_HANDLERS } from "./new_socket_calls.ts";
import { SOCKET_HANDLERS } from "./socket_calls.ts";
import { SOCKET_IO_HANDLERS } from "./socket_io_calls.ts";

export const NET_HANDLERS: Handlers<FamilyCaller> = {
  ...NEW_SOCKET_HANDLERS,
  ...SOCKET_HANDLERS,
  ...MESSAGE_HANDLERS,
};

/** Those of a kernel thread that has sockets and nothing else. */
export const OWNED_SOCKET_HANDLERS: Handlers<NetCaller> = {
  ...SOCKET_HANDLERS,
  ...MESSAGE_HANDLERS,
  ...SOCKET_IO_HANDLERS,
};
