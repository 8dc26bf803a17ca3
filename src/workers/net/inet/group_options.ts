// Options about groups (ip(7), ipv6(7), RFC 3678): which a socket is in, and from whom it takes what is sent there. Sockets
// of datagrams alone have them.

import * as E from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Coroutine } from "../../call/call.ts";
import { readGuest, writeGuest } from "../../call/guest_copy.ts";
import type { NetCaller } from "../caller.ts";
import type { Devices } from "../devices/devices.ts";
import { INT, type LongOption } from "../option_table.ts";
import type { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import { EXCLUDE, INCLUDE, type Membership } from "../stack/datagram/membership.ts";
import { IpAddress } from "../stack/ip_address.ts";
import type { InetOption, InetOptions } from "./inet_options.ts";

/** Sources of a membership: net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf. */
const SOURCES_MAX4 = 10;
const SOURCES_MAX6 = 64;
/** net.core.optmem_max */
const OPTMEM_MAX = 131072;

/** Options that datagrams alone have; streams answer with an errno of theirs. */
export function ofDatagrams(
  error: number,
  get: ((endpoint: DatagramEndpoint, options: InetOptions, room: number) => Buffer | number) | null,
  set: (endpoint: DatagramEndpoint, value: Buffer, options: InetOptions, task: NetCaller) => number,
): InetOption {
  return {
    ...(get !== null && {
      get: (options: InetOptions, _task: NetCaller, room: number) =>
        options.datagram === null ? -E.ENOPROTOOPT : get(options.datagram, options, room),
    }),
    set: (options, value, task) =>
      options.datagram === null ? error : set(options.datagram, value, options, task),
  };
}

/** The device that an IPv4 address, of this host, is on; 0: there is none. */
export function deviceOf({ all }: Devices, word: number): number {
  for (const { index, inet } of all)
    for (const { address } of inet) if (IpAddress.fromBytes(address).w3 === word) return index;
  return 0;
}

/** struct ip_mreq or ip_mreqn: a group, an address of this host, a device; null: it is too short. */
function requestIn(
  devices: Devices,
  value: Buffer,
): { group: IpAddress; address: number; device: number } | null {
  if (value.length < I.IP_MREQ_SIZE) return null;
  const group = IpAddress.v4(value.readInt32BE(0));
  const address = value.readInt32BE(INT);
  const named = value.length >= I.IP_MREQN_SIZE ? value.readInt32LE(2 * INT) : 0;
  if (named !== 0 || address === 0) return { group, address, device: named };
  const device = deviceOf(devices, address);
  return { group, address, device: device === 0 ? -1 : device };
}

export function join(options: InetOptions, group: IpAddress, device: number): number {
  const { datagram, inet } = options;
  if (!group.isMulticast) return -E.EINVAL;
  if (!inet.kernel.heap.hasRoom("groupMemberships")) return -E.ENOBUFS;
  const error = datagram!.join(group, device);
  if (error === 0) inet.kernel.counters.groupMemberships++;
  return error;
}

export function leave(options: InetOptions, group: IpAddress, device: number): number {
  if (!group.isV4 && !group.isMulticast) return -E.EINVAL;
  const error = options.datagram!.leave(group, device);
  if (error === 0) options.inet.kernel.counters.groupMemberships--;
  return error;
}

function membership(change: typeof join): InetOption {
  return ofDatagrams(-E.EPROTO, null, (_endpoint, value, options) => {
    const request = requestIn(options.inet.network.devices, value);
    if (request === null) return -E.EINVAL;
    return change(options, request.group, request.device);
  });
}

/** MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP: struct group_req, of either family. */
function groupRequest(change: typeof join, family: number): InetOption {
  return ofDatagrams(-E.EPROTO, null, (_endpoint, value, options) => {
    if (value.length < I.GROUP_REQ_SIZE) return -E.EINVAL;
    if (value.readUInt16LE(8) !== family) return -E.EINVAL;
    const group =
      family === S.AF_INET ? IpAddress.v4(value.readInt32BE(12)) : IpAddress.fromBytes(value, 16, 16);
    if (family === S.AF_INET6 && !group.isMulticast) return -E.EINVAL;
    return change(options, group, value.readInt32LE(0));
  });
}

/** struct ipv6_mreq */
function membership6(change: typeof join): InetOption {
  return ofDatagrams(-E.EPROTO, null, (_endpoint, value, options) => {
    if (value.length < I.IPV6_MREQ_SIZE) return -E.EINVAL;
    return change(options, IpAddress.fromBytes(value, 0, 16), value.readInt32LE(16));
  });
}

// ---- Sources: streams take them as well, and are in no group all the same ----

/** What is done to a membership's sources: in the list of which mode, and whether one is added. */
interface SourceChange {
  readonly mode: number;
  readonly isAdding: boolean;
  /** It is in the group by the first of them. */
  readonly joins?: boolean;
}

const BLOCK: SourceChange = { mode: EXCLUDE, isAdding: true };
const UNBLOCK: SourceChange = { mode: EXCLUDE, isAdding: false };
const JOIN_SOURCE: SourceChange = { mode: INCLUDE, isAdding: true, joins: true };
const LEAVE_SOURCE: SourceChange = { mode: INCLUDE, isAdding: false };

function changeSource(
  options: InetOptions,
  group: IpAddress,
  device: number,
  source: IpAddress,
  { mode, isAdding, joins }: SourceChange,
): number {
  const { datagram, inet } = options;
  if (isAdding && !inet.kernel.heap.hasRoom("groupMemberships", 2)) return -E.ENOBUFS;
  const before = datagram!.membershipCount;
  if (joins === true) {
    const joined = group.isMulticast ? datagram!.join(group, device, INCLUDE) : -E.EINVAL;
    if (joined < 0 && joined !== -E.EADDRINUSE) return joined;
  }
  const found = datagram!.membershipOf(group, device);
  const most = group.isV4 ? SOURCES_MAX4 : SOURCES_MAX6;
  const error =
    typeof found === "number" ? found : datagram!.changeSource(found, source, mode, isAdding, most);
  inet.kernel.counters.groupMemberships += datagram!.membershipCount - before;
  return error;
}

/** struct ip_mreq_source: a group, an address of this host, a source. */
function ofSource4(change: SourceChange): InetOption {
  return ofDatagrams(0, null, (_endpoint, value, options) => {
    if (value.length !== I.IP_MREQ_SOURCE_SIZE) return -E.EINVAL;
    const device = deviceBy(options, value.readInt32BE(INT));
    const source = IpAddress.v4(value.readInt32BE(2 * INT));
    return changeSource(options, IpAddress.v4(value.readInt32BE(0)), device, source, change);
  });
}

/** The device of an address of this host: none is asked for (0), or it is nobody's (-1). */
function deviceBy({ inet }: InetOptions, address: number): number {
  if (address === 0) return 0;
  return deviceOf(inet.network.devices, address) || -1;
}

/** The address in a struct sockaddr_storage; null: of another family. */
function addressIn(bytes: Buffer, at: number, family: number): IpAddress | null {
  if (bytes.readUInt16LE(at) !== family) return null;
  return family === S.AF_INET
    ? IpAddress.v4(bytes.readInt32BE(at + 4))
    : IpAddress.fromBytes(bytes, at + 8, 16);
}

/** struct group_source_req, of either family: a device, a group, a source. */
function ofSource(change: SourceChange, family: number): InetOption {
  return ofDatagrams(0, null, (_endpoint, value, options) => {
    if (value.length < I.GROUP_SOURCE_REQ_SIZE) return -E.EINVAL;
    const group = addressIn(value, I.GROUP_AT, family);
    const source = addressIn(value, I.SOURCE_AT, family);
    if (group === null || source === null) return -E.EADDRNOTAVAIL;
    return changeSource(options, group, value.readInt32LE(0), source, change);
  });
}

// ---- Whole lists ----

/** How a list of sources stands in memory: struct ip_msfilter, or group_filter with names. */
interface Layout {
  readonly family: number;
  readonly head: number;
  readonly size: number;
  readonly modeAt: number;
  readonly most: number;
  group(head: Buffer): IpAddress | null;
  device(options: InetOptions, head: Buffer): number;
  source(bytes: Buffer, at: number): IpAddress | null;
  write(bytes: Buffer, at: number, source: IpAddress): void;
}

const ADDRESSES: Layout = {
  family: S.AF_INET,
  head: I.IP_MSFILTER_HEAD,
  size: INT,
  modeAt: 8,
  most: SOURCES_MAX4,
  group: (head) => IpAddress.v4(head.readInt32BE(0)),
  device: (options, head) => deviceBy(options, head.readInt32BE(INT)),
  source: (bytes, at) => IpAddress.v4(bytes.readInt32BE(at)),
  write: (bytes, at, source) => bytes.writeInt32BE(source.w3, at),
};

function names(family: number, most: number): Layout {
  return {
    family,
    head: I.GROUP_FILTER_HEAD,
    size: I.SOCKADDR_STORAGE_SIZE,
    modeAt: I.GROUP_AT + I.SOCKADDR_STORAGE_SIZE,
    most,
    group: (head) => addressIn(head, I.GROUP_AT, family),
    device: (_options, head) => head.readInt32LE(0),
    source: (bytes, at) => addressIn(bytes, at, family),
    write: (bytes, at, source) => {
      bytes.writeUInt16LE(family, at);
      if (family === S.AF_INET) bytes.writeInt32BE(source.w3, at + 4);
      else bytes.set(source.toBytes(), at + 8);
    },
  };
}

function* setFilter(
  options: InetOptions,
  task: NetCaller,
  layout: Layout,
  address: number,
  length: number,
): Coroutine {
  const { datagram } = options;
  if (datagram === null) return 0;
  const { head: headSize, size, modeAt, most } = layout;
  if (length < headSize) return -E.EINVAL;
  if (length > OPTMEM_MAX) return -E.ENOBUFS;
  const bytes = yield* readGuest(task, address, Math.min(length, headSize + most * size));
  if (typeof bytes === "number") return bytes;
  const [mode, count] = [bytes.readUInt32LE(modeAt), bytes.readUInt32LE(modeAt + INT)];
  if (count > most) return -E.ENOBUFS;
  if (headSize + count * size > length) return -E.EINVAL;
  const group = layout.group(bytes);
  if (group === null) return -E.EINVAL;
  const sources: IpAddress[] = [];
  for (let i = 0; i < count; i++) {
    const source = layout.source(bytes, headSize + i * size);
    if (source === null) return -E.EINVAL;
    sources.push(source);
  }
  return takeFilter(options, datagram, group, layout.device(options, bytes), mode, sources);
}

function takeFilter(
  { inet }: InetOptions,
  datagram: DatagramEndpoint,
  group: IpAddress,
  device: number,
  mode: number,
  sources: readonly IpAddress[],
): number {
  if (!group.isMulticast || (mode !== INCLUDE && mode !== EXCLUDE)) return -E.EINVAL;
  const { counters, heap } = inet.kernel;
  if (!heap.hasRoom("groupMemberships", sources.length)) return -E.ENOBUFS;
  const before = datagram.membershipCount;
  const found = datagram.membershipOf(group, device);
  let error = typeof found === "number" ? found : 0;
  // From nobody: it is in the group no more.
  if (error !== -E.ENODEV && mode === INCLUDE && sources.length === 0) error = datagram.leave(group, device);
  else if (typeof found !== "number") {
    found.mode = mode;
    found.sources = sources;
    found.hasList = sources.length > 0;
  }
  counters.groupMemberships += datagram.membershipCount - before;
  return error;
}

function* getFilter(
  options: InetOptions,
  task: NetCaller,
  layout: Layout,
  address: number,
  room: number,
  roomAt: number,
): Coroutine {
  const { datagram } = options;
  if (datagram === null) return -E.ENOPROTOOPT;
  const { head: headSize, modeAt } = layout;
  if (room < headSize) return -E.EINVAL;
  const head = yield* readGuest(task, address, headSize);
  if (typeof head === "number") return head;
  const group = layout.group(head);
  if (group === null) return -E.EADDRNOTAVAIL;
  const found = datagram.membershipOf(group, layout.device(options, head));
  if (typeof found === "number") return found === -E.EINVAL && group.isMulticast ? -E.EADDRNOTAVAIL : found;
  const told = toldOf(found, head.readUInt32LE(modeAt + INT), layout);
  head.writeUInt32LE(found.mode, modeAt);
  head.writeUInt32LE(found.sources.length, modeAt + INT);
  const bytes = Buffer.concat([head, told]);
  const error = yield* writeGuest(task, address, bytes);
  if (error < 0) return error;
  task.call.view.setInt32(task.call.out(roomAt, INT), bytes.length, true);
  return 0;
}

/** As many sources as are asked for. */
function toldOf({ sources }: Membership, most: number, { size, write }: Layout): Buffer {
  const told = sources.slice(0, most);
  const bytes = Buffer.alloc(told.length * size);
  for (const [i, source] of told.entries()) write(bytes, i * size, source);
  return bytes;
}

function filterOf(layout: Layout): LongOption<InetOptions> {
  return {
    get: (options, task, address, room, roomAt) =>
      task.call.start(getFilter(options, task, layout, address, room, roomAt)),
    set: (options, task, address, length) =>
      task.call.start(setFilter(options, task, layout, address, length)),
  };
}

const NAMES4 = names(S.AF_INET, SOURCES_MAX4);
const NAMES6 = names(S.AF_INET6, SOURCES_MAX6);

function requests(family: number): readonly (readonly [number, InetOption])[] {
  return [
    [I.MCAST_JOIN_GROUP, groupRequest(join, family)],
    [I.MCAST_LEAVE_GROUP, groupRequest(leave, family)],
    [I.MCAST_BLOCK_SOURCE, ofSource(BLOCK, family)],
    [I.MCAST_UNBLOCK_SOURCE, ofSource(UNBLOCK, family)],
    [I.MCAST_JOIN_SOURCE_GROUP, ofSource(JOIN_SOURCE, family)],
    [I.MCAST_LEAVE_SOURCE_GROUP, ofSource(LEAVE_SOURCE, family)],
  ];
}

export const GROUP_OPTIONS4: readonly (readonly [number, InetOption])[] = [
  [I.IP_ADD_MEMBERSHIP, membership(join)],
  [I.IP_DROP_MEMBERSHIP, membership(leave)],
  [I.IP_BLOCK_SOURCE, ofSource4(BLOCK)],
  [I.IP_UNBLOCK_SOURCE, ofSource4(UNBLOCK)],
  [I.IP_ADD_SOURCE_MEMBERSHIP, ofSource4(JOIN_SOURCE)],
  [I.IP_DROP_SOURCE_MEMBERSHIP, ofSource4(LEAVE_SOURCE)],
  ...requests(S.AF_INET),
];

export const GROUP_OPTIONS6: readonly (readonly [number, InetOption])[] = [
  [I.IPV6_ADD_MEMBERSHIP, membership6(join)],
  [I.IPV6_DROP_MEMBERSHIP, membership6(leave)],
  ...requests(S.AF_INET6),
];

export const GROUP_LONG_OPTIONS4: readonly (readonly [number, LongOption<InetOptions>])[] = [
  [I.IP_MSFILTER, filterOf(ADDRESSES)],
  [I.MCAST_MSFILTER, filterOf(NAMES4)],
];

export const GROUP_LONG_OPTIONS6: readonly (readonly [number, LongOption<InetOptions>])[] = [
  [I.MCAST_MSFILTER, filterOf(NAMES6)],
];
