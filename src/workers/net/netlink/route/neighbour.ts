// Neighbours of NETLINK_ROUTE (RTM_NEWNEIGH and its relatives), told and changed.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import { isMulticast, sizeOf } from "../../devices/prefixes.ts";
import type { Neighbour } from "../../devices/rows.ts";
import { attributesOf, type Request } from "../message.ts";
import { type Changer, header, type Kind, SHORT } from "./kind.ts";

/** struct ndmsg */
export const NEIGHBOUR_SIZE = 12;
const CACHE_SIZE = 16;

export const NEIGHBOUR: Kind<Neighbour> = {
  told: N.RTM_NEWNEIGH,
  gone: N.RTM_DELNEIGH,
  size: NEIGHBOUR_SIZE,
  all: ({ neighbours }) => neighbours.all(),
  familyOf: ({ family }) => family,
  deviceOf: ({ device }) => device.index,
  find: ({ network }, request) => {
    const asked = readRequest(network.devices, request);
    if (typeof asked === "number" || "error" in asked) return asked;
    return network.devices.neighbours.find(asked.family, asked.device, asked.address) ?? -E.ENOENT;
  },
  write: (writer, type, flags, { family, device, state, ...one }) => {
    writer
      .begin(
        type,
        flags,
        header(NEIGHBOUR_SIZE, (bytes) => {
          bytes[0] = family;
          bytes.writeInt32LE(device.index, 4);
          bytes.writeUInt16LE(state, 8);
          bytes.set([one.flags, isMulticast(family, one.address) ? N.RTN_MULTICAST : N.RTN_UNICAST], 10);
        }),
      )
      .attribute(N.NDA_DST, one.address);
    if (one.linkAddress !== null) writer.attribute(N.NDA_LLADDR, one.linkAddress);
    writer.u32(N.NDA_PROBES, 0).attribute(N.NDA_CACHEINFO, Buffer.alloc(CACHE_SIZE));
    if (one.protocol !== 0) writer.u8(N.NDA_PROTOCOL, one.protocol);
    writer.end();
  },
};

/** What a request is about, as a row; or an error. */
function readRequest(devices: Requester["network"]["devices"], { body }: Request): Neighbour | Outcome {
  if (body.length < NEIGHBOUR_SIZE) return SHORT;
  const attributes = attributesOf(body, NEIGHBOUR_SIZE);
  const destination = attributes.get(N.NDA_DST);
  if (destination === undefined) return refuse(E.EINVAL, "Network address not specified");
  const index = body.readInt32LE(4);
  const device = devices.byIndex(index);
  if (index !== 0 && device === undefined) return -E.ENODEV;
  const linkAddress = attributes.get(N.NDA_LLADDR);
  if (device !== undefined && linkAddress !== undefined && linkAddress.length < device.address.length)
    return refuse(E.EINVAL, "Invalid link address");
  const family = body[0] === AF_INET6 ? AF_INET6 : AF_INET;
  if (body[0] !== family) return -E.EAFNOSUPPORT;
  const size = sizeOf(family);
  if (destination.length < size) return refuse(E.EINVAL, "Invalid network address");
  if (device === undefined) return -E.EINVAL;
  const length = device.address.length;
  return {
    family,
    device,
    address: Uint8Array.from(destination.subarray(0, size)),
    linkAddress: linkAddress === undefined ? null : Uint8Array.from(linkAddress.subarray(0, length)),
    state: body.readUInt16LE(8),
    flags: body[10]!,
    protocol: attributes.get(N.NDA_PROTOCOL)?.[0] ?? 0,
  };
}

function isProxy({ kernel }: Requester, { flags }: Neighbour): boolean {
  if ((flags & N.NTF_PROXY) === 0) return false;
  kernel.counters.unsupportedCalls++;
  return true;
}

export const newNeighbour: Changer = (task, request) => {
  const { devices } = task.network;
  const asked = readRequest(devices, request);
  if (typeof asked === "number" || "error" in asked) return asked;
  if (isProxy(task, asked)) return -E.EOPNOTSUPP;
  const known = devices.neighbours.find(asked.family, asked.device, asked.address);
  const isUnknown = asked.linkAddress === null && known?.linkAddress == null;
  if ((asked.state & N.NUD_VALID) !== 0 && isUnknown) return refuse(E.EINVAL, "No link layer address given");
  return devices.neighbours.set(asked, request.flags);
};

export const deleteNeighbour: Changer = (task, request) => {
  const { devices } = task.network;
  const asked = readRequest(devices, request);
  if (typeof asked === "number" || "error" in asked) return asked;
  if (isProxy(task, asked)) return -E.EOPNOTSUPP;
  return devices.neighbours.remove(asked.family, asked.device, asked.address);
};
