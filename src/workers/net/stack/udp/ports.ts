// Which ports an endpoint of UDP may have, and ports for those that ask for none.

import { EADDRINUSE } from "../../../../shared/abi/errno.ts";
import type { Settings, StackHost } from "../core.ts";
import type { PortGroups, PortUser } from "../inet/port_groups.ts";

/**
 * A port for an endpoint, whose local address stands: the wanted one, or for 0 one of the local range, from a random one
 * on. -EADDRINUSE: it is taken, or all are.
 */
export function choosePort(
  ports: PortGroups,
  endpoint: PortUser,
  wanted: number,
  settings: Settings,
  host: StackHost,
): number {
  const { portMin, portMax, hostPortMin, hostPortMax } = settings;
  if (wanted !== 0) {
    const isHosts = wanted >= hostPortMin && wanted <= hostPortMax;
    return isHosts || ports.isTaken(endpoint, wanted) ? -EADDRINUSE : wanted;
  }
  const count = portMax - portMin + 1;
  const start = (host.random32() >>> 0) % count;
  for (let i = 0; i < count; i++) {
    const port = portMin + ((start + i) % count);
    if (port >= hostPortMin && port <= hostPortMax) continue;
    if (!ports.isTaken(endpoint, port)) return port;
  }
  return -EADDRINUSE;
}
