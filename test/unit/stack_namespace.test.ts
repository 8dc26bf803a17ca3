// A stack in step with its network namespace: after each change of the namespace's, by whatever way, its devices,
// addresses, routes and rules are the rows that a dump shows.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import type { DevicesContext } from "../../src/workers/net/devices/devices_context.ts";
import { DUMMY } from "../../src/workers/net/devices/kinds.ts";
import type { Device, Route } from "../../src/workers/net/devices/rows.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { NamespaceMirror } from "../../src/workers/net/stack/namespace_mirror.ts";
import { Stack } from "../../src/workers/net/stack/stack.ts";
import { bound, drain, endpointOf, ip, route, rule, sendTo, take } from "./stack_world.ts";

function make(): { stack: Stack; devices: Devices } {
  const context = {
    counters: { netDevices: 0, routes: 0, rules: 0, netAddresses: 0, neighbours: 0 },
    heap: { hasRoom: () => true },
    timers: new Timers(),
    native: { monotonicNs: () => 0 },
  } as unknown as DevicesContext;
  const devices = new Devices(context);
  const random = seededRandom(3);
  const stack = new Stack({ random32: () => Math.floor(random() * 4294967296) | 0 });
  new NamespaceMirror(stack, devices);
  return { stack, devices };
}

/** What both know is the same. */
function isInStep(stack: Stack, devices: Devices): void {
  const { core } = stack;
  assert.equal(
    [...core.devices.all].map(({ index, name, flags, mtu }) => ({ index, name, flags, mtu })),
    devices.all.map(({ index, name, flags, mtu }) => ({ index, name, flags, mtu })),
  );
  for (const device of devices.all)
    assert.equal(
      core.devices
        .byIndex(device.index)!
        .addresses.map(({ address, prefix }) => `${address} ${prefix.length}`),
      [...device.inet, ...device.inet6].map(
        ({ address, prefixLength }) => `${textOf(address)} ${prefixLength}`,
      ),
    );
  for (const family of [AF_INET, AF_INET6] as const) {
    const rows = new Set<unknown>(core.tables.routes(family));
    const expected = [...devices.routes.of(family)];
    assert.is(rows.size, expected.length);
    for (const row of expected) assert.ok(rows.has(row), `${textOf(row.destination)}/${row.prefixLength}`);
    assert.equal([...core.tables.rules(family)], devices.rules.of(family));
  }
}

function textOf(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join(".") : addressOf(bytes);
}

function addressOf(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[at * 2]! << 8) | bytes[at * 2 + 1]!).toString(16),
  );
  return ip(groups.join(":")).toString();
}

function dummy(devices: Devices, name: string): Device {
  const device = devices.add(DUMMY, name, 0) as Device;
  devices.announce(device);
  return device;
}

/** A whole row of a route. */
function rowOf(to: string, device: Device, more: Partial<Route> = {}): Route {
  return { ...route(to, device.index), flags: 0, preference: 0, ...more, device };
}

test("a namespace begins with lo, and that works", () => {
  const { stack, devices } = make();
  isInStep(stack, devices);
  for (const address of ["127.0.0.1", "::1"]) {
    const server = bound(stack, address, 5000);
    sendTo(endpointOf(stack, address.includes(":")), "x", address, 5000);
    drain(stack);
    assert.is(take(server), "x");
  }
});

test("links, addresses, routes and rules come, change and go", () => {
  const { stack, devices } = make();
  const device = dummy(devices, "d0");
  isInStep(stack, devices);
  devices.setFlags(device, device.flags | N.IFF_UP);
  isInStep(stack, devices);
  devices.setMtu(device, 9000);
  devices.setName(device, "d1");
  isInStep(stack, devices);
  const rows = [
    rowOf("10.7.0.0/16", device, { scope: N.RT_SCOPE_LINK }),
    rowOf("10.7.0.0/16", device, { metric: 5, scope: N.RT_SCOPE_LINK }),
    rowOf("10.7.8.0/24", device, { table: 100, scope: N.RT_SCOPE_LINK }),
    rowOf("fd07::/64", device),
  ];
  for (const row of rows) {
    assert.is(devices.routes.add(row, 0), 0);
    isInStep(stack, devices);
  }
  assert.is(sendTo(endpointOf(stack), "x", "10.7.8.9", 9), 1);
  assert.is(stack.core.devices.byIndex(device.index)!.txPackets, 1);
  const other = rowOf("10.7.0.0/16", device, { metric: 5, type: N.RTN_PROHIBIT });
  devices.routes.replace(rows[1]!, other, 0);
  devices.routes.remove(rows[0]!);
  isInStep(stack, devices);
  assert.is(sendTo(endpointOf(stack), "x", "10.7.8.9", 9), -E.EACCES);
  const added = rule(AF_INET, 50, 100, { destination: Uint8Array.of(10, 7, 8, 0), destinationLength: 24 });
  assert.is(devices.rules.add(added, true), 0);
  isInStep(stack, devices);
  assert.is(sendTo(endpointOf(stack), "x", "10.7.8.9", 9), 1);
  assert.is(devices.rules.remove(AF_INET, added), 0);
  isInStep(stack, devices);
  devices.setFlags(device, device.flags & ~N.IFF_UP);
  isInStep(stack, devices);
  assert.is(sendTo(endpointOf(stack), "x", "10.7.8.9", 9), -E.ENETUNREACH);
  devices.setFlags(device, device.flags | N.IFF_UP);
  devices.remove(device);
  isInStep(stack, devices);
  assert.is(stack.core.pools.used, 0);
});

test("routes of one prefix keep their order through any changes", () => {
  const { stack, devices } = make();
  const device = dummy(devices, "d0");
  devices.setFlags(device, device.flags | N.IFF_UP);
  const random = seededRandom(9);
  const { routes } = devices;
  const present: Route[] = [];
  for (let i = 0; i < 300; i++) {
    const at = Math.floor(random() * present.length);
    const row = rowOf("10.7.0.0/16", device, { metric: Math.floor(random() * 5), scope: N.RT_SCOPE_LINK });
    const kind = random();
    if (present.length === 0 || kind < 0.4) {
      routes.add(row, 0, random() < 0.5);
      present.push(row);
    } else if (kind < 0.6) {
      const same = { ...row, metric: present[at]!.metric };
      routes.replace(present[at]!, same, 0);
      present[at] = same;
    } else {
      routes.remove(present[at]!);
      present.splice(at, 1);
    }
    const ours = [...stack.core.tables.routes(AF_INET)].filter(({ table }) => table === N.RT_TABLE_MAIN);
    assert.equal(
      ours.map((one) => present.indexOf(one as Route)),
      [...routes.of(AF_INET)]
        .filter(({ table }) => table === N.RT_TABLE_MAIN)
        .map((one) => present.indexOf(one)),
    );
    assert.is(ours.length, present.length);
  }
});

test("without lo there is no way to this host", () => {
  const { stack, devices } = make();
  const [lo] = devices.all;
  devices.setFlags(lo!, lo!.flags & ~N.IFF_UP);
  isInStep(stack, devices);
  assert.is(sendTo(endpointOf(stack, true), "x", "::1", 9), -E.ENETUNREACH);
  devices.setFlags(lo!, lo!.flags | N.IFF_UP);
  isInStep(stack, devices);
  assert.is(sendTo(endpointOf(stack, true), "x", "::1", 9), 1);
});

test.run();
