// Adding and removing routes as ip-route(8) asks for it: what Linux's fib_semantics.c (IPv4) and ip6_fib.c (IPv6) let in,
// and what it says where it does not.

import * as E from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET } from "../../../shared/abi/socket.ts";
import { type Flow, lookUp, lookUpIn } from "./lookup.ts";
import type { Namespace } from "./namespace.ts";
import { type Outcome, refuse } from "./outcome.ts";
import { isLinkLocal6, isMulticast, isSame, isZero, prefixOf, sizeOf } from "./prefixes.ts";
import type { Device, InternetFamily, Route } from "./rows.ts";

/** A route as it was asked for; numbers that are 0 were left out. */
export interface WantedRoute extends Omit<Route, "device"> {
  /** The index of its device; 0: it follows from the gateway. */
  readonly output: number;
}

/** Scopes that types of IPv4 routes have at least; types that are missing are of no route. */
const SCOPES: ReadonlyMap<number, number> = new Map([
  [N.RTN_UNICAST, N.RT_SCOPE_UNIVERSE],
  [N.RTN_LOCAL, N.RT_SCOPE_HOST],
  [N.RTN_BROADCAST, N.RT_SCOPE_LINK],
  [N.RTN_ANYCAST, N.RT_SCOPE_LINK],
  [N.RTN_MULTICAST, N.RT_SCOPE_UNIVERSE],
  [N.RTN_BLACKHOLE, N.RT_SCOPE_UNIVERSE],
  [N.RTN_UNREACHABLE, N.RT_SCOPE_UNIVERSE],
  [N.RTN_PROHIBIT, N.RT_SCOPE_UNIVERSE],
  [N.RTN_THROW, N.RT_SCOPE_UNIVERSE],
]);

const NOWHERE: ReadonlySet<number> = new Set([
  N.RTN_BLACKHOLE,
  N.RTN_UNREACHABLE,
  N.RTN_PROHIBIT,
  N.RTN_THROW,
]);

/** Priority of IPv6 routes that were given none. */
const METRIC_6 = 1024;

const INVALID_GATEWAY = "Nexthop has invalid gateway";

function isUp(device: Device): boolean {
  return (device.flags & N.IFF_UP) !== 0;
}

function isNull(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : isSame(a, b);
}

function isSameNexthop(a: Route, b: Route): boolean {
  return a.device === b.device && isNull(a.gateway, b.gateway) && a.flags === b.flags;
}

function isSameMetrics(a: Route, b: Route): boolean {
  return (
    a.metrics.size === b.metrics.size &&
    [...a.metrics].every(([name, value]) => b.metrics.get(name) === value)
  );
}

function isSameRoute(a: Route, b: Route): boolean {
  return (
    a.type === b.type &&
    a.scope === b.scope &&
    a.protocol === b.protocol &&
    isNull(a.source, b.source) &&
    isSameNexthop(a, b) &&
    isSameMetrics(a, b)
  );
}

export class RouteChanges {
  readonly #namespace: Namespace;

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  #device(index: number): Device | undefined {
    return this.#namespace.all.find((device) => device.index === index);
  }

  #checkPrefix({ family, destination, prefixLength }: WantedRoute): Outcome {
    if (prefixLength > sizeOf(family) * 8) return refuse(E.EINVAL, "Invalid prefix length");
    if (family === AF_INET && !isSame(prefixOf(destination, prefixLength), destination))
      return refuse(E.EINVAL, "Invalid prefix for given prefix length");
    return 0;
  }

  // ---- Adding ----

  /** `flags`: NLM_F_*. */
  add(wanted: WantedRoute, flags: number): Outcome {
    const invalid = this.#checkPrefix(wanted);
    if (invalid !== 0) return invalid;
    const route = wanted.family === AF_INET ? this.#inet(wanted) : this.#inet6(wanted);
    if (typeof route === "number" || "error" in route) return route;
    return wanted.family === AF_INET ? this.#insert(route, flags) : this.#insert6(route, flags);
  }

  /** The row of an IPv4 route. */
  #inet(wanted: WantedRoute): Route | Outcome {
    const { output, ...row } = wanted;
    const { type, scope, flags, gateway, source, table } = row;
    if (type > N.RTN_MAX) return refuse(E.EINVAL, "Invalid route type");
    const least = SCOPES.get(type) ?? N.RT_SCOPE_NOWHERE;
    if (scope < least) return refuse(E.EINVAL, "Invalid scope");
    if ((flags & (N.RTNH_F_DEAD | N.RTNH_F_LINKDOWN)) !== 0)
      return refuse(E.EINVAL, "Invalid rtm_flags - can not contain DEAD/LINKDOWN");
    let device: Device | null = null;
    if (NOWHERE.has(type)) {
      if (gateway !== null || output !== 0)
        return refuse(E.EINVAL, "Gateway, device and multipath can not be specified for this route type");
    } else {
      const found = this.#nexthop(wanted);
      if (typeof found === "number" || "error" in found) return found;
      device = found;
    }
    if (source !== null && !this.#isOwn(source, wanted)) return refuse(E.EINVAL, "Invalid prefsrc address");
    return { ...row, table: table === 0 ? N.RT_TABLE_MAIN : table, device };
  }

  #isOwn(source: Uint8Array, { type, destination, prefixLength }: WantedRoute): boolean {
    if (type === N.RTN_LOCAL && prefixLength > 0 && isSame(source, destination)) return true;
    return this.#typeOf(source) === N.RTN_LOCAL;
  }

  /** RTN_* of an address, as the table of local addresses has it. */
  #typeOf(address: Uint8Array): number {
    if (isZero(address) || isSame(address, Uint8Array.of(255, 255, 255, 255))) return N.RTN_BROADCAST;
    if (isMulticast(AF_INET, address)) return N.RTN_MULTICAST;
    const found = lookUpIn(this.#namespace.routes, N.RT_TABLE_LOCAL, flowTo(AF_INET, address, 0, ""));
    return typeof found === "number" ? N.RTN_UNICAST : found.type;
  }

  #nexthop({ scope, gateway, flags, output, table }: WantedRoute): Device | Outcome {
    const { routes, rules } = this.#namespace;
    const device = output === 0 ? undefined : this.#device(output);
    if (scope > N.RT_SCOPE_HOST) return refuse(E.EINVAL, "Invalid scope");
    if (scope === N.RT_SCOPE_HOST) {
      if (gateway !== null) return refuse(E.EINVAL, "Route with host scope can not have a gateway");
      return device ?? -E.ENODEV;
    }
    if (gateway === null) {
      if ((flags & (N.RTNH_F_PERVASIVE | N.RTNH_F_ONLINK)) !== 0)
        return refuse(E.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set");
      if (device === undefined) return -E.ENODEV;
      return isUp(device) ? device : refuse(E.ENETDOWN, "Device for nexthop is not up");
    }
    if ((flags & N.RTNH_F_ONLINK) !== 0) {
      if (scope >= N.RT_SCOPE_LINK) return refuse(E.EINVAL, "Nexthop has invalid scope");
      if (device === undefined) return refuse(E.ENODEV, "Nexthop device required for onlink");
      if (!isUp(device)) return refuse(E.ENETDOWN, "Nexthop device is not up");
      return this.#typeOf(gateway) === N.RTN_UNICAST ? device : refuse(E.EINVAL, INVALID_GATEWAY);
    }
    if (output !== 0 && device === undefined) return refuse(E.ENODEV, INVALID_GATEWAY);
    const flow = flowTo(AF_INET, gateway, Math.max(scope + 1, N.RT_SCOPE_LINK), device?.name ?? "");
    const isUsual = table === 0 || table === N.RT_TABLE_MAIN;
    let found = isUsual ? -E.ENETUNREACH : lookUpIn(routes, table, flow);
    if (typeof found === "number") found = lookUp(routes, rules.of(AF_INET), flow);
    if (typeof found === "number") return refuse(-found, INVALID_GATEWAY);
    if (found.type !== N.RTN_UNICAST && found.type !== N.RTN_LOCAL) return refuse(E.EINVAL, INVALID_GATEWAY);
    if (device !== undefined && found.device !== device) return refuse(E.ENETUNREACH, INVALID_GATEWAY);
    if (found.device === null) return refuse(E.EINVAL, "No egress device for nexthop");
    return isUp(found.device) ? found.device : refuse(E.ENETDOWN, "Nexthop device is not up");
  }

  #insert(route: Route, flags: number): Outcome {
    const { routes } = this.#namespace;
    const alike = (
      routes.table(AF_INET, route.table)?.ofPrefix(route.destination, route.prefixLength) ?? []
    ).filter(({ tos, metric }) => tos === route.tos && metric === route.metric);
    const [first] = alike;
    if (first === undefined) {
      if ((flags & N.NLM_F_CREATE) === 0) return -E.ENOENT;
      return routes.add(route, N.NLM_F_CREATE | N.NLM_F_EXCL);
    }
    if ((flags & N.NLM_F_EXCL) !== 0) return -E.EEXIST;
    const same = alike.find((other) => isSameRoute(other, route));
    if ((flags & N.NLM_F_REPLACE) !== 0) {
      if (same !== undefined) return same === first ? 0 : -E.EEXIST;
      routes.replace(first, route, N.NLM_F_REPLACE);
      return 0;
    }
    if (same !== undefined) return -E.EEXIST;
    if ((flags & N.NLM_F_CREATE) === 0) return -E.ENOENT;
    const isAppended = (flags & N.NLM_F_APPEND) !== 0;
    return routes.add(route, N.NLM_F_CREATE | (isAppended ? N.NLM_F_APPEND : 0), !isAppended);
  }

  /** The row of an IPv6 route. */
  #inet6(wanted: WantedRoute): Route | Outcome {
    const { output, ...rest } = wanted;
    const { type, gateway, source, prefixLength, destination, flags } = rest;
    if (type > N.RTN_MAX) return refuse(E.EINVAL, "Invalid route type");
    if ((flags & (N.RTNH_F_DEAD | N.RTNH_F_LINKDOWN)) !== 0)
      return refuse(E.EINVAL, "Invalid rtm_flags - can not contain DEAD/LINKDOWN");
    const row = {
      ...rest,
      table: rest.table === 0 ? N.RT_TABLE_MAIN : rest.table,
      metric: rest.metric === 0 ? METRIC_6 : rest.metric,
      destination: prefixOf(destination, prefixLength),
      scope: N.RT_SCOPE_UNIVERSE,
    };
    const asked = output === 0 ? undefined : this.#device(output);
    if (output !== 0 && asked === undefined) return -E.ENODEV;
    if (NOWHERE.has(type)) {
      const device = this.#namespace.all.find((one) => (one.flags & N.IFF_LOOPBACK) !== 0) ?? null;
      return { ...row, device, gateway: null };
    }
    const device = gateway === null ? (asked ?? -E.ENODEV) : this.#gateway6(wanted, gateway, asked);
    if (typeof device === "number" || "error" in device) return device;
    if (!isUp(device)) return refuse(E.ENETDOWN, "Nexthop device is not up");
    if (source !== null && !this.#isOwn6(source)) return refuse(E.EINVAL, "Invalid source address");
    return { ...row, device };
  }

  #isOwn6(address: Uint8Array): boolean {
    return this.#namespace.all.some(({ inet6 }) => inet6.some((own) => isSame(own.address, address)));
  }

  #gateway6(
    { table, family, flags }: WantedRoute,
    gateway: Uint8Array,
    asked: Device | undefined,
  ): Device | Outcome {
    const { routes, rules } = this.#namespace;
    if (isMulticast(family, gateway)) return refuse(E.EINVAL, "Invalid gateway address");
    if (this.#isOwn6(gateway)) return refuse(E.EINVAL, "Gateway can not be a local address");
    let device = asked;
    if (isLinkLocal6(gateway)) {
      if (device === undefined) return refuse(E.EINVAL, "Egress device not specified");
    } else if ((flags & N.RTNH_F_ONLINK) !== 0) {
      if (device === undefined) return refuse(E.EINVAL, "Nexthop device required for onlink");
    } else {
      const flow = flowTo(family, gateway, 0, device?.name ?? "");
      let found = table === 0 ? -E.ENETUNREACH : lookUpIn(routes, table, flow);
      if (typeof found === "number" || found.gateway !== null) found = lookUp(routes, rules.of(family), flow);
      if (typeof found === "number" || found.gateway !== null || found.device === null)
        return -E.EHOSTUNREACH;
      device ??= found.device;
      if (device !== found.device) return -E.EHOSTUNREACH;
    }
    if ((device.flags & N.IFF_LOOPBACK) !== 0)
      return refuse(E.EINVAL, "Egress device can not be loopback device for this route");
    return device;
  }

  #insert6(route: Route, flags: number): Outcome {
    const { routes, context } = this.#namespace;
    const alike = (
      routes.table(route.family, route.table)?.ofPrefix(route.destination, route.prefixLength) ?? []
    ).filter(({ metric }) => metric === route.metric);
    const [first] = alike;
    if ((flags & N.NLM_F_REPLACE) !== 0) {
      if (first !== undefined) {
        routes.replace(first, route, N.NLM_F_REPLACE);
        return 0;
      }
      return (flags & N.NLM_F_CREATE) === 0 ? -E.ENOENT : routes.add(route, N.NLM_F_CREATE);
    }
    if (first !== undefined && (flags & N.NLM_F_EXCL) !== 0) return -E.EEXIST;
    if (alike.some((other) => other.device === route.device && isNull(other.gateway, route.gateway)))
      return -E.EEXIST;
    // Linux makes one route of those that differ in their gateways alone.
    if (route.gateway !== null && alike.some(({ gateway }) => gateway !== null)) {
      context.counters.unsupportedCalls++;
      return -E.EOPNOTSUPP;
    }
    return routes.add(route, N.NLM_F_CREATE | (flags & N.NLM_F_APPEND));
  }

  // ---- Removing ----

  remove(wanted: WantedRoute): Outcome {
    const invalid = this.#checkPrefix(wanted);
    if (invalid !== 0) return invalid;
    const { family, prefixLength, destination, output, gateway, metric, protocol, source } = wanted;
    const isInet = family === AF_INET;
    const table = wanted.table === 0 ? N.RT_TABLE_MAIN : wanted.table;
    const network = prefixOf(destination, prefixLength);
    const { routes } = this.#namespace;
    const found = routes
      .table(family, table)
      ?.ofPrefix(network, prefixLength)
      .find(
        (route) =>
          (!isInet ||
            (route.tos === wanted.tos &&
              (wanted.type === 0 || wanted.type === route.type) &&
              (wanted.scope === N.RT_SCOPE_NOWHERE || wanted.scope === route.scope))) &&
          (protocol === 0 || protocol === route.protocol) &&
          (metric === 0 || metric === route.metric) &&
          (source === null || isNull(source, route.source)) &&
          (output === 0 || output === route.device?.index) &&
          (gateway === null || isNull(gateway, route.gateway)) &&
          [...wanted.metrics].every(([name, value]) => route.metrics.get(name) === value),
      );
    if (found === undefined) return -E.ESRCH;
    routes.remove(found);
    return 0;
  }
}

/** What is known of a packet to an address, by a device ("": any). */
export function flowTo(family: InternetFamily, destination: Uint8Array, scope: number, output: string): Flow {
  return {
    family,
    destination,
    source: null,
    tos: 0,
    mark: 0,
    input: "",
    output,
    user: 0,
    ipProtocol: 0,
    sourcePort: 0,
    destinationPort: 0,
    scope,
  };
}
