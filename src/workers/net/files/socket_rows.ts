// /proc/net/{tcp,udp,raw,icmp} and their relatives of IPv6: a line for each socket. Sockets stand in the order of their places,
// not of hash buckets, so that whoever reads a part goes on where the last one ended.

import { IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW } from "../../../shared/abi/socket.ts";
import type { IdMap } from "../../credentials/id_map.ts";
import type { ListedSocket, Registry } from "../inet/registry.ts";
import { TIMER_PROBE, TIMER_RETRANSMIT } from "../netlink/diag/row.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import { TIMER_NONE, TIMER_PROBE_WINDOW } from "../stack/tcp/connection.ts";
import { TCP_CLOSE, TCP_ESTABLISHED } from "../stack/tcp/states.ts";
import { upperHex as hex } from "./hex.ts";

/** Lines of UDP over IPv4 are as long as that. */
export const UDP_WIDTH = 127;
const BUCKETS = 0xfff;

/** A word in network order as the number that it is in memory. */
function swapped(word: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(word);
  return hex(bytes.readUInt32LE(), 8);
}

/** An address and a port as these files have them. */
function place(isV6: boolean, ip: IpAddress | null, port: number): string {
  if (!isV6) return `${swapped(ip?.w3 ?? 0)}:${hex(port, 4)}`;
  // An unconnected one has no address, not a mapped one.
  const words = ip === null ? [0, 0, 0, 0] : [ip.w0, ip.w1, ip.w2, ip.w3];
  return `${words.map(swapped).join("")}:${hex(port, 4)}`;
}

export interface SocketRows {
  readonly heading: string;
  has(socket: ListedSocket): boolean;
  /** With user ids as a reader has them. */
  line(socket: ListedSocket, reader: IdMap): string;
}

function datagramLine(socket: ListedSocket, digits: number, reader: IdMap): string {
  const { isV6, endpoint } = socket;
  const { local, localPort, remote, remotePort } = endpoint;
  const columns = [
    `${String(localPort & BUCKETS).padStart(digits)}:`,
    place(isV6, local, localPort),
    place(isV6, remote, remotePort),
    hex(remote === null ? TCP_CLOSE : TCP_ESTABLISHED, 2),
    `${hex(0, 8)}:${hex(socket.queuedBytes, 8)}`,
    "00:00000000",
    hex(0, 8),
    String(reader.told(endpoint.uid)).padStart(5),
    String(0).padStart(8),
    socket.inodeNumber,
    2,
    "0000000000000000",
    endpoint.drops,
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
    line: (socket, reader) => `${datagramLine(socket, digits, reader).padEnd(width)}\n`,
  };
}

/** Headings without what stands before them. */
export const HEADING4 =
  "sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
export const HEADING6 =
  "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";

export const UDP_ROWS = rows(`   ${HEADING4}`, SOCK_DGRAM, false, true, 5, UDP_WIDTH);
export const UDP6_ROWS = rows(HEADING6, SOCK_DGRAM, true, true, 5, 0);
export const RAW_ROWS = rows(`  ${HEADING4}`, SOCK_RAW, false, false, 4, 0);
export const RAW6_ROWS = rows(HEADING6, SOCK_RAW, true, false, 5, 0);
export const ICMP_ROWS = rows(`  ${HEADING4}`, SOCK_DGRAM, false, false, 5, UDP_WIDTH);
export const ICMP6_ROWS = rows(HEADING6, SOCK_DGRAM, true, false, 5, 0);

// ---- Streams ----

const TCP_WIDTH = 149;
const TICK_US = 10_000;
/** What of a threshold says that none was found yet. */
const INFINITE_THRESHOLD = 0x7fffffff;

function timerOf({ stream }: ListedSocket): string {
  const connection = stream?.connection ?? null;
  if (connection === null || connection.pendingTimer === TIMER_NONE) return "00:00000000";
  const kind = connection.pendingTimer === TIMER_PROBE_WINDOW ? TIMER_PROBE : TIMER_RETRANSMIT;
  const left = Math.max(0, Math.floor((connection.deadlineUs - connection.nowUs) / TICK_US));
  return `${hex(kind, 2)}:${hex(Number.isFinite(left) ? left : 0, 8)}`;
}

function streamLine(socket: ListedSocket, reader: IdMap): string {
  const { isV6, endpoint } = socket;
  const stream = socket.stream!;
  const { connection, state, listener } = stream;
  // An end that is not read yet counts.
  const unread = stream.inQueue + Number(connection?.finReceived === true);
  const [sent, received] = listener === null ? [stream.outQueue, unread] : [0, listener.queue.length];
  const ticks = (us: number): number => Math.floor(us / TICK_US);
  const threshold = connection?.ssthresh ?? INFINITE_THRESHOLD;
  const isUnknown = threshold >= INFINITE_THRESHOLD;
  const columns = [
    `${String(endpoint.ownersNumber).padStart(isV6 ? 5 : 4)}:`,
    place(isV6, endpoint.local, endpoint.localPort),
    place(isV6, endpoint.remote, endpoint.remotePort),
    hex(state, 2),
    `${hex(sent, 8)}:${hex(received, 8)}`,
    timerOf(socket),
    hex(connection?.retransmits ?? 0, 8),
    String(reader.told(endpoint.uid)).padStart(5),
    String(connection?.probesOut ?? 0).padStart(8),
    socket.inodeNumber,
    1,
    "0000000000000000",
    connection === null ? 100 : ticks(connection.rtoUs),
    connection === null ? 0 : ticks(connection.atoUs),
    connection === null ? 0 : (connection.quickAcks << 1) | Number(connection.isPingPong),
    connection?.cwnd ?? 10,
    listener !== null ? 0 : isUnknown ? -1 : threshold,
  ];
  return columns.join(" ");
}

/** Those that listen or have a connection. */
function streams(heading: string, isV6: boolean, width: number): SocketRows {
  return {
    heading: `${heading.padEnd(width)}\n`,
    has: ({ stream, isV6: isOfV6 }) => stream !== null && isOfV6 === isV6 && stream.state !== TCP_CLOSE,
    line: (socket, reader) => `${streamLine(socket, reader).padEnd(width)}\n`,
  };
}

const STREAMS = HEADING4.slice(0, HEADING4.indexOf(" ref"));
const STREAMS6 = HEADING6.slice(0, HEADING6.indexOf(" ref"));

export const TCP_ROWS = streams(`  ${STREAMS}`, false, TCP_WIDTH);
export const TCP6_ROWS = streams(STREAMS6, true, 0);

/** How many sockets a file has. */
export function countOf(sockets: Registry, { has }: SocketRows): number {
  let count = 0;
  for (let i = 0; i < sockets.length; i++) {
    const socket = sockets.at(i);
    if (socket !== null && has(socket)) count++;
  }
  return count;
}
