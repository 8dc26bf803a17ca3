// /proc/net/{udp,raw,icmp} and their relatives of IPv6: a line for each socket. Sockets stand in the order of their places,
// not of hash buckets, so that whoever reads a part goes on where the last one ended.

import { IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW } from "../../../shared/abi/socket.ts";
import type { ListedSocket, Registry } from "../inet/registry.ts";
import type { IpAddress } from "../stack/ip_address.ts";

/** TCP_ESTABLISHED, TCP_CLOSE: of datagrams, whether there is a peer. */
const [ESTABLISHED, CLOSE] = [1, 7];
const WIDTH = 127;
const BUCKETS = 0xfff;

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(digits, "0");
}

/** A word in network order as the number that it is in memory. */
function swapped(word: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(word);
  return hex(bytes.readUInt32LE(), 8);
}

/** An address and a port as these files have them. */
export function place(isV6: boolean, ip: IpAddress | null, port: number): string {
  if (!isV6) return `${swapped(ip?.w3 ?? 0)}:${hex(port, 4)}`;
  // An unconnected one has no address, not a mapped one.
  const words = ip === null ? [0, 0, 0, 0] : [ip.w0, ip.w1, ip.w2, ip.w3];
  return `${words.map(swapped).join("")}:${hex(port, 4)}`;
}

export interface SocketRows {
  readonly heading: string;
  has(socket: ListedSocket): boolean;
  line(socket: ListedSocket): string;
}

function datagramLine(socket: ListedSocket, digits: number): string {
  const { isV6, endpoint } = socket;
  const { local, localPort, remote, remotePort } = endpoint;
  const columns = [
    `${String(localPort & BUCKETS).padStart(digits)}:`,
    place(isV6, local, localPort),
    place(isV6, remote, remotePort),
    hex(remote === null ? CLOSE : ESTABLISHED, 2),
    `${hex(0, 8)}:${hex(socket.queuedBytes, 8)}`,
    "00:00000000",
    hex(0, 8),
    String(socket.uid).padStart(5),
    String(0).padStart(8),
    socket.inodeNumber,
    2,
    "0000000000000000",
    socket.drops,
  ];
  return columns.join(" ");
}

function rows(
  heading: string,
  type: number,
  isV6: boolean,
  isUdp: boolean,
  digits: number,
  width: number,
): SocketRows {
  return {
    heading: `${heading.padEnd(width)}\n`,
    has: (socket) =>
      socket.type === type &&
      socket.isV6 === isV6 &&
      socket.endpoint.localPort !== 0 &&
      (type === SOCK_RAW || (socket.endpoint.protocol === IPPROTO_UDP) === isUdp),
    line: (socket) => `${datagramLine(socket, digits).padEnd(width)}\n`,
  };
}

const FOUR =
  "sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const SIX =
  "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";

export const UDP_ROWS = rows(`   ${FOUR}`, SOCK_DGRAM, false, true, 5, WIDTH);
export const UDP6_ROWS = rows(SIX, SOCK_DGRAM, true, true, 5, 0);
export const RAW_ROWS = rows(`  ${FOUR}`, SOCK_RAW, false, false, 4, 0);
export const RAW6_ROWS = rows(SIX, SOCK_RAW, true, false, 5, 0);
export const ICMP_ROWS = rows(`  ${FOUR}`, SOCK_DGRAM, false, false, 5, WIDTH);
export const ICMP6_ROWS = rows(SIX, SOCK_DGRAM, true, false, 5, 0);

/** How many sockets a file has. */
export function countOf(sockets: Registry, { has }: SocketRows): number {
  let count = 0;
  for (let i = 0; i < sockets.length; i++) {
    const socket = sockets.at(i);
    if (socket !== null && has(socket)) count++;
  }
  return count;
}
