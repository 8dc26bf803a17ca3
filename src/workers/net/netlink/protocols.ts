// The protocols of netlink(7): who answers what is sent to the kernel.

import * as N from "../../../shared/abi/netlink.ts";
import type { NetCaller } from "../caller.ts";
import type { Outcome } from "../devices/outcome.ts";
import type { Answer, Asker } from "./answer.ts";
import type { Request } from "./message.ts";
import { serveRoute } from "./route/route.ts";

export interface Protocol {
  /** Also who is not privileged may send to other sockets, and to groups. */
  readonly mayAnyoneSend: boolean;
  serve(task: NetCaller, request: Request, asker: Asker): Answer | Outcome;
}

export const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([
  [N.NETLINK_ROUTE, { mayAnyoneSend: false, serve: serveRoute }],
  [N.NETLINK_USERSOCK, { mayAnyoneSend: true, serve: () => null }],
  // Devices do not come and go here: those who wait for one wait.
  [N.NETLINK_KOBJECT_UEVENT, { mayAnyoneSend: false, serve: () => null }],
]);
