// Which sockets of the host's network a guest may ask for: those that the sandbox's own stack has as well.

import { EPERM } from "../../../shared/abi/errno.ts";
import { AF_INET6, SOCK_RAW } from "../../../shared/abi/socket.ts";
import type { NetCaller } from "../caller.ts";
import type { Creator } from "../family.ts";
import { INET, INET6 } from "../inet/family.ts";
import { mayUseRaw } from "../privileges.ts";

/** The protocol that a socket has; or the negative errno of who cannot have one. */
export function protocolFor(
  task: NetCaller & Creator,
  domain: number,
  type: number,
  protocol: number,
): number {
  const known = (domain === AF_INET6 ? INET6 : INET).protocolFor(task, type, protocol);
  // Whom it lets ping is the host's affair.
  return known >= 0 && type === SOCK_RAW && !mayUseRaw(task, task.network) ? -EPERM : known;
}
