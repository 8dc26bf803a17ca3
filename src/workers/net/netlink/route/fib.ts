// Routes of NETLINK_ROUTE (RTM_NEWROUTE and its relatives): told, changed, and looked up for one destination.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import { lookUp } from "../../devices/lookup.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import { isLinkLocal6, isMulticast, isZero, prefixOf, sizeOf } from "../../devices/prefixes.ts";
import { flowTo, type WantedRoute } from "../../devices/route_changes.ts";
import type { Device, InternetFamily, Route } from "../../devices/rows.ts";
import { attributesOf, numberOf, type Request } from "../message.ts";
import { type Changer, header, type Kind, SHORT } from "./kind.ts";

/** struct rtmsg */
export const ROUTE_SIZE = 12;
const CACHE_SIZE = 32;
const TABLE_MAX = 255;
const TABLE_COMPAT = 252;
/** Metrics are numbers up to that; the name of a congestion control is none. */
const METRIC_MAX = 17;
const METRIC_CONGESTION = 16;

/** A route as it is told: of a table, or found for a destination. */
export interface ToldRoute extends Route {
  /** RTM_F_*, RTCF_* */
  readonly cached: number;
  readonly found: {
    readonly user: number;
    readonly from: Uint8Array | null;
    readonly source: Uint8Array | null;
  } | null;
}

export function toldRoute(route: Route): ToldRoute {
  return { ...route, cached: 0, found: null };
}

export const ROUTE: Kind<ToldRoute> = {
  told: N.RTM_NEWROUTE,
  gone: N.RTM_DELROUTE,
  size: ROUTE_SIZE,
  *all({ routes }, family) {
    if (family !== AF_INET6) for (const route of routes.of(AF_INET)) yield toldRoute(route);
    if (family !== AF_INET) for (const route of routes.of(AF_INET6)) yield toldRoute(route);
  },
  familyOf: ({ family }) => family,
  deviceOf: ({ device }) => device?.index ?? 0,
  find,
  write: (writer, type, flags, route) => {
    const { family, table, found, metrics } = route;
    const isInet6 = family === AF_INET6;
    writer
      .begin(
        type,
        flags,
        header(ROUTE_SIZE, (bytes) => {
          const sourceLength = (found?.from?.length ?? 0) * 8;
          bytes.set([family, route.prefixLength, sourceLength, route.tos]);
          bytes.set([table > TABLE_MAX ? TABLE_COMPAT : table, route.protocol, route.scope, route.type], 4);
          bytes.writeUInt32LE((route.flags | route.cached) >>> 0, 8);
        }),
      )
      .u32(N.RTA_TABLE, table);
    if (route.prefixLength > 0) writer.attribute(N.RTA_DST, route.destination);
    if (!isInet6 && found === null && route.metric !== 0) writer.u32(N.RTA_PRIORITY, route.metric);
    if (found?.from != null) writer.attribute(N.RTA_SRC, found.from);
    if (!isInet6) {
      if (found !== null && route.device !== null) writer.u32(N.RTA_OIF, route.device.index);
      const source = found === null ? route.source : found.source;
      if (source !== null) writer.attribute(N.RTA_PREFSRC, source);
    }
    if (metrics.size > 0)
      writer.nested(N.RTA_METRICS, () => {
        for (const [name, value] of metrics) writer.u32(name, value);
      });
    if (isInet6) {
      const source = found === null ? route.source : found.source;
      if (source !== null) writer.attribute(N.RTA_PREFSRC, source);
      writer.u32(N.RTA_PRIORITY, route.metric);
    }
    if (route.gateway !== null) writer.attribute(N.RTA_GATEWAY, route.gateway);
    if (route.device !== null && (isInet6 || found === null)) writer.u32(N.RTA_OIF, route.device.index);
    if (isInet6) writer.attribute(N.RTA_CACHEINFO, Buffer.alloc(CACHE_SIZE)).u8(N.RTA_PREF, route.preference);
    else if (found !== null)
      writer.u32(N.RTA_UID, found.user).attribute(N.RTA_CACHEINFO, Buffer.alloc(CACHE_SIZE));
    writer.end();
  },
};

// ---- Looking up ----

function portIn(value: Buffer | undefined): number {
  return value === undefined || value.length < 2 ? 0 : value.readUInt16BE();
}

function find(task: Requester, request: Request): ToldRoute | Outcome {
  const { body } = request;
  if (body.length < ROUTE_SIZE) return -E.EINVAL;
  const family = body[0] === AF_INET6 ? AF_INET6 : AF_INET;
  if (body[0] !== family) return -E.EOPNOTSUPP;
  const { devices } = task.network;
  const attributes = attributesOf(body, ROUTE_SIZE);
  const size = sizeOf(family);
  const isShort = [N.RTA_DST, N.RTA_SRC].some((name) => (attributes.get(name)?.length ?? size) < size);
  if (isShort) return -E.EINVAL;
  const asked = (name: number): Uint8Array | null => {
    const value = attributes.get(name);
    return value === undefined ? null : Uint8Array.from(value.subarray(0, size));
  };
  const destination = asked(N.RTA_DST) ?? new Uint8Array(size);
  const source = asked(N.RTA_SRC);
  const output = numberOf(attributes.get(N.RTA_OIF)) ?? 0;
  const input = numberOf(attributes.get(N.RTA_IIF)) ?? 0;
  const by = output === 0 ? undefined : devices.byIndex(output);
  if (output !== 0 && by === undefined) return -E.ENODEV;
  if (input !== 0 && devices.byIndex(input) === undefined) return -E.ENODEV;
  const isOwn = (address: Uint8Array): boolean =>
    devices.all.some((device) =>
      (family === AF_INET ? device.inet : device.inet6).some(
        (own) => Buffer.compare(own.address, address) === 0,
      ),
    );
  if (source !== null && !isZero(source) && family === AF_INET && !isOwn(source)) return -E.ENETUNREACH;
  const { euid } = task.credentials;
  const user = numberOf(attributes.get(N.RTA_UID)) ?? euid;
  const flow = {
    ...flowTo(family, destination, 0, by?.name ?? ""),
    source,
    tos: body[3]!,
    mark: numberOf(attributes.get(N.RTA_MARK)) ?? 0,
    input: input === 0 ? "lo" : devices.byIndex(input)!.name,
    user,
    ipProtocol: attributes.get(N.RTA_IP_PROTO)?.[0] ?? 0,
    sourcePort: portIn(attributes.get(N.RTA_SPORT)),
    destinationPort: portIn(attributes.get(N.RTA_DPORT)),
  };
  // What goes nowhere in particular goes to oneself.
  const target = isZero(destination) && by === undefined ? loopbackOf(family) : destination;
  const route = lookUp(devices.routes, devices.rules.of(family), { ...flow, destination: target });
  // IPv4 takes what is sent by a device for something on its link.
  if (route === -E.ENETUNREACH && family === AF_INET && by !== undefined)
    return foundInet(devices.all, onLink(by), target, source, user);
  if (typeof route === "number") return route;
  if ((body.readUInt32LE(8) & N.RTM_F_FIB_MATCH) !== 0) return toldRoute(route);
  return family === AF_INET
    ? foundInet(devices.all, route, target, source, user)
    : foundInet6(devices.all, route, target, source, user);
}

function onLink(device: Device): Route {
  return {
    family: AF_INET,
    table: N.RT_TABLE_MAIN,
    destination: new Uint8Array(4),
    prefixLength: 0,
    tos: 0,
    type: N.RTN_UNICAST,
    scope: N.RT_SCOPE_UNIVERSE,
    protocol: 0,
    flags: 0,
    source: null,
    gateway: null,
    device,
    metric: 0,
    metrics: new Map(),
    preference: 0,
  };
}

function loopbackOf(family: InternetFamily): Uint8Array {
  return family === AF_INET
    ? Uint8Array.of(127, 0, 0, 1)
    : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
}

function loopback(all: readonly Device[]): Device | null {
  return all.find(({ flags }) => (flags & N.IFF_LOOPBACK) !== 0) ?? null;
}

/** The address that packets of a route come from. */
function sourceFor(all: readonly Device[], route: Route, destination: Uint8Array): Uint8Array | null {
  if (route.type === N.RTN_LOCAL) return destination;
  if (route.source !== null) return route.source;
  const wanted = route.gateway ?? destination;
  const fits = (scope: number): boolean => scope <= route.scope || scope < N.RT_SCOPE_LINK;
  const own = route.device?.inet.filter((one) => fits(one.scope)) ?? [];
  const near = own.find(
    (one) => Buffer.compare(prefixOf(one.peer, one.prefixLength), prefixOf(wanted, one.prefixLength)) === 0,
  );
  if (near !== undefined) return near.address;
  if (own[0] !== undefined) return own[0].address;
  for (const { inet } of all) {
    const other = inet.find(({ scope }) => scope < N.RT_SCOPE_LINK);
    if (other !== undefined) return other.address;
  }
  return null;
}

function foundInet(
  all: readonly Device[],
  route: Route,
  destination: Uint8Array,
  source: Uint8Array | null,
  user: number,
): ToldRoute {
  const isLocal = route.type === N.RTN_LOCAL;
  let type = route.type;
  if (isMulticast(AF_INET, destination)) type = N.RTN_MULTICAST;
  const isBack = isLocal || ((route.device?.flags ?? 0) & N.IFF_LOOPBACK) !== 0;
  const about =
    type === N.RTN_LOCAL || (type === N.RTN_UNICAST && isBack)
      ? N.RTCF_LOCAL
      : type === N.RTN_BROADCAST
        ? N.RTCF_LOCAL | N.RTCF_BROADCAST
        : type === N.RTN_MULTICAST
          ? N.RTCF_MULTICAST
          : 0;
  return {
    ...route,
    destination,
    prefixLength: 32,
    table: N.RT_TABLE_MAIN,
    protocol: 0,
    scope: N.RT_SCOPE_UNIVERSE,
    flags: 0,
    type,
    device: isLocal ? loopback(all) : route.device,
    cached: N.RTM_F_CLONED | about,
    found: { user, from: source, source: source === null ? sourceFor(all, route, destination) : null },
  };
}

function foundInet6(
  all: readonly Device[],
  route: Route,
  destination: Uint8Array,
  source: Uint8Array | null,
  user: number,
): ToldRoute {
  const isLocal = route.type === N.RTN_LOCAL;
  const isNear = isLinkLocal6(route.gateway ?? destination) && isLinkLocal6(destination);
  const own = [route.device, ...all].flatMap((device) => device?.inet6 ?? []);
  const usual = own.find(({ scope, address }) =>
    isNear ? scope === N.RT_SCOPE_LINK : scope !== N.RT_SCOPE_LINK && !isZero(address),
  );
  return {
    ...route,
    destination,
    prefixLength: 128,
    cached: 0,
    found: {
      user,
      from: source ?? new Uint8Array(16),
      source: isLocal ? destination : (route.source ?? usual?.address ?? null),
    },
  };
}

// ---- Changing ----

/** Numbers of a nested list; null: what is there is none. */
function metricsIn(value: Buffer | undefined): Map<number, number> | null {
  const metrics = new Map<number, number>();
  if (value === undefined) return metrics;
  for (const [name, bytes] of attributesOf(value, 0)) {
    const number = numberOf(bytes);
    if (name === 0) continue;
    if (name > METRIC_MAX || number === null) return null;
    metrics.set(name, number);
  }
  return metrics;
}

const UNSUPPORTED = [N.RTA_MULTIPATH, N.RTA_VIA, N.RTA_NH_ID, N.RTA_ENCAP];

function wantedIn({ kernel }: Requester, { body }: Request): WantedRoute | Outcome {
  if (body.length < ROUTE_SIZE) return SHORT;
  const family = body[0] === AF_INET6 ? AF_INET6 : AF_INET;
  if (body[0] !== family) return -E.EOPNOTSUPP;
  const attributes = attributesOf(body, ROUTE_SIZE);
  const size = sizeOf(family);
  const isInet = family === AF_INET;
  if (UNSUPPORTED.some((name) => attributes.has(name))) {
    kernel.counters.unsupportedCalls++;
    return -E.EOPNOTSUPP;
  }
  const prefixLength = body[1]!;
  const needed = isInet ? 4 : Math.min(16, (prefixLength + 7) >> 3);
  for (const name of [N.RTA_DST, N.RTA_GATEWAY, N.RTA_PREFSRC]) {
    const value = attributes.get(name);
    if (value !== undefined && value.length < (name === N.RTA_DST ? needed : size)) return -E.EINVAL;
  }
  if (!isInet && body[2]! > 0)
    return refuse(E.EINVAL, "Specifying source address requires IPV6_SUBTREES to be enabled");
  const bytes = (name: number): Uint8Array | null => {
    const value = attributes.get(name);
    if (value === undefined) return null;
    const whole = new Uint8Array(size);
    whole.set(value.subarray(0, size));
    return whole;
  };
  const metrics = metricsIn(attributes.get(N.RTA_METRICS));
  if (metrics === null) return refuse(E.EINVAL, "Invalid metric type");
  if (metrics.has(METRIC_CONGESTION)) return refuse(E.EINVAL, "Unknown tcp congestion algorithm");
  const gateway = bytes(N.RTA_GATEWAY);
  return {
    family,
    table: numberOf(attributes.get(N.RTA_TABLE)) ?? body[4]!,
    destination: bytes(N.RTA_DST) ?? new Uint8Array(size),
    prefixLength,
    tos: isInet ? body[3]! : 0,
    type: body[7]!,
    scope: body[6]!,
    protocol: body[5]!,
    flags: body.readUInt32LE(8) & 0xff,
    source: bytes(N.RTA_PREFSRC),
    gateway: gateway !== null && isZero(gateway) ? null : gateway,
    metric: numberOf(attributes.get(N.RTA_PRIORITY)) ?? 0,
    metrics,
    preference: attributes.get(N.RTA_PREF)?.[0] ?? 0,
    output: numberOf(attributes.get(N.RTA_OIF)) ?? 0,
  };
}

export const newRoute: Changer = (task, request) => {
  const wanted = wantedIn(task, request);
  if (typeof wanted === "number" || "error" in wanted) return wanted;
  return task.network.devices.routeChanges.add(wanted, request.flags);
};

export const deleteRoute: Changer = (task, request) => {
  const wanted = wantedIn(task, request);
  if (typeof wanted === "number" || "error" in wanted) return wanted;
  return task.network.devices.routeChanges.remove(wanted);
};
