// Options of IPPROTO_IPV6 (ipv6(7)).

import * as E from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import { INT, int } from "../option_table.ts";
import { mayUseRaw } from "../privileges.ts";
import { IpAddress } from "../stack/ip_address.ts";
import { bytes6 } from "./addresses.ts";
import { FILTER_OPTIONS6, ORIGINAL_DESTINATION6, SO_ORIGINAL_DST } from "./filter_options.ts";
import { GROUP_LONG_OPTIONS6, GROUP_OPTIONS6, ofDatagrams } from "./group_options.ts";
import type { InetOption, InetOptions, Level } from "./inet_options.ts";
import {
  bindsAnywhere,
  endpointNumber,
  flagAt,
  keptAt,
  leastHops,
  numberIn,
  pathMtuOf,
  receivesErrors,
  UNICAST_DEVICE_6,
  wants,
} from "./ip_options.ts";
import { CHECKSUM_OPTION, HEADER_OPTION } from "./raw_options.ts";
import * as W from "./received_control.ts";

const LEVEL = S.IPPROTO_IPV6;

function wanted(bit: number): InetOption {
  return wants("wanted6", bit, INT);
}

/** Extension headers that are sent with each packet: none is. */
const HEADERS: InetOption = {
  get: () => Buffer.alloc(0),
  set: ({ socket }, value, task) => {
    if (value.length === 0) return 0;
    return mayUseRaw(task, socket.network) ? -E.EOPNOTSUPP : -E.EPERM;
  },
};

/** A number of which -1 stands for the usual one. */
function hops(key: "hopLimit6" | "multicastHopLimit6", usual: (options: InetOptions) => number): InetOption {
  return {
    get: (options) => {
      const own =
        key === "hopLimit6" ? options.endpoint.hopLimit6 : (options.datagram?.multicastHopLimit6 ?? 1);
      return int(own < 0 ? usual(options) : own);
    },
    set: (options, value) => {
      if (key === "multicastHopLimit6" && options.inet.type === S.SOCK_STREAM) return -E.ENOPROTOOPT;
      if (value.length < INT) return -E.EINVAL;
      const number = value.readInt32LE();
      if (number < -1 || number > 255) return -E.EINVAL;
      if (key === "hopLimit6") options.endpoint.hopLimit6 = number;
      else if (options.datagram !== null) options.datagram.multicastHopLimit6 = number === -1 ? 1 : number;
      return 0;
    },
  };
}

const MULTICAST_DEVICE = ofDatagrams(
  -E.ENOPROTOOPT,
  ({ multicastDevice6 }) => int(multicastDevice6),
  (endpoint, value, options) => {
    if (value.length < INT) return -E.EINVAL;
    const index = value.readInt32LE();
    if (index !== 0) {
      if (options.inet.network.devices.byIndex(index) === undefined) return -E.ENODEV;
      const bound = options.endpoint.boundDevice;
      if (bound !== 0 && bound !== index) return -E.EINVAL;
    }
    endpoint.multicastDevice6 = index;
    return 0;
  },
);

/** One of the two values that it may be. */
function exactFlag(
  get: (options: InetOptions) => boolean,
  set: (options: InetOptions, isOn: boolean) => void,
): InetOption {
  return {
    get: (options) => int(Number(get(options))),
    set: (options, value) => {
      if (value.length < INT) return -E.EINVAL;
      const number = value.readInt32LE();
      if (number !== 0 && number !== 1) return -E.EINVAL;
      set(options, number === 1);
      return 0;
    },
  };
}

/** struct ip6_mtuinfo: of the way of its connection. */
function pathMtuInfo(options: InetOptions, room: number): Buffer | number {
  if (room < I.IP6_MTUINFO_SIZE) return -E.EINVAL;
  const mtu = pathMtuOf(options);
  if (mtu === 0) return -E.ENOTCONN;
  const bytes = Buffer.alloc(I.IP6_MTUINFO_SIZE);
  const { remote, boundDevice } = options.endpoint;
  bytes.set(bytes6(remote!, 0, boundDevice));
  bytes.writeUInt32LE(mtu, I.IP6_MTUINFO_SIZE - INT);
  return bytes;
}

/** struct in6_pktinfo: from whom and by which device its messages go. */
const PACKET_INFO: InetOption = {
  set: ({ inet, endpoint }, value) => {
    if (value.length < I.IN6_PKTINFO_SIZE) return -E.EINVAL;
    const device = value.readInt32LE(16);
    if (endpoint.boundDevice !== 0 && device !== endpoint.boundDevice) return -E.EINVAL;
    const address = IpAddress.fromBytes(value, 0, 16);
    inet.sticky6 = { source: address.isAny ? null : address, device };
    return 0;
  },
};

const AUTO_FLOW_LABEL: InetOption = {
  ...keptAt(LEVEL, I.IPV6_AUTOFLOWLABEL, 1),
  set: (options, value) => {
    const isOn = numberIn(value) !== 0;
    options.keep(I.IPV6_AUTOFLOWLABEL, Number(isOn), LEVEL);
    if (options.datagram !== null) options.datagram.labelsFlows = isOn;
    return 0;
  },
};

const onlyOn = (name: number): InetOption => flagAt(LEVEL, name, { least: INT });

const TABLE = new Map<number, InetOption>([
  [
    I.IPV6_ADDRFORM,
    {
      get: ({ endpoint, inet }) => {
        if (inet.raw !== null) return -E.ENOPROTOOPT;
        return endpoint.remote === null ? -E.ENOTCONN : int(S.AF_INET6);
      },
      set: (_options, value) => (value.length < INT ? -E.EINVAL : -E.ENOTCONN),
    },
  ],
  [I.IPV6_2292PKTINFO, wanted(W.OLD_PACKET_INFO)],
  [I.IPV6_2292HOPOPTS, onlyOn(I.IPV6_2292HOPOPTS)],
  [I.IPV6_2292DSTOPTS, onlyOn(I.IPV6_2292DSTOPTS)],
  [I.IPV6_2292RTHDR, onlyOn(I.IPV6_2292RTHDR)],
  [I.IPV6_CHECKSUM, CHECKSUM_OPTION],
  [I.IPV6_2292HOPLIMIT, wanted(W.OLD_HOP_LIMIT)],
  [I.IPV6_FLOWINFO, wanted(W.FLOW_INFO)],
  [
    I.IPV6_UNICAST_HOPS,
    hops("hopLimit6", ({ inet }) => inet.network.sysctls.get("net/ipv6/conf/all/hop_limit")),
  ],
  [I.IPV6_MULTICAST_IF, MULTICAST_DEVICE],
  [I.IPV6_MULTICAST_HOPS, hops("multicastHopLimit6", () => 1)],
  [
    I.IPV6_MULTICAST_LOOP,
    exactFlag(
      ({ datagram }) => datagram?.loopsMulticast6 ?? true,
      ({ datagram }, isOn) => {
        if (datagram !== null) datagram.loopsMulticast6 = isOn;
      },
    ),
  ],
  [
    I.IPV6_ROUTER_ALERT,
    { get: () => int(0), set: (_options, value) => (value.length < INT ? -E.EINVAL : -E.ENOPROTOOPT) },
  ],
  [I.IPV6_MTU_DISCOVER, endpointNumber("discovery6", { least: INT, min: 0, max: I.IP_PMTUDISC_OMIT })],
  [
    I.IPV6_MTU,
    {
      get: (options) => {
        const mtu = pathMtuOf(options);
        return mtu === 0 ? -E.ENOTCONN : int(mtu);
      },
      set: (_options, value) => {
        if (value.length < INT) return -E.EINVAL;
        const mtu = value.readInt32LE();
        return mtu !== 0 && mtu < I.IPV6_MIN_MTU ? -E.EINVAL : 0;
      },
    },
  ],
  [I.IPV6_RECVERR, receivesErrors("receivesErrors6", INT)],
  [
    I.IPV6_V6ONLY,
    {
      // Those of one family alone are not asked, and keep what they are told.
      get: ({ endpoint, inet }) => int(Number(inet.raw === null ? endpoint.v6only : inet.v6onlyAsked)),
      set: ({ endpoint, inet }, value) => {
        if (value.length < INT || inet.isBound) return -E.EINVAL;
        inet.v6onlyAsked = value.readInt32LE() !== 0;
        if (inet.raw === null) endpoint.v6only = inet.v6onlyAsked;
        return 0;
      },
    },
  ],
  [
    I.IPV6_MULTICAST_ALL,
    {
      get: ({ datagram }) => int(Number(datagram?.takesAllGroups6 ?? true)),
      set: ({ datagram }, value) => {
        if (value.length < INT) return -E.EINVAL;
        if (datagram !== null) datagram.takesAllGroups6 = value.readInt32LE() !== 0;
        return 0;
      },
    },
  ],
  [I.IPV6_ROUTER_ALERT_ISOLATE, onlyOn(I.IPV6_ROUTER_ALERT_ISOLATE)],
  [I.IPV6_RECVERR_RFC4884, flagAt(LEVEL, I.IPV6_RECVERR_RFC4884, { least: INT, min: 0, max: 1 })],
  [I.IPV6_FLOWLABEL_MGR, { get: () => -E.EINVAL }],
  [I.IPV6_FLOWINFO_SEND, onlyOn(I.IPV6_FLOWINFO_SEND)],
  [I.IPV6_HDRINCL, HEADER_OPTION],
  ...GROUP_OPTIONS6,
  [I.MCAST_MSFILTER, { get: () => -E.EADDRNOTAVAIL }],
  [I.IPV6_RECVPKTINFO, wanted(W.PACKET_INFO)],
  [I.IPV6_PKTINFO, PACKET_INFO],
  [I.IPV6_RECVHOPLIMIT, wanted(W.HOP_LIMIT)],
  [I.IPV6_RECVHOPOPTS, onlyOn(I.IPV6_RECVHOPOPTS)],
  [I.IPV6_HOPOPTS, HEADERS],
  [I.IPV6_RTHDRDSTOPTS, HEADERS],
  [I.IPV6_RECVRTHDR, onlyOn(I.IPV6_RECVRTHDR)],
  [I.IPV6_RTHDR, HEADERS],
  [I.IPV6_RECVDSTOPTS, onlyOn(I.IPV6_RECVDSTOPTS)],
  [I.IPV6_DSTOPTS, HEADERS],
  [I.IPV6_RECVPATHMTU, onlyOn(I.IPV6_RECVPATHMTU)],
  [I.IPV6_PATHMTU, { get: (options, _task, room) => pathMtuInfo(options, room) }],
  [I.IPV6_DONTFRAG, flagAt(LEVEL, I.IPV6_DONTFRAG)],
  [I.IPV6_RECVTCLASS, wanted(W.TRAFFIC_CLASS)],
  [
    I.IPV6_TCLASS,
    {
      get: ({ endpoint }) => int(endpoint.trafficClass),
      set: ({ endpoint }, value) => {
        if (value.length < INT) return -E.EINVAL;
        const number = value.readInt32LE();
        if (number < -1 || number > 255) return -E.EINVAL;
        endpoint.trafficClass = Math.max(0, number);
        endpoint.optionsChanged();
        return 0;
      },
    },
  ],
  [I.IPV6_AUTOFLOWLABEL, AUTO_FLOW_LABEL],
  [
    I.IPV6_ADDR_PREFERENCES,
    {
      ...keptAt(LEVEL, I.IPV6_ADDR_PREFERENCES, I.IPV6_PREFER_DEFAULT),
      set: (_options, value) => (value.length < INT || numberIn(value) > 0x0fff ? -E.EINVAL : 0),
    },
  ],
  [I.IPV6_MINHOPCOUNT, leastHops(LEVEL, I.IPV6_MINHOPCOUNT, "minHopLimit6", INT)],
  [I.IPV6_ORIGDSTADDR, wanted(W.ORIGINAL_DESTINATION)],
  [I.IPV6_TRANSPARENT, bindsAnywhere(LEVEL, I.IPV6_TRANSPARENT, I.IPV6_FREEBIND, INT)],
  [I.IPV6_UNICAST_IF, UNICAST_DEVICE_6],
  [SO_ORIGINAL_DST, ORIGINAL_DESTINATION6],
  [I.IPV6_RECVFRAGSIZE, flagAt(LEVEL, I.IPV6_RECVFRAGSIZE)],
  [I.IPV6_FREEBIND, bindsAnywhere(LEVEL, I.IPV6_FREEBIND, I.IPV6_TRANSPARENT, INT)],
]);

const LONG = new Map([...FILTER_OPTIONS6, ...GROUP_LONG_OPTIONS6]);

export const IP6_LEVEL: Level = { table: TABLE, takesShort: true, long: LONG };
