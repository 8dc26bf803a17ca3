// AF_INET and AF_INET6 as address families: which sockets there are, and who may have them.

import {
  EACCES,
  EINVAL,
  ENFILE,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
} from "../../../shared/abi/errno.ts";
import { IPPROTO_MAX, IPPROTO_UDPLITE } from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import type { Creator, Family } from "../family.ts";
import type { Network } from "../network.ts";
import { mayUseRaw } from "../privileges.ts";
import type { SocketFile } from "../socket.ts";
import type { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import { PingEndpoint } from "../stack/ping/endpoint.ts";
import { RawEndpoint } from "../stack/raw/endpoint.ts";
import type { Stack } from "../stack/stack.ts";
import { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { UdpEndpoint } from "../stack/udp/endpoint.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { Level } from "./inet_options.ts";
import { IP_LEVEL } from "./ip_options.ts";
import { IP6_LEVEL } from "./ip6_options.ts";
import { RAW_LEVELS4, RAW_LEVELS6 } from "./raw_options.ts";
import { StreamSocket } from "./stream_socket.ts";
import { TCP_LEVEL } from "./tcp_options.ts";
import { UDP_LEVEL } from "./udp_options.ts";

/** What is made for a type and a protocol. */
interface Kind {
  /** 0: any but 0. */
  readonly protocol: number;
  /** 0 or the negative errno of who may not have one. */
  refuses(by: Creator): number;
  endpoint(stack: Stack, protocol: number): DatagramEndpoint | TcpEndpoint;
  readonly levels: ReadonlyMap<number, Level>;
}

function levels(isV6: boolean, own: readonly (readonly [number, Level])[]): ReadonlyMap<number, Level> {
  // A raw socket of IPv6 has nothing of IPv4.
  const isRaw6 = isV6 && own === RAW_LEVELS6;
  return new Map<number, Level>([
    ...(isRaw6 ? [] : [[S.IPPROTO_IP, IP_LEVEL] as const]),
    ...(isV6 ? [[S.IPPROTO_IPV6, IP6_LEVEL] as const] : []),
    ...own,
  ]);
}

const UDP_LEVELS = [
  [S.IPPROTO_UDP, UDP_LEVEL],
  [IPPROTO_UDPLITE, UDP_LEVEL],
] as const;

/** net.ipv4.ping_group_range */
function mayPing({ egid, groups }: Credentials, { sysctls, owner: { gids } }: Network): boolean {
  const [first, last] = sysctls.values("net/ipv4/ping_group_range");
  return [egid, ...groups].some((group) => {
    const gid = gids.fromKernel(group);
    return gid >= first! && gid <= last!;
  });
}

function kindsOf(isV6: boolean): ReadonlyMap<number, readonly Kind[]> {
  const udp: Kind = {
    protocol: S.IPPROTO_UDP,
    refuses: () => 0,
    endpoint: (stack) => new UdpEndpoint(stack.udp, isV6),
    levels: levels(isV6, UDP_LEVELS),
  };
  const ping: Kind = {
    protocol: isV6 ? S.IPPROTO_ICMPV6 : S.IPPROTO_ICMP,
    refuses: ({ credentials, network }) => (mayPing(credentials, network) ? 0 : -EACCES),
    endpoint: (stack) => new PingEndpoint(stack.ping, isV6),
    levels: levels(isV6, []),
  };
  const raw: Kind = {
    protocol: 0,
    refuses: (by) => (mayUseRaw(by, by.network) ? 0 : -EPERM),
    endpoint: (stack, protocol) => new RawEndpoint(stack.raw, isV6, protocol),
    levels: levels(isV6, isV6 ? RAW_LEVELS6 : RAW_LEVELS4),
  };
  const tcp: Kind = {
    protocol: S.IPPROTO_TCP,
    refuses: () => 0,
    endpoint: (stack) => new TcpEndpoint(stack.tcp, isV6),
    levels: levels(isV6, [[S.IPPROTO_TCP, TCP_LEVEL]]),
  };
  return new Map([
    [S.SOCK_STREAM, [tcp]],
    [S.SOCK_DGRAM, [udp, ping]],
    [S.SOCK_RAW, [raw]],
  ]);
}

/** The kind, and the protocol that its socket has, or a negative errno. */
function find(
  kinds: ReadonlyMap<number, readonly Kind[]>,
  { kernel }: Creator,
  type: number,
  protocol: number,
): { kind: Kind; protocol: number } | number {
  if (protocol < 0 || protocol >= IPPROTO_MAX) return -EINVAL;
  const ofType = kinds.get(type);
  if (ofType === undefined) {
    kernel.counters.unsupportedCalls++;
    return -ESOCKTNOSUPPORT;
  }
  for (const kind of ofType) {
    if (kind.protocol === 0) return protocol === 0 ? -EPROTONOSUPPORT : { kind, protocol };
    if (protocol === 0 || protocol === kind.protocol) return { kind, protocol: kind.protocol };
  }
  return -EPROTONOSUPPORT;
}

interface InetFamily extends Family<Creator> {
  /** The protocol that a socket has of a type, where this was asked for; or a negative errno. */
  protocolFor(by: Creator, type: number, protocol: number): number;
}

function familyOf(isV6: boolean): InetFamily {
  const kinds = kindsOf(isV6);

  function create(by: Creator, type: number, number: number, status: number): SocketFile | number {
    const { credentials, kernel, network } = by;
    const found = find(kinds, by, type, number);
    if (typeof found === "number") return found;
    const { kind, protocol } = found;
    if (!kernel.heap.hasRoom("sockets") || !kernel.heap.hasRoom("inetSockets")) return -ENFILE;
    const inode = kernel.anonymous.socket(credentials);
    const endpoint = kind.endpoint(network.inet.stack, protocol);
    endpoint.uid = credentials.euid;
    endpoint.gid = credentials.fsgid;
    if (isV6 && (kind.protocol === S.IPPROTO_UDP || kind.protocol === S.IPPROTO_TCP))
      endpoint.v6only = network.sysctls.get("net/ipv6/bindv6only") !== 0;
    if (endpoint instanceof TcpEndpoint)
      return new StreamSocket(network, inode, status, endpoint, kind.levels);
    return new DatagramSocket(network, inode, type, protocol, status, endpoint, kind.levels);
  }

  return {
    isOnNet: true,
    create,
    refuses: (by, type, protocol) => {
      const found = find(kinds, by, type, protocol);
      return typeof found === "number" ? found : found.kind.refuses(by);
    },
    protocolFor: (by, type, protocol) => {
      const found = find(kinds, by, type, protocol);
      return typeof found === "number" ? found : found.protocol;
    },
    createPair: () => -EOPNOTSUPP,
  };
}

export const INET = familyOf(false);
export const INET6 = familyOf(true);
