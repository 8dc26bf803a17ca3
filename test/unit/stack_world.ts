// Stacks for tests: one with lo as every network namespace has it, and two that are joined by a link.

import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import { ANY } from "../../src/workers/net/devices/rules.ts";
import type { NetDevice } from "../../src/workers/net/stack/device.ts";
import { IpAddress, Prefix } from "../../src/workers/net/stack/ip_address.ts";
import { type Faults, PairLink, seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { type StackBounds, StackMemory } from "../../src/workers/net/stack/memory.ts";
import type * as R from "../../src/workers/net/stack/route/rows.ts";
import { Stack } from "../../src/workers/net/stack/stack.ts";
import { UdpEndpoint } from "../../src/workers/net/stack/udp/endpoint.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";

export function ip(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
}

/** A route of the main table, by words. */
export function route(to: string, device: number, more: Partial<R.RouteRow> = {}): R.RouteRow {
  const [address, length] = to.split("/");
  const prefix = new Prefix(ip(address!), Number(length));
  return {
    family: prefix.isV4 ? AF_INET : AF_INET6,
    table: 254,
    destination: prefix.first.toBytes(),
    prefixLength: prefix.length,
    type: N.RTN_UNICAST,
    scope: N.RT_SCOPE_UNIVERSE,
    protocol: N.RTPROT_KERNEL,
    source: null,
    gateway: null,
    device: { index: device },
    tos: 0,
    metric: 0,
    metrics: new Map(),
    ...more,
  };
}

const LOCAL: Partial<R.RouteRow> = {
  table: N.RT_TABLE_LOCAL,
  type: N.RTN_LOCAL,
  scope: N.RT_SCOPE_HOST,
  source: Uint8Array.of(127, 0, 0, 1),
};

const LOOPBACK_ROUTES: readonly R.RouteRow[] = [
  route("127.0.0.0/8", 1, LOCAL),
  route("127.0.0.1/32", 1, LOCAL),
  route("127.255.255.255/32", 1, { ...LOCAL, type: N.RTN_BROADCAST, scope: N.RT_SCOPE_LINK }),
  route("::1/128", 1, { ...LOCAL, source: null }),
];

export function rule(
  family: R.IpFamily,
  priority: number,
  table: number,
  more: Partial<R.RuleRow> = {},
): R.RuleRow {
  return { ...ANY, family, priority, table, ...more };
}

const RULES: readonly R.RuleRow[] = [
  rule(AF_INET, 0, N.RT_TABLE_LOCAL),
  rule(AF_INET, 32766, N.RT_TABLE_MAIN),
  rule(AF_INET, 32767, N.RT_TABLE_DEFAULT),
  rule(AF_INET6, 0, N.RT_TABLE_LOCAL),
  rule(AF_INET6, 32766, N.RT_TABLE_MAIN),
];

export function makeStack(seed = 1, bounds: StackBounds | StackMemory = {}): Stack {
  const random = seededRandom(seed);
  const memory = bounds instanceof StackMemory ? bounds : new StackMemory(bounds);
  const stack = new Stack({ random32: () => Math.floor(random() * 4294967296) | 0 }, memory);
  const lo = stack.addLoopback(65536);
  lo.setAddresses([
    { address: ip("127.0.0.1").toBytes(), prefixLength: 8, scope: N.RT_SCOPE_HOST, flags: 0 },
    { address: ip("::1").toBytes(), prefixLength: 128, scope: N.RT_SCOPE_HOST, flags: 0 },
  ]);
  stack.core.tables.load(LOOPBACK_ROUTES, RULES);
  return stack;
}

/** Gives a device an address with what comes of it: its local route and those to its subnet. */
export function addAddress(stack: Stack, device: NetDevice, text: string): void {
  const [address, length] = text.split("/");
  const own = ip(address!);
  const { tables } = stack.core;
  const scope = own.isLinkLocal ? N.RT_SCOPE_LINK : N.RT_SCOPE_UNIVERSE;
  const row = {
    family: own.isV4 ? AF_INET : AF_INET6,
    address: own.toBytes(),
    prefixLength: Number(length),
    scope,
  };
  device.addresses = [
    ...device.addresses,
    { address: own, prefix: new Prefix(own, row.prefixLength), scope, flags: 0 },
  ];
  const bits = own.isV4 ? 32 : 128;
  const source = own.isV4 ? own.toBytes() : null;
  tables.addRoute(
    route(`${address}/${bits}`, device.index, {
      table: 255,
      type: N.RTN_LOCAL,
      scope: N.RT_SCOPE_HOST,
      source,
    }),
  );
  tables.addRoute(route(text, device.index, { scope: own.isV4 ? N.RT_SCOPE_LINK : 0, source }));
  if (!own.isV4)
    tables.addRoute(route("ff00::/8", device.index, { table: 255, type: N.RTN_MULTICAST, metric: 256 }));
  if (!own.isV4 || row.prefixLength > 30) return;
  const broadcast = IpAddress.v4(own.w3 | (-1 >>> row.prefixLength));
  tables.addRoute(
    route(`${broadcast}/32`, device.index, {
      table: 255,
      type: N.RTN_BROADCAST,
      scope: N.RT_SCOPE_LINK,
      source,
    }),
  );
}

/** Two stacks, 10.0.0.1 and fd00::1 here, 10.0.0.2 and fd00::2 there. */
export class World {
  readonly here: Stack;
  readonly there: Stack;
  readonly link: PairLink;
  nowUs = 0;

  constructor(seed: number, mtu: number, faults: Faults, bounds: StackBounds = {}) {
    this.here = makeStack(seed, bounds);
    this.there = makeStack(seed + 1, bounds);
    this.link = new PairLink(this.here.core, this.there.core, 2, "pair0", mtu, faults, seed + 2);
    this.here.addDevice(this.link.first);
    this.there.addDevice(this.link.second);
    addAddress(this.here, this.link.first, "10.0.0.1/24");
    addAddress(this.here, this.link.first, "fd00::1/64");
    addAddress(this.there, this.link.second, "10.0.0.2/24");
    addAddress(this.there, this.link.second, "fd00::2/64");
  }

  /** What is due by now is done. */
  settle(): void {
    this.link.advance(this.nowUs);
    for (const stack of [this.here, this.there]) {
      stack.advance(this.nowUs);
      while (stack.run(64));
    }
  }

  /** Time goes on from deadline to deadline, for so long. */
  pass(us: number): void {
    const end = this.nowUs + us;
    for (;;) {
      this.settle();
      const next = Math.min(this.link.nextDeadlineUs, this.here.nextDeadlineUs, this.there.nextDeadlineUs);
      if (next > end) break;
      this.nowUs = Math.max(this.nowUs, next);
    }
    this.nowUs = end;
    this.settle();
  }
}

export function endpointOf(stack: Stack, isV6 = false): UdpEndpoint {
  return new UdpEndpoint(stack.udp, isV6);
}

export function bound(stack: Stack, address: string, port = 0): UdpEndpoint {
  const endpoint = endpointOf(stack, address.includes(":"));
  const error = endpoint.bind(ip(address), port);
  if (error < 0) throw new Error(`bind: ${error}`);
  return endpoint;
}

export function sendTo(
  endpoint: UdpEndpoint,
  data: string | Uint8Array,
  address: string,
  port: number,
): number {
  const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
  return endpoint.send(bytes, new UdpMessage().to(ip(address), port));
}

/** To whom it is connected. */
export function send(endpoint: UdpEndpoint, data: string): number {
  return endpoint.send(Buffer.from(data, "latin1"), new UdpMessage());
}

/** The next datagram's bytes, or null. */
export function take(endpoint: UdpEndpoint): string | null {
  const packet = endpoint.receive();
  if (packet === null) return null;
  const text = Buffer.from(packet.data()).toString("latin1");
  packet.release();
  return text;
}

export function drain(stack: Stack): void {
  while (stack.run(64));
}

/** Time goes on for one stack, from deadline to deadline, for so long. */
export function pass(stack: Stack, us: number): void {
  const end = stack.core.nowUs + us;
  for (;;) {
    drain(stack);
    const next = stack.nextDeadlineUs;
    if (next > end) break;
    stack.advance(Math.max(next, stack.core.nowUs));
  }
  stack.advance(end);
  drain(stack);
}
