// NETLINK_ROUTE (rtnetlink(7)): which interfaces, addresses, routes and rules there are. Kinds of objects are rows of a
// table: what a request of theirs has in front, and how each is told. Changing them is not supported.

import { EINVAL, ENETUNREACH, ENODEV, EOPNOTSUPP, EPERM } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { CAP_NET_ADMIN } from "../../../shared/abi/prctl.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../../shared/abi/socket.ts";
import { capable } from "../../credentials/credentials.ts";
import type { NetCaller } from "../caller.ts";
import type { Device, DeviceAddress, Devices, Route, Rule } from "../devices/devices.ts";
import { attributesOf, type MessageWriter, type Request, textOf } from "./message.ts";

/** struct rtgenmsg, which each request begins with. */
const GENERIC_SIZE = 1;
const FOREVER = 0xffffffff;
const OPER_UNKNOWN = 0;
/** GSO_MAX_SIZE and its relatives, of a device that says nothing else. */
const SEGMENTS_MAX = 65535;
const BYTES_MAX = 65536;
const TSO_BYTES_MAX = 524280;
const STATS_SIZE = 96;
const STATS64_SIZE = 200;
const MAP_SIZE = 32;
const ROUTE_CACHE_SIZE = 32;

interface Kind<T> {
  /** Type of the messages that tell one. */
  readonly told: number;
  /** Bytes in front of the attributes of a request. */
  readonly size: number;
  /** What a dump tells. */
  all(devices: Devices): Iterable<T>;
  familyOf(one: T): number;
  /** The index of its interface, for dumps that are about one; 0: of none. */
  deviceOf(one: T): number;
  /** What a request without NLM_F_DUMP is about, or a negative errno. */
  find(devices: Devices, request: Request): T | number;
  write(writer: MessageWriter, type: number, flags: number, one: T): void;
}

function header(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
}

/** struct ifinfomsg */
const LINK_SIZE = 16;

const LINK: Kind<Device> = {
  told: N.RTM_NEWLINK,
  size: LINK_SIZE,
  all: (devices) => devices.all,
  familyOf: () => AF_UNSPEC,
  deviceOf: ({ index }) => index,
  find: (devices, { body }) => {
    if (body.length < LINK_SIZE) return -EINVAL;
    const index = body.readInt32LE(4);
    if (index !== 0) return devices.byIndex(index) ?? -ENODEV;
    const name = textOf(attributesOf(body, LINK_SIZE).get(N.IFLA_IFNAME));
    return name === null ? -EINVAL : (devices.byName(name) ?? -ENODEV);
  },
  write: (writer, type, flags, device) => {
    writer
      .begin(
        type,
        flags,
        header(LINK_SIZE, (bytes) => {
          bytes.writeUInt16LE(device.type, 2);
          bytes.writeInt32LE(device.index, 4);
          bytes.writeUInt32LE(device.flags | N.IFF_LOWER_UP, 8);
        }),
      )
      .text(N.IFLA_IFNAME, device.name)
      .u32(N.IFLA_TXQLEN, device.txQueue)
      .u8(N.IFLA_OPERSTATE, OPER_UNKNOWN)
      .u8(N.IFLA_LINKMODE, 0)
      .u32(N.IFLA_MTU, device.mtu)
      .u32(N.IFLA_MIN_MTU, 0)
      .u32(N.IFLA_MAX_MTU, 0)
      .u32(N.IFLA_GROUP, 0)
      .u32(N.IFLA_PROMISCUITY, 0)
      .u32(N.IFLA_ALLMULTI, 0)
      .u32(N.IFLA_NUM_TX_QUEUES, 1)
      .u32(N.IFLA_GSO_MAX_SEGS, SEGMENTS_MAX)
      .u32(N.IFLA_GSO_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GRO_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GSO_IPV4_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GRO_IPV4_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_TSO_MAX_SIZE, TSO_BYTES_MAX)
      .u32(N.IFLA_TSO_MAX_SEGS, SEGMENTS_MAX)
      .u32(N.IFLA_NUM_RX_QUEUES, 1)
      .u8(N.IFLA_CARRIER, 1)
      .u32(N.IFLA_CARRIER_CHANGES, 0)
      .u32(N.IFLA_CARRIER_UP_COUNT, 0)
      .u32(N.IFLA_CARRIER_DOWN_COUNT, 0)
      .u8(N.IFLA_PROTO_DOWN, 0)
      .attribute(N.IFLA_ADDRESS, device.address)
      .attribute(N.IFLA_BROADCAST, device.broadcast)
      .attribute(N.IFLA_STATS64, Buffer.alloc(STATS64_SIZE))
      .attribute(N.IFLA_STATS, Buffer.alloc(STATS_SIZE))
      .text(N.IFLA_QDISC, "noqueue")
      .attribute(N.IFLA_MAP, Buffer.alloc(MAP_SIZE))
      .end();
  },
};

/** struct ifaddrmsg */
const ADDRESS_SIZE = 8;

interface OwnAddress extends DeviceAddress {
  readonly device: Device;
}

const ADDRESS: Kind<OwnAddress> = {
  told: N.RTM_NEWADDR,
  size: ADDRESS_SIZE,
  *all(devices) {
    for (const family of [AF_INET, AF_INET6])
      for (const device of devices.all)
        for (const own of device.addresses) if (own.family === family) yield { ...own, device };
  },
  familyOf: ({ family }) => family,
  deviceOf: ({ device }) => device.index,
  find: () => -EOPNOTSUPP,
  write: (writer, type, flags, { family, address, prefixLength, scope, device }) => {
    writer.begin(
      type,
      flags,
      header(ADDRESS_SIZE, (bytes) => {
        bytes.set([family, prefixLength, N.IFA_F_PERMANENT, scope]);
        bytes.writeInt32LE(device.index, 4);
      }),
    );
    const lifetime = header(16, (bytes) => {
      bytes.writeUInt32LE(FOREVER, 0);
      bytes.writeUInt32LE(FOREVER, 4);
    });
    writer.attribute(N.IFA_ADDRESS, address);
    if (family === AF_INET)
      writer
        .attribute(N.IFA_LOCAL, address)
        .text(N.IFA_LABEL, device.name)
        .u32(N.IFA_FLAGS, N.IFA_F_PERMANENT)
        .attribute(N.IFA_CACHEINFO, lifetime);
    else
      writer
        .attribute(N.IFA_CACHEINFO, lifetime)
        .u32(N.IFA_FLAGS, N.IFA_F_PERMANENT)
        .u8(N.IFA_PROTO, N.IFAPROT_KERNEL_LO);
    writer.end();
  },
};

/** struct rtmsg, and struct fib_rule_hdr, which is as long. */
const ROUTE_SIZE = 12;

const ROUTE: Kind<Route> = {
  told: N.RTM_NEWROUTE,
  size: ROUTE_SIZE,
  all: (devices) => devices.routes,
  familyOf: ({ family }) => family,
  deviceOf: ({ device }) => device.index,
  // Looking a route up is the business of the protocols.
  find: () => -ENETUNREACH,
  write: (writer, type, flags, route) => {
    writer
      .begin(
        type,
        flags,
        header(ROUTE_SIZE, (bytes) => {
          bytes.set([route.family, route.prefixLength, 0, 0]);
          bytes.set([route.table, route.protocol, route.scope, route.type], 4);
        }),
      )
      .u32(N.RTA_TABLE, route.table)
      .attribute(N.RTA_DST, route.destination);
    if (route.source !== null) writer.attribute(N.RTA_PREFSRC, route.source);
    if (route.family === AF_INET6) writer.u32(N.RTA_PRIORITY, route.metric);
    writer.u32(N.RTA_OIF, route.device.index);
    if (route.family === AF_INET6)
      writer.attribute(N.RTA_CACHEINFO, Buffer.alloc(ROUTE_CACHE_SIZE)).u8(N.RTA_PREF, 0);
    writer.end();
  },
};

const NEIGHBOUR: Kind<never> = {
  told: N.RTM_NEWNEIGH,
  size: ROUTE_SIZE,
  all: () => [],
  familyOf: () => AF_UNSPEC,
  deviceOf: () => 0,
  find: () => -EOPNOTSUPP,
  write: () => {},
};

const RULE: Kind<Rule> = {
  told: N.RTM_NEWRULE,
  size: ROUTE_SIZE,
  all: (devices) => devices.rules,
  familyOf: ({ family }) => family,
  deviceOf: () => 0,
  find: () => -EOPNOTSUPP,
  write: (writer, type, flags, { family, priority, table }) => {
    writer
      .begin(
        type,
        flags,
        header(ROUTE_SIZE, (bytes) => {
          bytes.set([family, 0, 0, 0, table, 0, 0, N.FR_ACT_TO_TBL]);
        }),
      )
      .u32(N.FRA_TABLE, table)
      .u32(N.FRA_SUPPRESS_PREFIXLEN, -1)
      .u8(N.FRA_PROTOCOL, N.RTPROT_KERNEL);
    if (priority !== 0) writer.u32(N.FRA_PRIORITY, priority);
    writer.end();
  },
};

/** By the type of the request that asks for them. */
const KINDS: ReadonlyMap<number, Kind<never>> = new Map<number, Kind<never>>([
  [N.RTM_GETLINK, LINK as Kind<never>],
  [N.RTM_GETADDR, ADDRESS as Kind<never>],
  [N.RTM_GETROUTE, ROUTE as Kind<never>],
  [N.RTM_GETNEIGH, NEIGHBOUR],
  [N.RTM_GETRULE, RULE as Kind<never>],
]);

/** Types come in fours: new, delete, get, set. */
const GET = 2;

/** What a request asks for: messages, each written when it is asked for; null: nothing, or a negative errno. */
export type Answer = ((writer: MessageWriter) => void) | Iterable<(writer: MessageWriter) => void> | null;

/** Serves a request. `isStrict`: what is in front of it says which objects a dump is about. */
export function serveRoute(task: NetCaller, request: Request, isStrict: boolean): Answer | number {
  const { type, flags, body } = request;
  if (type > N.RTM_MAX) return -EOPNOTSUPP;
  if (((type - N.NLMSG_MIN_TYPE) & 3) !== GET) {
    if (!capable(task.credentials, task.kernel.users, CAP_NET_ADMIN)) return -EPERM;
    if (isUpAlready(task.kernel.devices, request)) return null;
    task.kernel.counters.unsupportedCalls++;
    return -EOPNOTSUPP;
  }
  if (body.length < GENERIC_SIZE) return null;
  const kind = KINDS.get(type);
  if (kind === undefined) return -EOPNOTSUPP;
  const { devices } = task.kernel;
  if ((flags & N.NLM_F_DUMP) !== 0) return dump(kind, devices, request, isStrict);
  const found = kind.find(devices, request);
  return typeof found === "number" ? found : (writer) => kind.write(writer, kind.told, 0, found);
}

/** Whether it asks that an interface be up that is up. */
function isUpAlready(devices: Devices, request: Request): boolean {
  const { type, body } = request;
  if ((type !== N.RTM_NEWLINK && type !== N.RTM_SETLINK) || body.length < LINK_SIZE) return false;
  const device = LINK.find(devices, request);
  if (typeof device === "number" || body.readUInt32LE(12) !== N.IFF_UP) return false;
  const others = [...attributesOf(body, LINK_SIZE).keys()].filter((name) => name !== N.IFLA_IFNAME);
  return others.length === 0 && ((body.readUInt32LE(8) ^ device.flags) & N.IFF_UP) === 0;
}

function* dump<T>(
  kind: Kind<T>,
  devices: Devices,
  { body }: Request,
  isStrict: boolean,
): Generator<(writer: MessageWriter) => void> {
  const family = body[0]!;
  // Of all kinds that say which interface a dump is about, addresses alone are asked so.
  const index =
    isStrict && kind.size === ADDRESS_SIZE && body.length >= ADDRESS_SIZE ? body.readInt32LE(4) : 0;
  const flags = N.NLM_F_MULTI | (index === 0 ? 0 : N.NLM_F_DUMP_FILTERED);
  if (isCached(kind.told, body)) return;
  for (const one of kind.all(devices)) {
    const own = kind.familyOf(one);
    if (family !== AF_UNSPEC && own !== AF_UNSPEC && own !== family) continue;
    if (index !== 0 && kind.deviceOf(one) !== index) continue;
    yield (writer) => kind.write(writer, kind.told, flags, one);
  }
}

/** Whether it asks for cached routes, which there are none of. */
function isCached(told: number, body: Buffer): boolean {
  return (
    told === N.RTM_NEWROUTE && body.length >= ROUTE_SIZE && (body.readUInt32LE(8) & N.RTM_F_CLONED) !== 0
  );
}
