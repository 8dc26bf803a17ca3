// Redirects that come in (RFC 4861 8.1): believed as Linux does by default, from the router that packets to the
// destination are sent to, naming another neighbour or saying that the destination is one itself.

import { NUD_STALE } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { isHostAddress } from "../eth/format.ts";
import { IpAddress } from "../ip_address.ts";
import { IS_ROUTER, type NeighbourCache, OVERRIDE, SETS_ROUTER, WEAK_OVERRIDE } from "../neigh/cache.ts";
import type { Packet } from "../packet.ts";
import { routeOutput6 } from "../route/output6.ts";
import * as F from "./format.ts";

/** A redirect, whose hop limit and code were looked at; the packet stays the caller's. */
export function redirectCame6(
  core: StackCore,
  neighbours: NeighbourCache,
  packet: Packet,
  device: EthernetDevice,
): void {
  const { bytes, head } = packet;
  const options = head + F.REDIRECT_SIZE;
  if (!core.settings.acceptsRedirects6 || packet.length < F.REDIRECT_SIZE) return;
  const { sourceAddress } = packet;
  if (!sourceAddress.isLinkLocal || !F.checkOptions(packet, options)) return;
  const target = IpAddress.fromBytes(bytes, head + F.TARGET, 16);
  const destination = IpAddress.fromBytes(bytes, head + F.REDIRECT_DESTINATION, 16);
  const isOnLink = target.equals(destination);
  if (destination.isMulticast || (!isOnLink && !target.isLinkLocal) || target.isMulticast) return;
  const mac = F.findMac(packet, options, F.TARGET_MAC);
  if (mac !== null && !isHostAddress(mac)) return;
  const flow = core.outputFlow;
  flow.reset(true);
  flow.setSource(0, 0, 0, 0);
  flow.setDestination(destination.w0, destination.w1, destination.w2, destination.w3);
  if (routeOutput6(core, flow, false) !== 0 || flow.device !== device) return;
  const gateway = flow.route?.gateway ?? null;
  const isFromGateway =
    gateway?.equals(sourceAddress) &&
    flow.nextHop3 === gateway.w3 &&
    flow.nextHop2 === gateway.w2 &&
    flow.nextHop1 === gateway.w1 &&
    flow.nextHop0 === gateway.w0;
  if (isFromGateway !== true) return;
  const { w0, w1, w2, w3 } = target;
  // Another neighbour than the destination is a router.
  const how = WEAK_OVERRIDE | OVERRIDE | (isOnLink ? 0 : SETS_ROUTER | IS_ROUTER);
  neighbours.learn(device, w0, w1, w2, w3, mac, NUD_STALE, how);
  core.redirects.learn(flow, w0, w1, w2, w3, core.nowUs);
  core.tables.changed();
}
