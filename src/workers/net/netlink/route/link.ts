// Links of NETLINK_ROUTE (RTM_NEWLINK and its relatives): devices, told and changed.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET6, AF_UNSPEC } from "../../../../shared/abi/socket.ts";
import { TWO_32 } from "../../../../shared/abi/struct.ts";
import type { Requester } from "../../caller.ts";
import { isName } from "../../devices/device_names.ts";
import { type Devices, hasCarrier } from "../../devices/devices.ts";
import { BRIDGE, DUMMY, VETH, type VirtualKind } from "../../devices/kinds.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import type { Device, DeviceCounts } from "../../devices/rows.ts";
import { Network } from "../../network.ts";
import { mayAdminister } from "../../privileges.ts";
import { Cable } from "../../stack/link/cable.ts";
import { attributesOf, numberOf, type Request, textOf } from "../message.ts";
import { type Changer, header, type Kind, LINK_SIZE, SHORT } from "./kind.ts";
import { peerIn } from "./names.ts";
import { nameIn } from "./nsid.ts";

/** struct rtnl_link_stats, or rtnl_link_stats64: numbers of so many bytes. */
function statsOf(counts: DeviceCounts | null, size: number, width: 4 | 8): Buffer {
  const bytes = Buffer.alloc(size);
  if (counts === null) return bytes;
  const { rxPackets, txPackets, rxBytes, txBytes, rxDropped, txDropped } = counts;
  // Errors stand between: there are none that a device counts.
  const numbers = [rxPackets, txPackets, rxBytes, txBytes, 0, 0, rxDropped, txDropped];
  for (const [i, number] of numbers.entries()) {
    bytes.writeUInt32LE(number >>> 0, i * width);
    if (width === 8) bytes.writeUInt32LE(Math.floor(number / TWO_32), i * width + 4);
  }
  return bytes;
}

const [OPER_UNKNOWN, OPER_DOWN, OPER_LOWER_DOWN, OPER_UP] = [0, 2, 3, 6];
/** GSO_MAX_SIZE and its relatives, of a device that says nothing else. */
const SEGMENTS_MAX = 65535;
const BYTES_MAX = 65536;
const TSO_BYTES_MAX = 524280;
const STATS_SIZE = 96;
const STATS64_SIZE = 200;
const MAP_SIZE = 32;
const ALIAS_MAX = 255;
const NAME_SIZE = 16;
const OTHER_NAME_SIZE = 128;
const IF_READY = 0x80000000;
const ADDRESS_SIZE = 6;

type Attributes = Map<number, Buffer>;

/** The device that a request names, by number or name; undefined: it names none; or -ENODEV. */
function named(devices: Devices, body: Buffer, attributes: Attributes): Device | undefined | number {
  const index = body.readInt32LE(4);
  if (index > 0) return devices.byIndex(index) ?? -E.ENODEV;
  const name = textOf(attributes.get(N.IFLA_IFNAME)) ?? textOf(attributes.get(N.IFLA_ALT_IFNAME));
  return name === null ? undefined : (devices.byName(name) ?? -E.ENODEV);
}

/** Names that are too long are no names. */
function hasLongName(attributes: Attributes): boolean {
  const [name, other] = [attributes.get(N.IFLA_IFNAME), attributes.get(N.IFLA_ALT_IFNAME)];
  return (textOf(name)?.length ?? 0) >= NAME_SIZE || (textOf(other)?.length ?? 0) >= OTHER_NAME_SIZE;
}

interface ToldLink {
  readonly device: Device;
  /** IFF_* that are others than before. */
  readonly changed: number;
  /** What IPv6 tells of it, which is less. */
  readonly isInet6?: boolean;
}

/** struct ifinfomsg of a device. */
function headerOf({ device, changed, isInet6 }: ToldLink): Buffer {
  const isRunning = (device.flags & N.IFF_RUNNING) !== 0;
  return header(LINK_SIZE, (bytes) => {
    bytes[0] = isInet6 === true ? AF_INET6 : AF_UNSPEC;
    bytes.writeUInt16LE(device.type, 2);
    bytes.writeInt32LE(device.index, 4);
    bytes.writeUInt32LE((device.flags | (isRunning ? N.IFF_LOWER_UP : 0)) >>> 0, 8);
    bytes.writeUInt32LE(changed >>> 0, 12);
  });
}

function operState({ flags, hasLink, peer }: Device): number {
  if ((flags & N.IFF_UP) === 0) return OPER_DOWN;
  if ((flags & N.IFF_RUNNING) === 0) return peer === null ? OPER_DOWN : OPER_LOWER_DOWN;
  return hasLink ? OPER_UP : OPER_UNKNOWN;
}

export const LINK: Kind<ToldLink> = {
  told: N.RTM_NEWLINK,
  gone: N.RTM_DELLINK,
  size: LINK_SIZE,
  all: (devices, family) =>
    devices.all.map((device) => ({ device, changed: 0, isInet6: family === AF_INET6 })),
  familyOf: () => AF_UNSPEC,
  deviceOf: ({ device }) => device.index,
  find: ({ network }, { body }) => {
    if (body.length < LINK_SIZE) return -E.EINVAL;
    const attributes = attributesOf(body, LINK_SIZE);
    if (hasLongName(attributes)) return -E.ERANGE;
    const device = named(network.devices, body, attributes) ?? -E.EINVAL;
    return typeof device === "number" ? device : { device, changed: 0 };
  },
  write: (writer, type, flags, told, devices) => {
    const { device } = told;
    const isUp = (device.flags & N.IFF_UP) !== 0;
    writer.begin(type, flags, headerOf(told));
    if (told.isInet6 === true) {
      writer
        .text(N.IFLA_IFNAME, device.name)
        .attribute(N.IFLA_ADDRESS, device.address)
        .u32(N.IFLA_MTU, device.mtu)
        .u8(N.IFLA_OPERSTATE, operState(device))
        .nested(N.IFLA_PROTINFO, () => writer.u32(N.IFLA_INET6_FLAGS, isUp ? IF_READY : 0))
        .end();
      return;
    }
    writer
      .text(N.IFLA_IFNAME, device.name)
      .u32(N.IFLA_TXQLEN, device.txQueue)
      .u8(N.IFLA_OPERSTATE, operState(device))
      .u8(N.IFLA_LINKMODE, 0)
      .u32(N.IFLA_MTU, device.mtu)
      .u32(N.IFLA_MIN_MTU, device.minMtu)
      .u32(N.IFLA_MAX_MTU, device.maxMtu)
      .u32(N.IFLA_GROUP, device.group)
      .u32(N.IFLA_PROMISCUITY, (device.flags & N.IFF_PROMISC) === 0 ? 0 : 1)
      .u32(N.IFLA_ALLMULTI, (device.flags & N.IFF_ALLMULTI) === 0 ? 0 : 1)
      .u32(N.IFLA_NUM_TX_QUEUES, 1)
      .u32(N.IFLA_GSO_MAX_SEGS, SEGMENTS_MAX)
      .u32(N.IFLA_GSO_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GRO_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GSO_IPV4_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_GRO_IPV4_MAX_SIZE, BYTES_MAX)
      .u32(N.IFLA_TSO_MAX_SIZE, TSO_BYTES_MAX)
      .u32(N.IFLA_TSO_MAX_SEGS, SEGMENTS_MAX)
      .u32(N.IFLA_NUM_RX_QUEUES, 1)
      .u8(N.IFLA_CARRIER, (isUp ? (device.flags & N.IFF_RUNNING) !== 0 : hasCarrier(device)) ? 1 : 0)
      .u32(N.IFLA_CARRIER_CHANGES, 0)
      .u32(N.IFLA_CARRIER_UP_COUNT, 0)
      .u32(N.IFLA_CARRIER_DOWN_COUNT, 0)
      .u8(N.IFLA_PROTO_DOWN, 0);
    // Some of the host's have none.
    if (device.address.length > 0)
      writer.attribute(N.IFLA_ADDRESS, device.address).attribute(N.IFLA_BROADCAST, device.broadcast);
    writer
      .attribute(N.IFLA_STATS64, statsOf(devices.countsOf(device), STATS64_SIZE, 8))
      .attribute(N.IFLA_STATS, statsOf(devices.countsOf(device), STATS_SIZE, 4))
      .text(N.IFLA_QDISC, device.wasUp ? "noqueue" : "noop")
      .attribute(N.IFLA_MAP, Buffer.alloc(MAP_SIZE));
    if (device.alias !== "") writer.text(N.IFLA_IFALIAS, device.alias);
    const { peer } = device;
    if (peer !== null) {
      writer.u32(N.IFLA_LINK, peer.index);
      if (peer.home !== devices) writer.u32(N.IFLA_LINK_NETNSID, devices.ids.give(peer.home));
    }
    const { kind, master } = device;
    if (master !== null) writer.u32(N.IFLA_MASTER, master.index);
    if (kind !== null || master !== null)
      writer.nested(N.IFLA_LINKINFO, () => {
        if (kind !== null) writer.text(N.IFLA_INFO_KIND, kind);
        if (master !== null) writer.text(N.IFLA_INFO_SLAVE_KIND, master.kind!);
      });
    writer.nested(N.IFLA_AF_SPEC, () =>
      writer.nested(AF_INET6, () =>
        writer.u32(N.IFLA_INET6_FLAGS, isUp ? IF_READY : 0).u8(N.IFLA_INET6_ADDR_GEN_MODE, 0),
      ),
    );
    if (device.otherNames.length > 0)
      writer.nested(N.IFLA_PROP_LIST | N.NLA_F_NESTED, () => {
        for (const name of device.otherNames) writer.text(N.IFLA_ALT_IFNAME, name);
      });
    writer.end();
  },
};

// ---- Changing ----

/** What nobody has here: other devices to stand on. */
const UNSUPPORTED = [N.IFLA_LINK];

function unsupported({ kernel }: Requester, why?: string): Outcome {
  kernel.counters.unsupportedCalls++;
  return why === undefined ? -E.EOPNOTSUPP : refuse(E.EOPNOTSUPP, why);
}

type Setter = (devices: Devices, device: Device, value: Buffer) => Outcome;

function ofNumber(set: (devices: Devices, device: Device, value: number) => Outcome): Setter {
  return (devices, device, value) => {
    const number = numberOf(value);
    return number === null ? -E.ERANGE : set(devices, device, number);
  };
}

/** In the order in which Linux sets them. */
const BEFORE_FLAGS: readonly (readonly [number, Setter])[] = [
  [N.IFLA_ADDRESS, (devices, device, value) => devices.setAddress(device, value)],
  [N.IFLA_MTU, ofNumber((devices, device, mtu) => devices.setMtu(device, mtu))],
  [N.IFLA_GROUP, ofNumber((devices, device, group) => devices.setGroup(device, group))],
];
const NAMES: readonly (readonly [number, Setter])[] = [
  [
    N.IFLA_IFALIAS,
    (devices, device, value) =>
      value.length > ALIAS_MAX ? -E.ERANGE : devices.setAlias(device, textOf(value)!),
  ],
  [N.IFLA_BROADCAST, (devices, device, value) => devices.setBroadcast(device, value)],
];
const AFTER_FLAGS: readonly (readonly [number, Setter])[] = [
  [N.IFLA_TXQLEN, ofNumber((devices, device, length) => devices.setTxQueue(device, length))],
];

function setAll(
  devices: Devices,
  device: Device,
  attributes: Attributes,
  setters: readonly (readonly [number, Setter])[],
): Outcome {
  for (const [name, set] of setters) {
    const value = attributes.get(name);
    if (value === undefined) continue;
    const outcome = set(devices, device, value);
    if (outcome !== 0) return outcome;
  }
  return 0;
}

/** IFF_* that a request asks for. */
function flagsFor(device: Device, body: Buffer): number {
  const [flags, change] = [body.readUInt32LE(8), body.readUInt32LE(12)];
  return change === 0 ? (flags === 0 ? device.flags : flags) : (flags & change) | (device.flags & ~change);
}

/** The bridge that a request names, by its index; 0: none. */
function setMaster(devices: Devices, device: Device, attributes: Attributes): Outcome {
  const index = numberOf(attributes.get(N.IFLA_MASTER));
  if (index === null) return 0;
  const bridge = index === 0 ? null : devices.byIndex(index);
  return bridge === undefined ? -E.EINVAL : devices.setMaster(device, bridge);
}

function set(task: Requester, device: Device, body: Buffer, attributes: Attributes): Outcome {
  if (UNSUPPORTED.some((name) => attributes.has(name))) return unsupported(task);
  const to = targetOf(task, attributes);
  if (!(to instanceof Network)) return to;
  const name = textOf(attributes.get(N.IFLA_IFNAME));
  const isNamed = name !== null && name !== "" && body.readInt32LE(4) > 0;
  let outcome = task.network.devices.move(device, to.devices, isNamed ? name : "");
  const { devices } = to;
  if (outcome === 0) outcome = setAll(devices, device, attributes, BEFORE_FLAGS);
  if (outcome === 0 && isNamed) outcome = devices.setName(device, name);
  if (outcome === 0) outcome = setAll(devices, device, attributes, NAMES);
  if (outcome === 0) outcome = setMaster(devices, device, attributes);
  if (outcome === 0) outcome = devices.setFlags(device, flagsFor(device, body));
  return outcome === 0 ? setAll(devices, device, attributes, AFTER_FLAGS) : outcome;
}

// ---- Making ----

/** The namespace that a request asks for; or an error. */
function targetOf(task: Requester, attributes: Attributes): Network | Outcome {
  const name = nameIn(attributes, N.IFLA_NET_NS_PID, N.IFLA_NET_NS_FD);
  if (name === null) return task.network;
  const found = task.named.get(name);
  if (typeof found === "number") return found;
  return found.devices.isHosts || !mayAdminister(task, found) ? -E.EPERM : found;
}

/** What kind of device is asked for. */
function kindIn(attributes: Attributes): string | null {
  const info = attributes.get(N.IFLA_LINKINFO);
  return info === undefined ? null : textOf(attributesOf(info, 0).get(N.IFLA_INFO_KIND));
}

/** A device of a kind as a request has it, which nobody is told of yet; or an error. */
function add(
  kind: VirtualKind,
  { devices }: Network,
  index: number,
  attributes: Attributes,
): Device | Outcome {
  const mtu = numberOf(attributes.get(N.IFLA_MTU)) ?? kind.mtu;
  if (mtu > 0x7fffffff) return -E.EINVAL;
  if (mtu < kind.minMtu) return refuse(E.EINVAL, "mtu less than device minimum");
  if (kind.maxMtu > 0 && mtu > kind.maxMtu) return refuse(E.EINVAL, "mtu greater than device maximum");
  const address = attributes.get(N.IFLA_ADDRESS);
  if (address !== undefined) {
    if (address.length < ADDRESS_SIZE) return -E.EINVAL;
    if ((address[0]! & 1) !== 0) return -E.EADDRNOTAVAIL;
  }
  const device = devices.add(kind, textOf(attributes.get(N.IFLA_IFNAME)) || `${kind.name}%d`, index);
  if (typeof device === "number" || "error" in device) return device;
  if (address !== undefined) {
    device.address = Uint8Array.from(address.subarray(0, ADDRESS_SIZE));
    device.hasOwnAddress = true;
  }
  device.mtu = mtu;
  device.txQueue = numberOf(attributes.get(N.IFLA_TXQLEN)) ?? device.txQueue;
  device.group = numberOf(attributes.get(N.IFLA_GROUP)) ?? device.group;
  return device;
}

/** Two devices that are joined: the other end comes first. */
function makeVeth(task: Requester, home: Network, body: Buffer, attributes: Attributes): Outcome {
  const peerBody = peerIn(attributes);
  const peerAttributes = peerBody === null ? new Map<number, Buffer>() : attributesOf(peerBody, LINK_SIZE);
  if (hasLongName(peerAttributes)) return -E.ERANGE;
  const name = textOf(peerAttributes.get(N.IFLA_IFNAME));
  if (name !== null && name !== "" && !isName(name)) return -E.EINVAL;
  const peerHome =
    nameIn(peerAttributes, N.IFLA_NET_NS_PID, N.IFLA_NET_NS_FD) === null
      ? home
      : targetOf(task, peerAttributes);
  if (!(peerHome instanceof Network)) return peerHome;
  const peer = add(VETH, peerHome, peerBody?.readInt32LE(4) ?? 0, peerAttributes);
  if (typeof peer === "number" || "error" in peer) return peer;
  const device = add(VETH, home, body.readInt32LE(4), attributes);
  if (typeof device === "number" || "error" in device) {
    peerHome.devices.takeBack(peer);
    return device;
  }
  const cable = new Cable();
  for (const [end, other] of [
    [device, peer],
    [peer, device],
  ] as const) {
    end.peer = other;
    end.cable = cable;
  }
  peerHome.devices.announce(peer);
  home.devices.announce(device);
  if (peerBody !== null) configure(peerHome, peer, peerBody, peerAttributes);
  return configure(home, device, body, attributes);
}

/** What a device that was told of is besides. */
function configure({ devices }: Network, device: Device, body: Buffer, attributes: Attributes): Outcome {
  const outcome = devices.setFlags(device, flagsFor(device, body));
  return outcome === 0 ? setMaster(devices, device, attributes) : outcome;
}

function makeAlone(kind: VirtualKind, home: Network, body: Buffer, attributes: Attributes): Outcome {
  const device = add(kind, home, body.readInt32LE(4), attributes);
  if (typeof device === "number" || "error" in device) return device;
  home.devices.announce(device);
  return configure(home, device, body, attributes);
}

function make(task: Requester, body: Buffer, attributes: Attributes): Outcome {
  const kind = kindIn(attributes);
  if (kind !== VETH.name && kind !== DUMMY.name && kind !== BRIDGE.name)
    return unsupported(task, "Unknown device type");
  if (UNSUPPORTED.some((name) => attributes.has(name))) return unsupported(task);
  const home = targetOf(task, attributes);
  if (!(home instanceof Network)) return home;
  return kind === VETH.name
    ? makeVeth(task, home, body, attributes)
    : makeAlone(kind === BRIDGE.name ? BRIDGE : DUMMY, home, body, attributes);
}

function checked(request: Request): Attributes | Outcome {
  if (request.body.length < LINK_SIZE) return SHORT;
  const attributes = attributesOf(request.body, LINK_SIZE);
  if (hasLongName(attributes)) return -E.ERANGE;
  const name = textOf(attributes.get(N.IFLA_IFNAME));
  return name !== null && name !== "" && !isName(name) ? -E.EINVAL : attributes;
}

export const newLink: Changer = (task, request) => {
  const { body, flags } = request;
  const attributes = checked(request);
  if (typeof attributes === "number" || "error" in attributes) return attributes;
  const device = named(task.network.devices, body, attributes);
  if (typeof device === "object") {
    if ((flags & N.NLM_F_EXCL) !== 0) return -E.EEXIST;
    if ((flags & N.NLM_F_REPLACE) !== 0) return -E.EOPNOTSUPP;
    const kind = kindIn(attributes);
    if (kind !== null && kind !== device.kind) return -E.EOPNOTSUPP;
    return set(task, device, body, attributes);
  }
  if ((flags & N.NLM_F_CREATE) === 0) return device === undefined ? -E.EINVAL : -E.ENODEV;
  return make(task, body, attributes);
};

export const setLink: Changer = (task, request) => {
  const attributes = checked(request);
  if (typeof attributes === "number" || "error" in attributes) return attributes;
  const device = named(task.network.devices, request.body, attributes) ?? -E.EINVAL;
  return typeof device === "number" ? device : set(task, device, request.body, attributes);
};

export const deleteLink: Changer = (task, request) => {
  const attributes = checked(request);
  if (typeof attributes === "number" || "error" in attributes) return attributes;
  const device = named(task.network.devices, request.body, attributes) ?? -E.EINVAL;
  return typeof device === "number" ? device : task.network.devices.remove(device);
};

/** Other names of a device (ip link property). */
function otherNames(change: (devices: Devices, device: Device, name: string) => Outcome): Changer {
  return ({ network: { devices } }, request) => {
    const attributes = checked(request);
    if (typeof attributes === "number" || "error" in attributes) return attributes;
    const device = named(devices, request.body, attributes) ?? -E.EINVAL;
    if (typeof device === "number") return device;
    const list = attributes.get(N.IFLA_PROP_LIST);
    if (list === undefined) return 0;
    const name = textOf(attributesOf(list, 0).get(N.IFLA_ALT_IFNAME));
    if (name === null) return 0;
    if (name.length >= OTHER_NAME_SIZE || name === "") return -E.EINVAL;
    return change(devices, device, name);
  };
}

export const addName = otherNames((devices, device, name) => devices.addName(device, name));
export const removeName = otherNames((devices, device, name) => devices.removeName(device, name));
