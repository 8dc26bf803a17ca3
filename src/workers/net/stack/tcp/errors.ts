// What ICMP tells a connection whose segment it quotes (RFC 5927; Linux's tcp_v4_err, tcp_v6_err): a smaller path MTU is
// believed and sent by; an error ends a connection that is only opening, of others it is remembered in case they are given
// up, or told to who asked for it.

import type { IcmpError } from "../core.ts";
import * as Icmp from "../icmp/format.ts";
import { isTooBig, recordOf } from "../inet/icmp_errors.ts";
import type { Packet } from "../packet.ts";
import { fail } from "./close.ts";
import { Connection } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import * as F from "./format.ts";
import { pathIsNarrower } from "./narrower.ts";
import { Request } from "./request.ts";
import { after, before } from "./sequence.ts";
import * as S from "./states.ts";

export function errorCame(tcp: TcpContext, packet: Packet, error: IcmpError): void {
  const { view, head, isV6 } = packet;
  packet.sourcePort = view.getUint16(head + F.SOURCE_PORT);
  packet.destinationPort = view.getUint16(head + F.DESTINATION_PORT);
  const seq = view.getInt32(head + F.SEQUENCE);
  const found = tcp.table.find(tcp.ends.ofPacket(packet, true), 0);
  const { icmp, icmp6 } = tcp.core.counters;
  if (found === null) {
    (isV6 ? icmp6 : icmp).InErrors++;
    return;
  }
  if (found instanceof Request) {
    if (seq !== found.iss) {
      tcp.extended.OutOfWindowIcmps++;
    } else if (endsRequest(packet, error)) {
      tcp.extended.ListenDrops++;
      found.drop();
    }
    return;
  }
  if (!(found instanceof Connection)) return;
  // Who cannot see the connection does not know its numbers.
  if (before(seq, found.sndUna) || after(seq, found.sndNxt)) {
    tcp.extended.OutOfWindowIcmps++;
    return;
  }
  if (isTooBig(packet, error)) {
    pathIsNarrower(found, packet, error.info);
    return;
  }
  tell(found, packet, error);
  tcp.notify(found);
}

function endsRequest({ isV6 }: Packet, { type, code, isHard }: IcmpError): boolean {
  return isV6 ? isHard : type !== Icmp.DESTINATION_UNREACHABLE || code <= Icmp.HOST_UNREACHABLE;
}

function tell(c: Connection, packet: Packet, error: IcmpError): void {
  const { endpoint } = c;
  const isWanted = packet.isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  if (S.isIn(c.state, S.OPENING)) {
    fail(c, error.errno);
    return;
  }
  if (!isWanted) {
    c.softError = error.errno;
    return;
  }
  // Of a stream, nothing is told of what had been sent.
  endpoint.fail(error.errno, recordOf(packet, error, error.errno, packet.destinationPort, packet.end));
}
