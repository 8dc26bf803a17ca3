// /proc/net/{snmp,snmp6,netstat,sockstat,sockstat6}: what the stack counts, under Linux's names. Where no socket has made a
// stack yet, all is nought.

import type { Network } from "../network.ts";
import { Counters, snmp6Rows, snmpRows } from "../stack/counters.ts";
import { countOf, RAW_ROWS, RAW6_ROWS, TCP_ROWS, TCP6_ROWS, UDP_ROWS, UDP6_ROWS } from "./socket_rows.ts";

type Row = readonly (readonly [string, number])[];
type TextContext = Pick<Network, "inet" | "kernel" | "sysctls">;

/** Names in one line, values in the next. */
function two(name: string, row: Row): string {
  const names = row.map(([key]) => ` ${key}`).join("");
  const values = row.map(([, value]) => ` ${value}`).join("");
  return `${name}:${names}\n${name}:${values}\n`;
}

function zeros(names: string): Row {
  return names.split(" ").map((name): [string, number] => [name, 0]);
}

const UDP_LITE = zeros(
  "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors",
);

function countersOf({ inet }: TextContext): Counters {
  return inet.existing?.core.counters ?? new Counters();
}

export function snmp(context: TextContext): string[] {
  const { Ip, Icmp, IcmpMsg, Tcp, Udp } = snmpRows(
    countersOf(context),
    context.sysctls.get("net/ipv4/ip_default_ttl"),
    context.sysctls.get("net/ipv4/ip_forward") !== 0,
  );
  return [
    two("Ip", Ip),
    two("Icmp", Icmp),
    ...(IcmpMsg.length === 0 ? [] : [two("IcmpMsg", IcmpMsg)]),
    two("Tcp", Tcp),
    two("Udp", Udp),
    two("UdpLite", UDP_LITE),
  ];
}

export function snmp6(context: TextContext): string[] {
  return snmp6Rows(countersOf(context)).map(([name, value]) => `${name.padEnd(32)}\t${value}\n`);
}

export function netstat(context: TextContext): string[] {
  const { tcpExt, ipExt } = countersOf(context);
  return [two("TcpExt", Object.entries(tcpExt)), two("IpExt", Object.entries(ipExt))];
}

export function sockstat(context: TextContext): string[] {
  const { sockets, existing } = context.inet;
  const tcp = existing?.tcp;
  const ends = `orphan ${tcp?.orphans ?? 0} tw ${tcp?.timeWaits ?? 0}`;
  const streams = countOf(sockets, TCP_ROWS);
  const all = streams + countOf(sockets, TCP6_ROWS);
  return [
    `sockets: used ${context.kernel.counters.sockets}\n`,
    `TCP: inuse ${streams} ${ends} alloc ${all} mem ${tcp?.blocks.used ?? 0}\n`,
    `UDP: inuse ${countOf(sockets, UDP_ROWS)} mem 0\n`,
    "UDPLITE: inuse 0\n",
    `RAW: inuse ${countOf(sockets, RAW_ROWS)}\n`,
    "FRAG: inuse 0 memory 0\n",
  ];
}

export function sockstat6({ inet: { sockets } }: TextContext): string[] {
  return [
    `TCP6: inuse ${countOf(sockets, TCP6_ROWS)}\n`,
    `UDP6: inuse ${countOf(sockets, UDP6_ROWS)}\n`,
    "UDPLITE6: inuse 0\n",
    `RAW6: inuse ${countOf(sockets, RAW6_ROWS)}\n`,
    "FRAG6: inuse 0 memory 0\n",
  ];
}
