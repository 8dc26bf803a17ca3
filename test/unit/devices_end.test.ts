// The devices of a network namespace that ends: what belonged to them is nobody's any more, and counts for nothing.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import { HeapBudget } from "../../src/workers/heap_budget.ts";
import { makeLimits } from "../../src/workers/limits.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import { BRIDGE, VETH, type VirtualKind } from "../../src/workers/net/devices/kinds.ts";
import type { Change, Device, Route } from "../../src/workers/net/devices/rows.ts";
import { ANY } from "../../src/workers/net/devices/rules.ts";

const HELD = ["netDevices", "netAddresses", "routes", "rules", "neighbours"] as const;

function make() {
  const counters = new Counters();
  const context = {
    counters,
    heap: new HeapBudget(counters, makeLimits(0), 768 << 20),
    timers: new Timers(),
    native: { monotonicNs: () => 1e9 },
  };
  const held = () => HELD.map((name) => counters[name]);
  return { another: () => new Devices(context, false), held };
}

function add(devices: Devices, kind: VirtualKind, name: string): Device {
  const device = devices.add(kind, name, 0) as Device;
  devices.announce(device);
  return device;
}

function join(a: Device, b: Device): void {
  a.peer = b;
  b.peer = a;
}

function up(devices: Devices, device: Device): void {
  assert.is(devices.setFlags(device, device.flags | N.IFF_UP), 0);
}

/** A route of no device. */
function blackhole(last: number): Route {
  return {
    family: AF_INET,
    table: 100 + (last % 7),
    destination: Uint8Array.of(10, 1, 0, last),
    prefixLength: 32,
    tos: 0,
    type: N.RTN_BLACKHOLE,
    scope: N.RT_SCOPE_UNIVERSE,
    protocol: N.RTPROT_KERNEL,
    flags: 0,
    source: null,
    gateway: null,
    device: null,
    metric: 0,
    metrics: new Map(),
    preference: 0,
  };
}

function end(devices: Devices): number {
  let parts = 1;
  while (devices.endPart()) parts++;
  return parts;
}

test("devices, their addresses, routes and neighbours; rules, and routes of no device", () => {
  const { another, held } = make();
  const before = held();
  const devices = another();
  const elsewhere = another();
  const bridge = add(devices, BRIDGE, "br");
  const ports = [0, 1, 2].map((i) => add(devices, VETH, `p${i}`));
  const far = add(elsewhere, VETH, "far");
  join(ports[0]!, far);
  join(ports[1]!, ports[2]!);
  for (const port of ports) devices.setMaster(port, bridge);
  for (const device of devices.all) up(devices, device);
  up(elsewhere, far);
  for (let i = 0; i < 50; i++) devices.routes.add(blackhole(i), N.NLM_F_CREATE);
  for (const family of [AF_INET, AF_INET6] as const) {
    devices.rules.add({ ...ANY, family, priority: 9, table: 100 }, true);
    devices.neighbours.set(
      {
        family,
        device: bridge,
        address: new Uint8Array(family === AF_INET ? 4 : 16),
        linkAddress: null,
        state: N.NUD_PERMANENT,
        flags: 0,
        protocol: 0,
      },
      N.NLM_F_CREATE,
    );
  }
  assert.ok(
    held().every((count) => count > 0),
    held().join(),
  );
  const told: Change[] = [];
  elsewhere.listeners.push((change) => told.push(change));
  const parts = end(devices);
  assert.ok(parts > 1, "in parts");
  assert.equal(
    elsewhere.all.map(({ name }) => name),
    ["lo"],
    "the other end has gone as well",
  );
  assert.ok(told.some(({ kind, isGone }) => kind === "link" && isGone));
  end(elsewhere);
  assert.equal(held(), before);
});

test("rules that every namespace begins with count for nothing, be they there or not", () => {
  const { another, held } = make();
  const before = held();
  const all = Array.from({ length: 600 }, () => another());
  const [first] = all as [Devices];
  assert.is(first.rules.add({ ...ANY, family: AF_INET, priority: 9, table: 100 }, true), 0);
  assert.is(first.rules.remove(AF_INET, { priority: 32766 }), 0);
  assert.is(first.rules.remove(AF_INET, { priority: 9 }), 0);
  for (const devices of all) end(devices);
  assert.equal(held(), before);
});

test.run();
