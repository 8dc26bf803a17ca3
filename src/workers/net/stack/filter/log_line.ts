// What the target LOG says of a packet, as far as its headers go (Linux's nf_log_syslog).

import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import * as F from "../tcp/format.ts";
import type { Evaluation } from "./evaluation.ts";
import { hasPorts, isIcmp } from "./tuple.ts";

const NAMES: ReadonlyMap<number, string> = new Map([
  [IPPROTO_TCP, "TCP"],
  [IPPROTO_UDP, "UDP"],
  [IPPROTO_ICMP, "ICMP"],
  [IPPROTO_ICMPV6, "ICMPv6"],
]);
const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;
/** In the order in which they are told. */
const FLAGS_TOLD = ["URG", "ACK", "PSH", "RST", "SYN", "FIN"] as const;

export function logLine({ packet, parts, input, output, length }: Evaluation, prefix: string): string {
  const { view } = packet;
  const { protocol, at } = parts;
  const words = [
    `${prefix}IN=${input?.name ?? ""}`,
    `OUT=${output?.name ?? ""}`,
    `SRC=${packet.sourceAddress}`,
    `DST=${packet.destinationAddress}`,
    `LEN=${length}`,
    `TTL=${packet.hopLimit}`,
    `PROTO=${NAMES.get(protocol) ?? protocol}`,
  ];
  if (hasPorts(protocol) && parts.has(4)) {
    words.push(`SPT=${view.getUint16(at)}`, `DPT=${view.getUint16(at + 2)}`);
  } else if (isIcmp(protocol) && parts.has(2)) {
    words.push(`TYPE=${view.getUint8(at)}`, `CODE=${view.getUint8(at + 1)}`);
  }
  if (protocol === IPPROTO_TCP && parts.has(F.HEADER_MIN)) {
    const flags = view.getUint8(at + F.FLAGS);
    words.push(`WINDOW=${view.getUint16(at + F.WINDOW)}`);
    words.push(...FLAGS_TOLD.filter((name) => (flags & (1 << FLAGS.indexOf(name))) !== 0));
  }
  if (packet.mark !== 0) words.push(`MARK=0x${(packet.mark >>> 0).toString(16)}`);
  return words.join(" ");
}
