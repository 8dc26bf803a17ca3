// The protocols of netlink(7): who answers what is sent to the kernel.

import * as N from "../../../shared/abi/netlink.ts";
import type { NetCaller } from "../caller.ts";
import type { Request } from "./message.ts";
import { type Answer, serveRoute } from "./route.ts";

export interface Protocol {
  /** Also who is not privileged may send to other sockets, and to groups. */
  readonly mayAnyoneSend: boolean;
  /** `isStrict`: what stands in front of a dump's request counts. */
  serve(task: NetCaller, request: Request, isStrict: boolean): Answer | number;
}

export const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([
  [N.NETLINK_ROUTE, { mayAnyoneSend: false, serve: serveRoute }],
  [N.NETLINK_USERSOCK, { mayAnyoneSend: true, serve: () => null }],
  // Devices do not come and go here: those who wait for one wait.
  [N.NETLINK_KOBJECT_UEVENT, { mayAnyoneSend: false, serve: () => null }],
]);
