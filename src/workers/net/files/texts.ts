// The files of /proc/net that tell of devices, addresses and routes (proc_pid_net(5)): each a heading and lines, made one
// after the other. Those of protocols that have no sockets yet are headings alone.

import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Devices } from "../devices/devices.ts";
import { prefixOf } from "../devices/prefixes.ts";
import type { Neighbour, Route } from "../devices/rows.ts";

/** A line, or what makes it when it is wanted: who goes on with a file passes many. */
type Line = string | (() => string);

type Lines = (devices: Devices) => Iterable<Line>;

/** RTF_*, of linux/route.h and linux/ipv6_route.h. */
const [RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_LOCAL] = [0x1, 0x2, 0x4, 0x200, 0x80000000];
/** Lines of `route` are as long as that. */
const ROUTE_WIDTH = 127;
/** The MTU's metric, and what a segment of that size has in headers. */
const [RTAX_MTU, HEADERS] = [2, 40];
const NO_METRIC = 0xffffffff;

function hex(value: number, digits: number): string {
  return (value >>> 0).toString(16).padStart(digits, "0");
}

/** An IPv4 address as the number that it is in memory. */
function word(address: Uint8Array | null): string {
  return address === null ? "00000000" : Buffer.from(address).reverse().toString("hex").toUpperCase();
}

function bytes(address: Uint8Array): string {
  return Buffer.from(address).toString("hex");
}

function* dev({ all }: Devices): Generator<Line> {
  yield "Inter-|   Receive                                                |  Transmit\n";
  yield " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
  for (const { name } of all)
    yield () =>
      `${name.padStart(6)}:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n`;
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
    hex(flags, 4).toUpperCase(),
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

function* route({ routes }: Devices): Generator<Line> {
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

function* ifInet6({ all }: Devices): Generator<Line> {
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

function* ipv6Route({ routes }: Devices): Generator<Line> {
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

function* arp({ neighbours }: Devices): Generator<Line> {
  yield "IP address       HW type     Flags       HW address            Mask     Device\n";
  for (const one of neighbours.all())
    if (one.family === AF_INET && one.linkAddress !== null) yield () => arpLine(one);
}

/** A file of which there is nothing but its first line, which is filled up to a length. */
function heading(text: string, width = 0): Lines {
  return () => [`${text.padEnd(width)}\n`];
}

const TCP = "sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const DATAGRAMS = `${TCP} ref pointer drops`;
const INET6 =
  "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const DATAGRAMS6 = `${INET6} ref pointer drops`;

const COUNTS = [
  "TCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0",
  "UDP: inuse 0 mem 0",
  "UDPLITE: inuse 0",
  "RAW: inuse 0",
];
const COUNTS6 = [
  "TCP6: inuse 0",
  "UDP6: inuse 0",
  "UDPLITE6: inuse 0",
  "RAW6: inuse 0",
  "FRAG6: inuse 0 memory 0",
];

/** By name. Their order is their number. */
export const NET_TEXTS: Readonly<Record<string, Lines>> = {
  arp,
  dev,
  icmp: heading(`  ${DATAGRAMS}`, 127),
  icmp6: heading(DATAGRAMS6),
  if_inet6: ifInet6,
  ipv6_route: ipv6Route,
  packet: heading("sk               RefCnt Type Proto  Iface R Rmem   User   Inode"),
  raw: heading(`  ${DATAGRAMS}`),
  raw6: heading(DATAGRAMS6),
  route,
  sockstat: ({ context }) => [
    `sockets: used ${context.counters.sockets}\n`,
    ...COUNTS.map((line) => `${line}\n`),
    "FRAG: inuse 0 memory 0\n",
  ],
  sockstat6: () => COUNTS6.map((line) => `${line}\n`),
  tcp: heading(`  ${TCP}`, 149),
  tcp6: heading(INET6),
  udp: heading(`   ${DATAGRAMS}`, 127),
  udp6: heading(DATAGRAMS6),
  udplite: heading(`   ${DATAGRAMS}`, 127),
  udplite6: heading(DATAGRAMS6),
};

export const NET_TEXT_NAMES = Object.keys(NET_TEXTS);

/** Chars of a file that are made at once, or a little more. */
const PART = 2048;

/** What stands in a file (by its number) from a line on, and where the rest begins; -1: nowhere. */
export function partOf(devices: Devices, file: number, from: number): { text: string; next: number } {
  let [text, line] = ["", 0];
  for (const one of NET_TEXTS[NET_TEXT_NAMES[file]!]!(devices)) {
    if (text.length >= PART) return { text, next: line };
    if (line++ >= from) text += typeof one === "string" ? one : one();
  }
  return { text, next: -1 };
}
