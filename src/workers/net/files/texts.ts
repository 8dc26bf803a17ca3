// The files of /proc/net that tell of devices, addresses and routes (proc_pid_net(5)): each a heading and lines, made one
// after the other, and those that list sockets (socket_rows.ts). Those of protocols that have none are headings alone.

import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { IdMap } from "../../credentials/id_map.ts";
import { prefixOf } from "../devices/prefixes.ts";
import type { DeviceCounts, Neighbour, Route } from "../devices/rows.ts";
import type { Network } from "../network.ts";
import type { ListedPacketSocket } from "../packet/taps.ts";
import { netstat, snmp, snmp6, sockstat, sockstat6 } from "./counter_texts.ts";
import { extensionNames, FLOWS, flowCount, type PlacedLines, tableNames } from "./filter_texts.ts";
import { hex, upperHex } from "./hex.ts";
import {
  HEADING4,
  HEADING6,
  ICMP_ROWS,
  ICMP6_ROWS,
  RAW_ROWS,
  RAW6_ROWS,
  type SocketRows,
  TCP_ROWS,
  TCP6_ROWS,
  UDP_ROWS,
  UDP_WIDTH,
  UDP6_ROWS,
} from "./socket_rows.ts";

/** A line, or what makes it when it is wanted: who goes on with a file passes many. */
type Line = string | (() => string);

type Shown = Pick<Network, "devices" | "inet" | "kernel" | "sysctls">;

/** With who is somebody for whom it is made. */
interface TextContext extends Shown {
  readonly reader: IdMap;
}

function contextFor({ devices, inet, kernel, sysctls }: Shown, reader: IdMap): TextContext {
  return { devices, inet, kernel, sysctls, reader };
}

type Lines = (context: TextContext) => Iterable<Line>;

const NO_COUNTS: DeviceCounts = {
  rxBytes: 0,
  rxPackets: 0,
  rxDropped: 0,
  txBytes: 0,
  txPackets: 0,
  txDropped: 0,
};

/** RTF_*, of linux/route.h and linux/ipv6_route.h. */
const [RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_LOCAL] = [0x1, 0x2, 0x4, 0x200, 0x80000000];
/** Lines of `route` are as long as that. */
const ROUTE_WIDTH = 127;
/** The MTU's metric, and what a segment of that size has in headers. */
const [RTAX_MTU, HEADERS] = [2, 40];
const NO_METRIC = 0xffffffff;

/** An IPv4 address as the number that it is in memory. */
function word(address: Uint8Array | null): string {
  return address === null ? "00000000" : Buffer.from(address).reverse().toString("hex").toUpperCase();
}

function bytes(address: Uint8Array): string {
  return Buffer.from(address).toString("hex");
}

/** Of a device: what has come and what has gone. */
function devLine(name: string, counts: DeviceCounts | null): string {
  const { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped } = counts ?? NO_COUNTS;
  const column = (value: number, width: number): string => String(value).padStart(width);
  const received = `${column(rxBytes, 8)}${column(rxPackets, 8)}    0${column(rxDropped, 5)}    0     0          0         0`;
  const sent = `${column(txBytes, 9)}${column(txPackets, 8)}    0${column(txDropped, 5)}    0     0       0          0`;
  return `${name.padStart(6)}:${received}${sent}\n`;
}

function* dev({ devices }: TextContext): Generator<Line> {
  yield "Inter-|   Receive                                                |  Transmit\n";
  yield " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
  for (const device of devices.all) yield () => devLine(device.name, devices.countsOf(device));
}

/** The columns of a route's prefix length as a mask. */
function maskOf({ prefixLength }: Route): string {
  return word(prefixOf(new Uint8Array(4).fill(0xff), prefixLength));
}

const UNREACHABLE: ReadonlySet<number> = new Set([N.RTN_UNREACHABLE, N.RTN_PROHIBIT]);

function routeLine(one: Route): string {
  const flags =
    RTF_UP |
    (UNREACHABLE.has(one.type) ? RTF_REJECT : 0) |
    (one.gateway === null ? 0 : RTF_GATEWAY) |
    (one.prefixLength === 32 ? RTF_HOST : 0);
  const mtu = one.metrics.get(RTAX_MTU) ?? 0;
  const columns = [
    one.device?.name ?? "*",
    word(one.destination),
    word(one.gateway),
    upperHex(flags, 4),
    0,
    0,
    one.metric,
    maskOf(one),
    mtu === 0 ? 0 : mtu + HEADERS,
    0,
    0,
  ];
  return `${columns.join("\t").padEnd(ROUTE_WIDTH)}\n`;
}

function* route({ devices: { routes } }: TextContext): Generator<Line> {
  const heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
  yield `${heading.padEnd(ROUTE_WIDTH)}\n`;
  const table = routes.table(AF_INET, N.RT_TABLE_MAIN);
  for (let i = 0; i < (table?.routes.length ?? 0); i++) {
    const one = table!.routes[i]!;
    if (one.type !== N.RTN_BROADCAST && one.type !== N.RTN_MULTICAST) yield () => routeLine(one);
  }
}

/** Scopes of IPv6 addresses, by RT_SCOPE_*. */
const SCOPES: ReadonlyMap<number, number> = new Map([
  [N.RT_SCOPE_HOST, 0x10],
  [N.RT_SCOPE_LINK, 0x20],
  [N.RT_SCOPE_SITE, 0x40],
]);

function* ifInet6({ devices: { all } }: TextContext): Generator<Line> {
  for (const { index, name, inet6 } of all)
    for (const { address, prefixLength, scope, flags } of inet6)
      yield () => {
        const columns = [index, prefixLength, SCOPES.get(scope) ?? 0, flags & 0xff].map((one) => hex(one, 2));
        return `${[bytes(address), ...columns].join(" ")} ${name.padStart(8)}\n`;
      };
}

function inet6Line({ destination, prefixLength, gateway, metric, type, device }: Route): string {
  const flags =
    RTF_UP |
    (gateway === null ? 0 : RTF_GATEWAY) |
    (prefixLength === 128 && type !== N.RTN_LOCAL ? RTF_HOST : 0) |
    (type === N.RTN_LOCAL ? RTF_LOCAL | 0x200000 : 0) |
    (UNREACHABLE.has(type) || type === N.RTN_BLACKHOLE ? RTF_REJECT : 0);
  const none = "0".repeat(32);
  const columns = [
    bytes(destination),
    hex(prefixLength, 2),
    none,
    "00",
    gateway === null ? none : bytes(gateway),
    hex(metric, 8),
    hex(1, 8),
    hex(0, 8),
    hex(flags, 8),
    (device?.name ?? "lo").padStart(8),
  ];
  return `${columns.join(" ")}\n`;
}

function* ipv6Route({ devices: { routes } }: TextContext): Generator<Line> {
  const none = "0".repeat(32);
  const last = `${[none, "00", none, "00", none, hex(NO_METRIC, 8), hex(1, 8), hex(0, 8), hex(0x200200, 8)].join(" ")}       lo\n`;
  for (const one of routes.of(AF_INET6)) yield () => inet6Line(one);
  yield last;
}

function arpLine({ address, linkAddress, state, device }: Neighbour): string {
  const flags = 0x2 | ((state & N.NUD_PERMANENT) === 0 ? 0 : 0x4);
  const link = [...linkAddress!].map((one) => hex(one, 2)).join(":");
  const columns = [`0x${device.type.toString(16)}`.padEnd(12), `0x${flags.toString(16)}`.padEnd(12)];
  return `${address.join(".").padEnd(16)} ${columns.join("")}${link.padEnd(22)}*        ${device.name}\n`;
}

function* arp({ devices: { neighbours } }: TextContext): Generator<Line> {
  yield "IP address       HW type     Flags       HW address            Mask     Device\n";
  for (const one of neighbours.all())
    if (one.family === AF_INET && one.linkAddress !== null) yield () => arpLine(one);
}

function packetLine(socket: ListedPacketSocket, reader: IdMap): string {
  const { frameType, device, queuedBytes, uid, inodeNumber } = socket;
  const isRunning = frameType !== 0 && device >= 0;
  const columns = [
    "0000000000000000",
    String(isRunning ? 3 : 2).padEnd(6),
    String(socket.type).padEnd(4),
    `${hex(frameType, 4)}  `,
    String(Math.max(0, device)).padEnd(5),
    Number(isRunning),
    String(queuedBytes).padEnd(6),
    String(reader.told(uid)).padEnd(6),
    String(inodeNumber).padEnd(6),
  ];
  return `${columns.join(" ")}\n`;
}

const PACKET_SOCKETS: PlacedLines = {
  heading: "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n",
  count: ({ inet }) => inet.packets.length,
  lineAt: ({ inet, reader }, place) => {
    const socket = inet.packets.at(place);
    return socket === null ? null : packetLine(socket, reader);
  },
};

/** A file of which there is nothing but its first line, which is filled up to a length. */
function heading(text: string, width = 0): Lines {
  return () => [`${text.padEnd(width)}\n`];
}

/** Lines of sockets by their places. */
function sockets(rows: SocketRows): PlacedLines {
  return {
    heading: rows.heading,
    count: ({ inet }) => inet.sockets.length,
    lineAt: ({ inet, reader }, place) => {
      const socket = inet.sockets.at(place);
      return socket !== null && rows.has(socket) ? rows.line(socket, reader) : null;
    },
  };
}

/** What is not in /proc/net, but made by the same thread: the file of a setting that it alone knows. */
export const SYSCTL_TEXT = "sys/";

/** Those that not everybody may read. */
export const GUARDED_TEXTS: ReadonlySet<string> = new Set([
  "ip_tables_names",
  "ip_tables_matches",
  "ip_tables_targets",
  "ip6_tables_names",
  "ip6_tables_matches",
  "ip6_tables_targets",
  "nf_conntrack",
]);

/** By name. Their order is their number. */
const NET_TEXTS: Readonly<Record<string, Lines | PlacedLines>> = {
  arp,
  dev,
  icmp: sockets(ICMP_ROWS),
  icmp6: sockets(ICMP6_ROWS),
  if_inet6: ifInet6,
  ip_tables_names: tableNames(false),
  ip_tables_matches: extensionNames(false, false),
  ip_tables_targets: extensionNames(true, false),
  ip6_tables_names: tableNames(true),
  ip6_tables_matches: extensionNames(false, true),
  ip6_tables_targets: extensionNames(true, true),
  ipv6_route: ipv6Route,
  nf_conntrack: FLOWS,
  [`${SYSCTL_TEXT}nf_conntrack_count`]: flowCount,
  packet: PACKET_SOCKETS,
  raw: sockets(RAW_ROWS),
  raw6: sockets(RAW6_ROWS),
  route,
  netstat,
  snmp,
  snmp6,
  sockstat,
  sockstat6,
  tcp: sockets(TCP_ROWS),
  tcp6: sockets(TCP6_ROWS),
  udp: sockets(UDP_ROWS),
  udp6: sockets(UDP6_ROWS),
  udplite: heading(`   ${HEADING4}`, UDP_WIDTH),
  udplite6: heading(HEADING6),
};

export const NET_TEXT_NAMES = Object.keys(NET_TEXTS);

/** Chars of a file that are made at once, or a little more, and places that are looked at for a socket. */
const PART = 2048;
const PLACES = 8192;

/** A file as a whole, line by line, with user ids as a reader has them. */
export function* linesOf(shown: Shown, name: string, reader: IdMap): Generator<string> {
  const context = contextFor(shown, reader);
  const source = NET_TEXTS[name]!;
  if (typeof source === "function") {
    for (const line of source(context)) yield typeof line === "string" ? line : line();
    return;
  }
  yield source.heading;
  for (let place = 0; place < source.count(context); place++) {
    const line = source.lineAt(context, place);
    if (line !== null) yield line;
  }
}

/** Behind the heading, which is 0, the place that comes next. */
function placesFrom(context: TextContext, source: PlacedLines, from: number): Part {
  let text = from === 0 ? source.heading : "";
  let at = Math.max(0, from - 1);
  const count = source.count(context);
  const end = Math.min(count, at + PLACES);
  for (; at < end && text.length < PART; at++) text += source.lineAt(context, at) ?? "";
  return { text, next: at < count ? at + 1 : -1 };
}

interface Part {
  readonly text: string;
  readonly next: number;
}

/** What stands in a file (by its number) from a line on, and where the rest begins; -1: nowhere. */
export function partOf(shown: Shown, file: number, from: number, reader: IdMap): Part {
  const context = contextFor(shown, reader);
  const source = NET_TEXTS[NET_TEXT_NAMES[file]!]!;
  if (typeof source !== "function") return placesFrom(context, source, from);
  let [text, line] = ["", 0];
  for (const one of source(context)) {
    if (text.length >= PART) return { text, next: line };
    if (line++ >= from) text += typeof one === "string" ? one : one();
  }
  return { text, next: -1 };
}
