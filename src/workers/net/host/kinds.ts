// Which sockets of the host's network a guest may ask for: those that the sandbox's own stack has as well.

import { EINVAL, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from "../../../shared/abi/errno.ts";
import { IPPROTO_MAX } from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { NetCaller } from "../caller.ts";
import { mayUseRaw } from "../privileges.ts";

/** By family and type: protocols, of which the first is that of who names none. */
const PROTOCOLS: ReadonlyMap<number, ReadonlyMap<number, readonly number[]>> = new Map([
  [
    S.AF_INET,
    new Map([
      [S.SOCK_STREAM, [S.IPPROTO_TCP]],
      [S.SOCK_DGRAM, [S.IPPROTO_UDP, S.IPPROTO_ICMP]],
    ]),
  ],
  [
    S.AF_INET6,
    new Map([
      [S.SOCK_STREAM, [S.IPPROTO_TCP]],
      [S.SOCK_DGRAM, [S.IPPROTO_UDP, S.IPPROTO_ICMPV6]],
    ]),
  ],
]);

/** The protocol that a socket has; or the negative errno of who cannot have one. */
export function protocolFor(task: NetCaller, domain: number, type: number, protocol: number): number {
  if (protocol < 0 || protocol >= IPPROTO_MAX) return -EINVAL;
  if (type === S.SOCK_RAW) {
    if (protocol === 0) return -EPROTONOSUPPORT;
    return mayUseRaw(task) ? protocol : -EPERM;
  }
  const known = PROTOCOLS.get(domain)!.get(type);
  if (known === undefined) return -ESOCKTNOSUPPORT;
  if (protocol === 0) return known[0]!;
  return known.includes(protocol) ? protocol : -EPROTONOSUPPORT;
}
