// Addresses of NETLINK_ROUTE (RTM_NEWADDR and its relatives), told and changed.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import { scopeOf6 } from "../../devices/inet6_addresses.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import { isSame, isWithin, sizeOf } from "../../devices/prefixes.ts";
import { type Device, type DeviceAddress, FOREVER, type InternetFamily } from "../../devices/rows.ts";
import { attributesOf, numberOf, type Request, textOf } from "../message.ts";
import { type Changer, header, type Kind, SHORT } from "./kind.ts";

/** struct ifaddrmsg */
export const ADDRESS_SIZE = 8;
/** struct ifa_cacheinfo */
const LIFETIME_SIZE = 16;
const LABEL_MAX = 15;
const NS_PER_SECOND = 1e9;
const NS_PER_TICK = 1e7;

function left(seconds: number, spent: number): number {
  return seconds === FOREVER ? FOREVER : Math.max(0, seconds - spent);
}

function lifetimeOf(own: DeviceAddress, nowNs: number): Buffer {
  const spent = Math.floor((nowNs - own.changedNs) / NS_PER_SECOND);
  return header(LIFETIME_SIZE, (bytes) => {
    bytes.writeUInt32LE(left(own.preferredSeconds, spent), 0);
    bytes.writeUInt32LE(left(own.validSeconds, spent), 4);
    bytes.writeUInt32LE(Math.floor(own.madeNs / NS_PER_TICK) % 2 ** 32, 8);
    bytes.writeUInt32LE(Math.floor(own.changedNs / NS_PER_TICK) % 2 ** 32, 12);
  });
}

export const ADDRESS: Kind<DeviceAddress> = {
  told: N.RTM_NEWADDR,
  gone: N.RTM_DELADDR,
  size: ADDRESS_SIZE,
  *all({ all }, family) {
    if (family !== AF_INET6) for (const { inet } of all) yield* inet;
    if (family !== AF_INET) for (const { inet6 } of all) yield* inet6;
  },
  familyOf: ({ family }) => family,
  deviceOf: ({ device }) => device.index,
  find: ({ network }, { body }) => {
    if (body[0] !== AF_INET6 || body.length < ADDRESS_SIZE) return -E.EOPNOTSUPP;
    const asked = addressIn(AF_INET6, attributesOf(body, ADDRESS_SIZE));
    if (asked === null) return -E.EINVAL;
    const index = body.readInt32LE(4);
    for (const device of network.devices.all) {
      if (index !== 0 && device.index !== index) continue;
      const found = device.inet6.find(({ address }) => isSame(address, asked.local));
      if (found !== undefined) return found;
    }
    return -E.EADDRNOTAVAIL;
  },
  write: (writer, type, flags, own, { context }) => {
    const { family, address, peer, broadcast, prefixLength, scope, device, label, metric, protocol } = own;
    writer.begin(
      type,
      flags,
      header(ADDRESS_SIZE, (bytes) => {
        bytes.set([family, prefixLength, own.flags & 0xff, scope]);
        bytes.writeInt32LE(device.index, 4);
      }),
    );
    const lifetime = lifetimeOf(own, context.native.monotonicNs());
    if (family === AF_INET) {
      writer.attribute(N.IFA_ADDRESS, peer).attribute(N.IFA_LOCAL, address);
      if (broadcast !== null) writer.attribute(N.IFA_BROADCAST, broadcast);
      if (label !== "") writer.text(N.IFA_LABEL, label);
      if (protocol !== 0) writer.u8(N.IFA_PROTO, protocol);
      writer.u32(N.IFA_FLAGS, own.flags);
      if (metric !== 0) writer.u32(N.IFA_RT_PRIORITY, metric);
      writer.attribute(N.IFA_CACHEINFO, lifetime);
    } else {
      if (!isSame(address, peer)) writer.attribute(N.IFA_LOCAL, address);
      writer.attribute(N.IFA_ADDRESS, peer);
      if (metric !== 0) writer.u32(N.IFA_RT_PRIORITY, metric);
      writer.attribute(N.IFA_CACHEINFO, lifetime).u32(N.IFA_FLAGS, own.flags);
      if (protocol !== 0) writer.u8(N.IFA_PROTO, protocol);
    }
    writer.end();
  },
};

// ---- Changing ----

type Attributes = Map<number, Buffer>;

function bytesIn(family: InternetFamily, value: Buffer | undefined): Uint8Array | null {
  const size = sizeOf(family);
  return value === undefined || value.length < size ? null : Uint8Array.from(value.subarray(0, size));
}

/** The address that a request is about, and its other end; null: it names none. */
function addressIn(
  family: InternetFamily,
  attributes: Attributes,
): { readonly local: Uint8Array; readonly peer: Uint8Array } | null {
  const local = bytesIn(family, attributes.get(N.IFA_LOCAL));
  const address = bytesIn(family, attributes.get(N.IFA_ADDRESS));
  if (family === AF_INET) return local === null ? null : { local, peer: address ?? local };
  if (local !== null) return { local, peer: address ?? local };
  return address === null ? null : { local: address, peer: address };
}

interface Asked {
  readonly family: InternetFamily;
  readonly device: Device;
  readonly attributes: Attributes;
  readonly prefixLength: number;
}

/** What both kinds of changes have in front, or an error. */
function readRequest({ network }: Requester, { body }: Request): Asked | Outcome {
  if (body.length < ADDRESS_SIZE) return SHORT;
  const family = body[0] === AF_INET6 ? AF_INET6 : AF_INET;
  if (body[0] !== family) return -E.EOPNOTSUPP;
  const attributes = attributesOf(body, ADDRESS_SIZE);
  const device = network.devices.byIndex(body.readInt32LE(4));
  const isShort = [N.IFA_LOCAL, N.IFA_ADDRESS, N.IFA_BROADCAST].some(
    (name) => (attributes.get(name)?.length ?? 16) < sizeOf(family),
  );
  if (isShort) return -E.ERANGE;
  if (device === undefined)
    return refuse(
      E.ENODEV,
      family === AF_INET ? "ipv4: Device not found" : "ipv6: Unable to find the interface",
    );
  return { family, device, attributes, prefixLength: body[1]! };
}

/** How long it is preferred, and valid; null: what was asked for makes no sense. */
function lifetimesIn(attributes: Attributes): { preferred: number; valid: number } | null {
  const value = attributes.get(N.IFA_CACHEINFO);
  if (value === undefined || value.length < LIFETIME_SIZE) return { preferred: FOREVER, valid: FOREVER };
  const [preferred, valid] = [value.readUInt32LE(0), value.readUInt32LE(4)];
  return valid === 0 || preferred > valid ? null : { preferred, valid };
}

export const newAddress: Changer = (task, request) => {
  const { body, flags } = request;
  const {
    kernel: { native },
    network: { devices },
  } = task;
  const isInet = body[0] === AF_INET;
  // Linux looks at these before it looks for the device.
  if (isInet && body.length >= ADDRESS_SIZE && body[1]! > 32)
    return refuse(E.EINVAL, "ipv4: Invalid prefix length");
  if (isInet && body.length >= ADDRESS_SIZE && !attributesOf(body, ADDRESS_SIZE).has(N.IFA_LOCAL))
    return refuse(E.EINVAL, "ipv4: Local address is not supplied");
  const asked = readRequest(task, request);
  if (typeof asked === "number" || "error" in asked) return asked;
  const { family, device, attributes, prefixLength } = asked;
  const named = addressIn(family, attributes);
  if (named === null) return refuse(E.EINVAL, "ipv6: address not provided");
  if (prefixLength > sizeOf(family) * 8) return refuse(E.EINVAL, "ipv6: Invalid prefix length");
  const lifetimes = lifetimesIn(attributes);
  if (lifetimes === null) return refuse(E.EINVAL, `${isInet ? "ipv4" : "ipv6"}: address lifetime invalid`);
  const { preferred, valid } = lifetimes;
  const nowNs = native.monotonicNs();
  const others =
    (numberOf(attributes.get(N.IFA_FLAGS)) ?? body[2]!) & ~(N.IFA_F_PERMANENT | N.IFA_F_DEPRECATED);
  const label = textOf(attributes.get(N.IFA_LABEL))?.slice(0, LABEL_MAX);
  const own: DeviceAddress = {
    device,
    family,
    address: named.local,
    peer: named.peer,
    broadcast: isInet ? bytesIn(family, attributes.get(N.IFA_BROADCAST)) : null,
    prefixLength,
    scope: isInet ? body[3]! : scopeOf6(named.local),
    flags: others | (valid === FOREVER ? N.IFA_F_PERMANENT : 0) | (preferred === 0 ? N.IFA_F_DEPRECATED : 0),
    label: isInet ? (label ?? device.name) : "",
    protocol: attributes.get(N.IFA_PROTO)?.[0] ?? 0,
    metric: numberOf(attributes.get(N.IFA_RT_PRIORITY)) ?? 0,
    validSeconds: valid,
    preferredSeconds: preferred,
    changedNs: nowNs,
    madeNs: nowNs,
  };
  const isReplacing = (flags & N.NLM_F_REPLACE) !== 0 && (flags & N.NLM_F_EXCL) === 0;
  return (isInet ? devices.inet : devices.inet6).add(own, isReplacing);
};

export const deleteAddress: Changer = (task, request) => {
  const asked = readRequest(task, request);
  if (typeof asked === "number" || "error" in asked) return asked;
  const { family, device, attributes, prefixLength } = asked;
  const { devices } = task.network;
  if (family === AF_INET6) {
    const named = addressIn(family, attributes);
    if (named === null) return refuse(E.EINVAL, "ipv6: address not provided");
    return devices.inet6.remove(device, named.local, prefixLength);
  }
  const local = bytesIn(family, attributes.get(N.IFA_LOCAL));
  const peer = bytesIn(family, attributes.get(N.IFA_ADDRESS));
  const label = textOf(attributes.get(N.IFA_LABEL));
  if (prefixLength > 32 && peer !== null) return refuse(E.EADDRNOTAVAIL, "ipv4: Address not found");
  return devices.inet.remove(
    device,
    (own) =>
      (local === null || isSame(local, own.address)) &&
      (label === null || label === own.label) &&
      (peer === null || (own.prefixLength === prefixLength && isWithin(peer, own.peer, prefixLength))),
  );
};
