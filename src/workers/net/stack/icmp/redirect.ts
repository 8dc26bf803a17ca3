// Redirects that come in (RFC 1122 3.2.2.2): believed as Linux does by default, from the gateway that the packet they
// quote was sent to, about that packet's destination alone.

import { RTN_LOCAL, RTN_UNICAST } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import { MAPPED } from "../ip_address.ts";
import * as Ip4 from "../ip4/format.ts";
import type { Packet } from "../packet.ts";
import { routeOutput4 } from "../route/output4.ts";
import * as F from "./format.ts";

const CODE_MAX = 3;

/** A redirect, its header at the packet's head; the packet stays the caller's. */
export function redirectCame4(core: StackCore, packet: Packet): void {
  const { view, head } = packet;
  const quoted = head + F.HEADER;
  if (!core.settings.acceptsRedirects4 || packet.device!.isLoopback) return;
  if (packet.end - quoted < Ip4.HEADER_MIN || view.getUint8(head + F.CODE) > CODE_MAX) return;
  if (view.getUint8(quoted + Ip4.VERSION_IHL) >> 4 !== 4) return;
  const better = view.getInt32(head + F.INFO);
  if (core.tables.addressType(0, 0, MAPPED, better) !== RTN_UNICAST) return;
  const source = view.getInt32(quoted + Ip4.SOURCE);
  if (core.tables.addressType(0, 0, MAPPED, source) !== RTN_LOCAL) return;
  const flow = core.outputFlow;
  flow.reset(false);
  flow.setSource(0, 0, MAPPED, source);
  flow.setDestination(0, 0, MAPPED, view.getInt32(quoted + Ip4.DESTINATION));
  if (routeOutput4(core, flow, false) !== 0) return;
  const { gateway } = flow.route ?? { gateway: null };
  const isFromGateway = gateway !== null && flow.nextHop3 === packet.source3 && flow.device === packet.device;
  if (!isFromGateway || gateway.w3 !== packet.source3 || better === packet.source3) return;
  core.redirects.learn(flow, 0, 0, MAPPED, better, core.nowUs);
  core.tables.changed();
}
