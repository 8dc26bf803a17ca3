// The reset that a rule answers a segment with (Linux's nf_send_reset): as if whom it was for had sent it.

import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import type { StackCore } from "../core.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { PMTUDISC_DO } from "../mtu_discovery.ts";
import { CHECKSUM_VALID, TO_HOST } from "../packet.ts";
import { routeOutput4 } from "../route/output4.ts";
import { routeOutput6 } from "../route/output6.ts";
import * as F from "../tcp/format.ts";
import type { Evaluation } from "./evaluation.ts";
import { CLOSE } from "./tcp_states.ts";
import * as T from "./tracked.ts";

export function sendReset(
  core: StackCore,
  ip4Output: Ip4Output,
  ip6Output: Ip6Output,
  { packet, parts }: Evaluation,
): void {
  const { view, isV6 } = packet;
  if (packet.delivery !== TO_HOST || !parts.has(F.HEADER_MIN)) return;
  const { at } = parts;
  const flags = view.getUint8(at + F.FLAGS);
  if ((flags & F.RST) !== 0) return;
  const size = (view.getUint8(at + F.DATA_OFFSET) >> 4) * 4;
  const flow = core.outputFlow;
  flow.reset(isV6);
  flow.setSource(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
  flow.setDestination(packet.source0, packet.source1, packet.source2, packet.source3);
  flow.protocol = IPPROTO_TCP;
  if ((isV6 ? routeOutput6 : routeOutput4)(core, flow, true) !== 0) return;
  const reset = core.pools.take(F.HEADER_MIN);
  if (reset === null) return;
  const to = reset.head;
  reset.end = to + F.HEADER_MIN;
  reset.bytes.fill(0, to, reset.end);
  reset.view.setUint16(to + F.SOURCE_PORT, view.getUint16(at + F.DESTINATION_PORT));
  reset.view.setUint16(to + F.DESTINATION_PORT, view.getUint16(at + F.SOURCE_PORT));
  reset.view.setUint8(to + F.DATA_OFFSET, (F.HEADER_MIN / 4) << 4);
  if ((flags & F.ACK) !== 0) {
    reset.view.setUint32(to + F.SEQUENCE, view.getUint32(at + F.ACKNOWLEDGEMENT));
    reset.view.setUint8(to + F.FLAGS, F.RST);
  } else {
    const bytes =
      Math.max(0, parts.length - size) + Number((flags & F.SYN) !== 0) + Number((flags & F.FIN) !== 0);
    reset.view.setUint32(to + F.ACKNOWLEDGEMENT, (view.getUint32(at + F.SEQUENCE) + bytes) >>> 0);
    reset.view.setUint8(to + F.FLAGS, F.RST | F.ACK);
  }
  const pseudo = pseudoSum(flow, IPPROTO_TCP, F.HEADER_MIN);
  reset.view.setUint16(to + F.CHECKSUM, ~sumOf(reset.view, to, F.HEADER_MIN, pseudo) & 0xffff);
  reset.checksum = CHECKSUM_VALID;
  reset.protocol = IPPROTO_TCP;
  reset.trafficClass = 0;
  // It belongs to the flow of what it answers, whose translation it needs, and which it ends.
  if (packet.flow !== null) {
    reset.flow = packet.flow;
    packet.flow.state = CLOSE;
    reset.flowInfo = packet.flowInfo >= T.IS_REPLY ? T.RELATED : T.RELATED + T.IS_REPLY;
  }
  const { hopLimit4, hopLimit6 } = core.settings;
  reset.hopLimit = isV6 ? hopLimit6 : hopLimit4;
  if (isV6) ip6Output.send(reset, flow, PMTUDISC_DO, false);
  else ip4Output.send(reset, flow, PMTUDISC_DO, false);
}
