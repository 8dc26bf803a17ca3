// Which network namespaces requests of NETLINK_ROUTE name.

import * as N from "../../../../shared/abi/netlink.ts";
import type { NetworkName } from "../../named_networks.ts";
import { attributesOf, type Request } from "../message.ts";
import { LINK_SIZE } from "./kind.ts";
import { nameIn, nameOfNsid } from "./nsid.ts";

const NONE: readonly NetworkName[] = [];

function inLink({ body }: Request): readonly NetworkName[] {
  if (body.length < LINK_SIZE) return NONE;
  const attributes = attributesOf(body, LINK_SIZE);
  const names = [nameIn(attributes, N.IFLA_NET_NS_PID, N.IFLA_NET_NS_FD)];
  const peer = peerIn(attributes);
  if (peer !== null) names.push(nameIn(attributesOf(peer, LINK_SIZE), N.IFLA_NET_NS_PID, N.IFLA_NET_NS_FD));
  return names.filter((name) => name !== null);
}

/** What is asked for of the other end of a veth device: struct ifinfomsg and attributes; null: nothing. */
export function peerIn(attributes: Map<number, Buffer>): Buffer | null {
  const info = attributes.get(N.IFLA_LINKINFO);
  if (info === undefined) return null;
  const data = attributesOf(info, 0).get(N.IFLA_INFO_DATA);
  if (data === undefined) return null;
  const peer = attributesOf(data, 0).get(N.VETH_INFO_PEER);
  return peer === undefined || peer.length < LINK_SIZE ? null : peer;
}

/** Those that must be found before a request is served. */
export function namesIn(request: Request): readonly NetworkName[] {
  switch (request.type) {
    case N.RTM_NEWLINK:
    case N.RTM_SETLINK:
      return inLink(request);
    case N.RTM_NEWNSID:
    case N.RTM_GETNSID: {
      const name = nameOfNsid(request);
      return name === null ? NONE : [name];
    }
    default:
      return NONE;
  }
}
