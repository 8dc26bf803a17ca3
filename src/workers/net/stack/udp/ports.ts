// Which ports an endpoint of UDP may have, and ports for those that ask for none.

import { EADDRINUSE } from "../../../../shared/abi/errno.ts";
import type { StackCore } from "../core.ts";
import type { PortGroups, PortUser } from "../inet/port_groups.ts";

/**
 * A port for an endpoint, whose local address stands: the wanted one, or for 0 one of the local range, from a random one
 * on. -EADDRINUSE: it is taken, or all are.
 */
export function choosePort(core: StackCore, ports: PortGroups, endpoint: PortUser, wanted: number): number {
  if (wanted !== 0) return core.isHostPort(wanted) || ports.isTaken(endpoint, wanted) ? -EADDRINUSE : wanted;
  const { portMin, portMax } = core.settings;
  const count = portMax - portMin + 1;
  const start = (core.host.random32() >>> 0) % count;
  for (let i = 0; i < count; i++) {
    const port = portMin + ((start + i) % count);
    if (!core.isReserved(port) && !ports.isTaken(endpoint, port)) return port;
  }
  return -EADDRINUSE;
}
