// Which ports an endpoint may have: conflicts as Linux finds them (udp_lib_lport_inuse), and ports for those that ask
// for none.

import { EADDRINUSE } from "../../../../shared/abi/errno.ts";
import type { Settings, StackHost } from "../core.ts";
import type { IpAddress } from "../ip_address.ts";
import type { UdpEndpoint } from "./endpoint.ts";
import type { UdpTable } from "./table.ts";

/** :: that is not IPv4's 0.0.0.0. */
function isAny6({ isAny, isV4 }: IpAddress): boolean {
  return isAny && !isV4;
}

/** Whether some datagram would be for both local addresses (inet_rcv_saddr_equal with wildcards). */
function overlaps(a: UdpEndpoint, b: UdpEndpoint): boolean {
  const [x, y] = [a.local, b.local];
  if (x.isV4 && y.isV4) return x.equals(y) || x.isAny || y.isAny;
  if (isAny6(x) && isAny6(y)) return true;
  if (isAny6(y)) return !(b.v6only && x.isV4);
  if (isAny6(x)) return !(a.v6only && y.isV4);
  return x.equals(y);
}

function conflicts(endpoint: UdpEndpoint, other: UdpEndpoint): boolean {
  if (other === endpoint || (other.reuseAddress && endpoint.reuseAddress)) return false;
  const { boundDevice } = endpoint;
  if (boundDevice !== 0 && other.boundDevice !== 0 && boundDevice !== other.boundDevice) return false;
  if (!overlaps(endpoint, other)) return false;
  return !(other.reusePort && endpoint.reusePort && other.uid === endpoint.uid);
}

function isTaken(table: UdpTable, endpoint: UdpEndpoint, port: number): boolean {
  if (table.isPortFree(port)) return false;
  for (const other of table.onPort(port)) if (conflicts(endpoint, other)) return true;
  return false;
}

/**
 * A port for an endpoint, whose local address stands: the wanted one, or for 0 one of the local range, from a random one
 * on. -EADDRINUSE: it is taken, or all are.
 */
export function choosePort(
  table: UdpTable,
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
