// NETLINK_SOCK_DIAG (sock_diag(7)): which sockets there are, and what is known of each; `ss` asks it.

import { EINVAL, ENOENT } from "../../../../shared/abi/errno.ts";
import * as D from "../../../../shared/abi/sock_diag.ts";
import { AF_INET, AF_INET6, AF_MAX, AF_PACKET } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import type { Outcome } from "../../devices/outcome.ts";
import type { Answer } from "../answer.ts";
import type { Request } from "../message.ts";
import { serveInet, serveOldInet } from "./inet.ts";
import { servePacket } from "./packet.ts";

/** struct sock_diag_req */
const GENERIC_SIZE = 2;

/** Families that are told; of others programs read what /proc has. */
const FAMILIES: ReadonlyMap<number, (by: Requester, request: Request) => Answer | Outcome> = new Map([
  [AF_INET, serveInet],
  [AF_INET6, serveInet],
  [AF_PACKET, servePacket],
]);

export function serveDiag(by: Requester, request: Request): Answer | Outcome {
  switch (request.type) {
    case D.TCPDIAG_GETSOCK:
    case D.DCCPDIAG_GETSOCK:
      return serveOldInet(by, request);
    case D.SOCK_DIAG_BY_FAMILY:
    case D.SOCK_DESTROY: {
      if (request.body.length < GENERIC_SIZE) return -EINVAL;
      const family = request.body[0]!;
      if (family >= AF_MAX) return -EINVAL;
      return FAMILIES.get(family)?.(by, request) ?? -ENOENT;
    }
    default:
      return -EINVAL;
  }
}
