// The protocols of netlink(7): who answers what is sent to the kernel, and what they allow.

import * as N from "../../../shared/abi/netlink.ts";
import * as A from "../../../shared/abi/nftables.ts";
import * as D from "../../../shared/abi/sock_diag.ts";
import type { Requester } from "../caller.ts";
import type { Outcome } from "../devices/outcome.ts";
import type { NetworkName } from "../named_networks.ts";
import type { Answer, Asker } from "./answer.ts";
import { serveDiag } from "./diag/diag.ts";
import type { Request } from "./message.ts";
import type { Acknowledge, Work } from "./netfilter/batch.ts";
import { serveAll, serveNetfilter } from "./netfilter/netfilter.ts";
import { namesIn } from "./route/names.ts";
import { serveRoute } from "./route/route.ts";

export interface Protocol {
  /** Also who is not privileged may send to other sockets, and to groups. */
  readonly mayAnyoneSend: boolean;
  /** And may join groups. */
  readonly mayAnyoneListen: boolean;
  /** How many groups there are. */
  readonly groups: number;
  /** What the kernel answers; null: it has no socket of the protocol. */
  readonly serve: ((by: Requester, request: Request, asker: Asker) => Answer | Outcome) | null;
  /** The network namespaces that a request names, which are found before it is served. */
  readonly namesIn?: (request: Request) => readonly NetworkName[];
  /** How it goes through what was sent at once, if not message by message. */
  readonly serveAll?: (
    by: Requester,
    bytes: Buffer,
    acknowledge: Acknowledge,
    serve: (request: Request) => void,
  ) => Work;
}

/** Of a protocol that says nothing else. */
const GROUPS = 32;

export const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map<number, Protocol>([
  [
    N.NETLINK_ROUTE,
    { mayAnyoneSend: false, mayAnyoneListen: true, groups: N.RTNLGRP_MAX, serve: serveRoute, namesIn },
  ],
  [
    D.NETLINK_SOCK_DIAG,
    { mayAnyoneSend: false, mayAnyoneListen: true, groups: D.SKNLGRP_MAX, serve: serveDiag },
  ],
  [
    A.NETLINK_NETFILTER,
    {
      mayAnyoneSend: false,
      mayAnyoneListen: false,
      groups: A.NFNLGRP_MAX,
      serve: serveNetfilter,
      serveAll,
    },
  ],
  [N.NETLINK_USERSOCK, { mayAnyoneSend: true, mayAnyoneListen: false, groups: GROUPS, serve: null }],
  // Devices do not come and go here: those who wait for one wait.
  [
    N.NETLINK_KOBJECT_UEVENT,
    { mayAnyoneSend: false, mayAnyoneListen: true, groups: GROUPS, serve: () => null },
  ],
]);
