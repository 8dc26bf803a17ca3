// Which ports an endpoint may have: conflicts as Linux finds them (udp_lib_lport_inuse), and ports for those that ask
// for none.

import { EADDRINUSE } from "../../../../shared/abi/errno.ts";
import type { Settings, StackHost } from "../core.ts";
import { overlaps } from "../inet/conflicts.ts";
import type { EndpointTable } from "../inet/table.ts";
import type { UdpEndpoint } from "./endpoint.ts";

function conflicts(endpoint: UdpEndpoint, other: UdpEndpoint): boolean {
  if (other === endpoint || (other.reuseAddress && endpoint.reuseAddress)) return false;
  const { boundDevice } = endpoint;
  if (boundDevice !== 0 && other.boundDevice !== 0 && boundDevice !== other.boundDevice) return false;
  if (!overlaps(endpoint, other)) return false;
  return !(other.reusePort && endpoint.reusePort && other.uid === endpoint.uid);
}

function isTaken(table: EndpointTable<UdpEndpoint>, endpoint: UdpEndpoint, port: number): boolean {
  if (table.isPortFree(port)) return false;
  for (const other of table.onPort(port)) if (conflicts(endpoint, other)) return true;
  return false;
}

/**
 * A port for an endpoint, whose local address stands: the wanted one, or for 0 one of the local range, from a random one
 * on. -EADDRINUSE: it is taken, or all are.
 */
export function choosePort(
  table: EndpointTable<UdpEndpoint>,
  endpoint: UdpEndpoint,
  wanted: number,
  settings: Settings,
  host: StackHost,
): number {
  const { portMin, portMax, hostPortMin, hostPortMax } = settings;
  if (wanted !== 0) {
    const isHosts = wanted >= hostPortMin && wanted <= hostPortMax;
    return isHosts || isTaken(table, endpoint, wanted) ? -EADDRINUSE : wanted;
  }
  const count = portMax - portMin + 1;
  const start = (host.random32() >>> 0) % count;
  for (let i = 0; i < count; i++) {
    const port = portMin + ((start + i) % count);
    if (port >= hostPortMin && port <= hostPortMax) continue;
    if (!isTaken(table, endpoint, port)) return port;
  }
  return -EADDRINUSE;
}
