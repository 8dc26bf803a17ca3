// Options of IPPROTO_IP (ip(7)), which sockets of both families have.

import * as E from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import { INT, int } from "../option_table.ts";
import { mayMark } from "../privileges.ts";
import type { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import { connectedFlow } from "../stack/inet/way.ts";
import { IpAddress } from "../stack/ip_address.ts";
import { pathMtu } from "../stack/mtu_discovery.ts";
import { FILTER_OPTIONS4, ORIGINAL_DESTINATION4, SO_ORIGINAL_DST } from "./filter_options.ts";
import { deviceOf, GROUP_LONG_OPTIONS4, GROUP_OPTIONS4, ofDatagrams } from "./group_options.ts";
import type { InetOption, InetOptions, Level } from "./inet_options.ts";
import { PACKET_OPTIONS } from "./packet_options.ts";
import * as W from "./received_control.ts";

const OPTIONS_MAX = 40;
/** SO_PRIORITY of a type of service (ip_tos2prio). */
const PRIORITIES = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];
const ECN_MASK = 3;

/** A value as ip_setsockopt reads it: an int, a byte, or nothing. */
export function numberIn(value: Buffer): number {
  if (value.length >= INT) return value.readInt32LE();
  return value[0] ?? 0;
}

interface Checks {
  /** Bytes that it takes at least. */
  readonly least?: number;
  readonly min?: number;
  readonly max?: number;
}

function isWrong(value: Buffer, { least = 0, min, max }: Checks): boolean {
  if (value.length < least) return true;
  const number = numberIn(value);
  return (min !== undefined && number < min) || (max !== undefined && number > max);
}

/** A number that is kept, and told again. */
export function keptAt(level: number, name: number, initial: number, checks: Checks = {}): InetOption {
  return {
    get: (options) => int(options.kept(name, level) ?? initial),
    set: (options, value) => {
      if (isWrong(value, checks)) return -E.EINVAL;
      options.keep(name, numberIn(value), level);
      return 0;
    },
  };
}

export function flagAt(level: number, name: number, checks: Checks = {}): InetOption {
  return {
    get: (options) => int(options.kept(name, level) ?? 0),
    set: (options, value) => {
      if (isWrong(value, checks)) return -E.EINVAL;
      options.keep(name, Number(numberIn(value) !== 0), level);
      return 0;
    },
  };
}

/** A control message that is wanted with what is received. */
export function wants(key: "wanted4" | "wanted6", bit: number, least = 0): InetOption {
  return {
    get: (options) => int(Number((options[key] & bit) !== 0)),
    set: (options, value) => {
      if (value.length < least) return -E.EINVAL;
      options[key] = numberIn(value) !== 0 ? options[key] | bit : options[key] & ~bit;
      return 0;
    },
  };
}

type NumberKey = "discovery4" | "discovery6" | "hopLimit4" | "hopLimit6" | "trafficClass" | "tos";

/** A number of the endpoint's. */
export function endpointNumber(key: NumberKey, checks: Checks): InetOption {
  return {
    get: ({ endpoint }) => int(endpoint[key]),
    set: ({ endpoint }, value) => {
      if (isWrong(value, checks)) return -E.EINVAL;
      endpoint[key] = numberIn(value);
      endpoint.optionsChanged();
      return 0;
    },
  };
}

/** IP_RECVERR and IPV6_RECVERR; without it there is no error queue. */
export function receivesErrors(key: "receivesErrors4" | "receivesErrors6", least: number): InetOption {
  return {
    get: ({ endpoint }) => int(Number(endpoint[key])),
    set: (options, value) => {
      if (value.length < least) return -E.EINVAL;
      options.endpoint[key] = numberIn(value) !== 0;
      if (!options.endpoint[key]) options.inet.dropErrors();
      return 0;
    },
  };
}

/** IP_FREEBIND or IP_TRANSPARENT, each of which lets it bind anywhere. */
export function bindsAnywhere(level: number, name: number, other: number, least: number): InetOption {
  const isPrivileged = name === I.IP_TRANSPARENT || name === I.IPV6_TRANSPARENT;
  return {
    ...flagAt(level, name),
    set: (options, value, task) => {
      if (value.length < least) return -E.EINVAL;
      const isOn = numberIn(value) !== 0;
      if (isPrivileged && isOn && !mayMark(task, options.socket.network)) return -E.EPERM;
      options.keep(name, Number(isOn), level);
      options.endpoint.bindsAnywhere = isOn || options.kept(other, level) === 1;
      options.endpoint.optionsChanged();
      return 0;
    },
  };
}

// ---- Type of service ----

function setTos(options: InetOptions, value: Buffer): number {
  const { endpoint, inet } = options;
  let tos = numberIn(value) & 0xff;
  // What TCP says of congestion there is its own.
  if (inet.type === S.SOCK_STREAM) tos = (tos & ~ECN_MASK) | (endpoint.tos & ECN_MASK);
  if (tos !== endpoint.tos) {
    endpoint.tos = tos;
    options.keep(S.SO_PRIORITY, PRIORITIES[(tos & 0x1e) >> 1]!);
    endpoint.optionsChanged();
  }
  return 0;
}

// ---- Groups ----

function setMulticastDevice(endpoint: DatagramEndpoint, value: Buffer, options: InetOptions): number {
  if (value.length < INT) return -E.EINVAL;
  let [address, device] = [0, 0];
  if (value.length >= I.IP_MREQ_SIZE) {
    address = value.readInt32BE(INT);
    if (value.length >= I.IP_MREQN_SIZE) device = value.readInt32LE(2 * INT);
  } else address = value.readInt32BE(0);
  const bound = options.endpoint.boundDevice;
  if (device === 0) {
    if (address === 0) {
      endpoint.multicastDevice4 = 0;
      endpoint.multicastSource = null;
      return 0;
    }
    device = deviceOf(options.inet.network.devices, address);
    if (device === 0) return -E.EADDRNOTAVAIL;
  } else if (options.inet.network.devices.byIndex(device) === undefined) return -E.EADDRNOTAVAIL;
  if (bound !== 0 && bound !== device) return -E.EINVAL;
  endpoint.multicastDevice4 = device;
  endpoint.multicastSource = address === 0 ? null : IpAddress.v4(address);
  return 0;
}

function addressBytes(address: IpAddress | null): Buffer {
  const bytes = Buffer.alloc(INT);
  bytes.writeInt32BE(address?.w3 ?? 0);
  return bytes;
}

// ---- The way ----

/** IP_MTU, IPV6_MTU: of the way of its connection. */
export function pathMtuOf(options: InetOptions): number {
  const { inet, endpoint } = options;
  if (endpoint.remote === null) return 0;
  const flow = connectedFlow(endpoint);
  if (typeof flow === "number") return 0;
  return pathMtu(inet.core, flow, flow.isV6 ? endpoint.discovery6 : endpoint.discovery4);
}

/** IP_MINTTL, IPV6_MINHOPCOUNT: what came further is none of a stream. */
export function leastHops(
  level: number,
  name: number,
  key: "minHopLimit4" | "minHopLimit6",
  least: number,
): InetOption {
  const option = keptAt(level, name, 0, { least, min: 0, max: 255 });
  return {
    ...option,
    set: (options, value, task) => {
      const error = option.set!(options, value, task);
      if (error === 0 && options.inet.stream !== null) options.inet.stream[key] = numberIn(value);
      return error;
    },
  };
}

/** IP_UNICAST_IF: an index in network order. */
function unicastDevice(name: "unicastDevice4" | "unicastDevice6"): InetOption {
  return {
    get: ({ inet }) => {
      const bytes = Buffer.alloc(INT);
      bytes.writeInt32BE(inet[name]);
      return bytes;
    },
    set: ({ inet, endpoint }, value) => {
      if (value.length !== INT) return -E.EINVAL;
      const index = value.readInt32BE();
      if (index !== 0) {
        if (inet.network.devices.byIndex(index) === undefined) return -E.EADDRNOTAVAIL;
        if (endpoint.boundDevice !== 0 && endpoint.boundDevice !== index) return -E.EINVAL;
      }
      inet[name] = index;
      return 0;
    },
  };
}

export const UNICAST_DEVICE_6 = unicastDevice("unicastDevice6");

const LOCAL_PORT_RANGE = keptAt(S.IPPROTO_IP, I.IP_LOCAL_PORT_RANGE, 0);

const TABLE = new Map<number, InetOption>([
  [I.IP_TOS, { get: ({ endpoint }) => int(endpoint.tos), set: setTos }],
  [
    I.IP_TTL,
    {
      get: ({ endpoint: { hopLimit4 }, inet }) =>
        int(hopLimit4 < 0 ? inet.network.sysctls.get("net/ipv4/ip_default_ttl") : hopLimit4),
      set: (options, value) => {
        const ttl = numberIn(value);
        if (value.length < 1 || (ttl !== -1 && (ttl < 1 || ttl > 255))) return -E.EINVAL;
        options.endpoint.hopLimit4 = ttl;
        return 0;
      },
    },
  ],
  [
    I.IP_HDRINCL,
    {
      get: ({ inet }) => int(Number(inet.raw?.hasHeader === true)),
      set: ({ inet }, value) => {
        if (inet.raw === null || inet.isV6) return -E.ENOPROTOOPT;
        inet.raw.hasHeader = numberIn(value) !== 0;
        return 0;
      },
    },
  ],
  [
    I.IP_OPTIONS,
    {
      get: () => Buffer.alloc(0),
      set: (_options, value) =>
        value.length === 0 ? 0 : value.length > OPTIONS_MAX ? -E.EINVAL : -E.EOPNOTSUPP,
    },
  ],
  [I.IP_ROUTER_ALERT, { get: () => int(0), set: () => -E.EINVAL }],
  [I.IP_RECVOPTS, wants("wanted4", W.OPTIONS)],
  [I.IP_RETOPTS, wants("wanted4", W.RETURN_OPTIONS)],
  [I.IP_PKTINFO, wants("wanted4", W.PACKET_INFO)],
  [I.IP_PKTOPTIONS, PACKET_OPTIONS],
  [I.IP_MTU_DISCOVER, endpointNumber("discovery4", { min: 0, max: I.IP_PMTUDISC_OMIT })],
  [I.IP_RECVERR, receivesErrors("receivesErrors4", 0)],
  [I.IP_RECVTTL, wants("wanted4", W.HOP_LIMIT)],
  [I.IP_RECVTOS, wants("wanted4", W.TRAFFIC_CLASS)],
  [
    I.IP_MTU,
    {
      get: (options) => {
        const mtu = pathMtuOf(options);
        return mtu === 0 ? -E.ENOTCONN : int(mtu);
      },
    },
  ],
  [I.IP_FREEBIND, bindsAnywhere(S.IPPROTO_IP, I.IP_FREEBIND, I.IP_TRANSPARENT, 1)],
  [I.IP_TRANSPARENT, bindsAnywhere(S.IPPROTO_IP, I.IP_TRANSPARENT, I.IP_FREEBIND, 1)],
  [I.IP_PASSSEC, flagAt(S.IPPROTO_IP, I.IP_PASSSEC)],
  [I.IP_ORIGDSTADDR, wants("wanted4", W.ORIGINAL_DESTINATION)],
  [I.IP_MINTTL, leastHops(S.IPPROTO_IP, I.IP_MINTTL, "minHopLimit4", 1)],
  [
    I.IP_NODEFRAG,
    {
      ...flagAt(S.IPPROTO_IP, I.IP_NODEFRAG),
      set: (options, value, task) =>
        options.inet.raw === null
          ? -E.ENOPROTOOPT
          : flagAt(S.IPPROTO_IP, I.IP_NODEFRAG).set!(options, value, task),
    },
  ],
  [I.IP_CHECKSUM, flagAt(S.IPPROTO_IP, I.IP_CHECKSUM)],
  [
    I.IP_BIND_ADDRESS_NO_PORT,
    {
      ...flagAt(S.IPPROTO_IP, I.IP_BIND_ADDRESS_NO_PORT),
      set: (options, value, task) => {
        const { stream } = options.inet;
        stream?.setOption("bindsAddressAlone", numberIn(value) !== 0);
        return flagAt(S.IPPROTO_IP, I.IP_BIND_ADDRESS_NO_PORT).set!(options, value, task);
      },
    },
  ],
  [I.IP_RECVFRAGSIZE, flagAt(S.IPPROTO_IP, I.IP_RECVFRAGSIZE)],
  [I.IP_RECVERR_RFC4884, flagAt(S.IPPROTO_IP, I.IP_RECVERR_RFC4884, { min: 0, max: 1 })],
  [
    I.IP_MULTICAST_IF,
    ofDatagrams(-E.EINVAL, ({ multicastSource }) => addressBytes(multicastSource), setMulticastDevice),
  ],
  [
    I.IP_MULTICAST_TTL,
    ofDatagrams(
      -E.EINVAL,
      ({ multicastHopLimit4 }) => int(multicastHopLimit4),
      (endpoint, value) => {
        const ttl = numberIn(value);
        if (value.length < 1 || ttl < -1 || ttl > 255) return -E.EINVAL;
        endpoint.multicastHopLimit4 = ttl === -1 ? 1 : ttl;
        return 0;
      },
    ),
  ],
  [
    I.IP_MULTICAST_LOOP,
    {
      get: ({ datagram }) => int(Number(datagram?.loopsMulticast4 ?? true)),
      set: ({ datagram }, value) => {
        if (value.length < 1) return -E.EINVAL;
        if (datagram !== null) datagram.loopsMulticast4 = numberIn(value) !== 0;
        return 0;
      },
    },
  ],
  ...GROUP_OPTIONS4,
  [
    I.IP_MULTICAST_ALL,
    {
      get: ({ datagram, inet }) => int(Number(datagram?.takesAllGroups4 ?? !inet.isV6)),
      set: ({ datagram }, value) => {
        const number = numberIn(value);
        if (value.length < 1 || (number !== 0 && number !== 1)) return -E.EINVAL;
        if (datagram !== null) datagram.takesAllGroups4 = number === 1;
        return 0;
      },
    },
  ],
  [I.IP_UNICAST_IF, unicastDevice("unicastDevice4")],
  [
    I.IP_LOCAL_PORT_RANGE,
    {
      ...LOCAL_PORT_RANGE,
      set: (options, value, task) => {
        if (value.length !== INT) return -E.EINVAL;
        const [low, high] = [value.readUInt16LE(0), value.readUInt16LE(2)];
        if (low !== 0 && high !== 0 && low > high) return -E.EINVAL;
        return LOCAL_PORT_RANGE.set!(options, value, task);
      },
    },
  ],
  [SO_ORIGINAL_DST, ORIGINAL_DESTINATION4],
  [I.IP_PROTOCOL, { get: ({ inet }) => int(inet.type === S.SOCK_RAW ? inet.protocol : 0) }],
]);

const LONG = new Map([...FILTER_OPTIONS4, ...GROUP_LONG_OPTIONS4]);

export const IP_LEVEL: Level = { table: TABLE, takesShort: true, long: LONG };
