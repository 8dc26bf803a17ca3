// Routes and rules: lookups against a plain model, and what leads nowhere.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import { NetDevice } from "../../src/workers/net/stack/device.ts";
import { IpAddress, Prefix } from "../../src/workers/net/stack/ip_address.ts";
import type { Packet } from "../../src/workers/net/stack/packet.ts";
import { Flow } from "../../src/workers/net/stack/route/flow.ts";
import { routeOutput4 } from "../../src/workers/net/stack/route/output4.ts";
import { routeOutput6 } from "../../src/workers/net/stack/route/output6.ts";
import type * as R from "../../src/workers/net/stack/route/rows.ts";
import type { RoutingTables } from "../../src/workers/net/stack/route/tables.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { addAddress, ip, makeStack, route, rule } from "./stack_world.ts";

class Sink extends NetDevice {
  constructor(index: number, name: string) {
    super({ index, name, flags: 1, mtu: 1500 }, true);
  }

  override output(packet: Packet): void {
    packet.release();
  }
}

function withDevices(): { stack: Stack; tables: RoutingTables; devices: Sink[] } {
  const stack = makeStack();
  const devices = [new Sink(2, "eth0"), new Sink(3, "eth1")];
  for (const device of devices) stack.addDevice(device);
  return { stack, tables: stack.core.tables, devices };
}

function flowTo(text: string, more: Partial<Flow> = {}): Flow {
  const { w0, w1, w2, w3, isV4 } = ip(text);
  const flow = new Flow();
  flow.reset(!isV4);
  flow.setSource(0, 0, isV4 ? 0xffff : 0, 0);
  flow.setDestination(w0, w1, w2, w3);
  return Object.assign(flow, more);
}

/** What a lookup finds: the row, or the errno. */
function find(tables: RoutingTables, text: string, more: Partial<Flow> = {}): R.RouteRow | number {
  const flow = flowTo(text, more);
  const result = tables.lookup(flow);
  return result === 0 ? flow.route!.row : result;
}

test("the longest prefix wins, the lowest metric of those", () => {
  const { tables } = withDevices();
  const rows = [
    route("0.0.0.0/0", 2),
    route("10.0.0.0/8", 3),
    route("10.1.0.0/16", 2, { metric: 100 }),
    route("10.1.0.0/16", 3, { metric: 50 }),
    route("10.1.2.0/24", 2),
    route("::/0", 2),
    route("2001:db8::/32", 3),
  ];
  for (const row of rows) assert.is(tables.addRoute(row), 0);
  assert.is(find(tables, "8.8.8.8"), rows[0]);
  assert.is(find(tables, "10.9.9.9"), rows[1]);
  assert.is(find(tables, "10.1.9.9"), rows[3]);
  assert.is(find(tables, "10.1.2.3"), rows[4]);
  assert.is(find(tables, "2001:db8::9"), rows[6]);
  assert.is(find(tables, "2001:db9::9"), rows[5]);
  assert.is(find(tables, "10.1.9.9", { outputDevice: 2 }), rows[2]);
  assert.is(tables.addRoute(rows[3]!), -E.EEXIST);
  assert.is(tables.removeRoute(rows[3]!), 0);
  assert.is(find(tables, "10.1.9.9"), rows[2]);
  assert.is(tables.removeRoute(rows[3]!), -E.ESRCH);
});

test("routes that lead nowhere say why", () => {
  const { tables } = withDevices();
  const nowhere = (to: string, type: number): void => {
    tables.addRoute({ ...route(to, 1, { type }), device: null });
  };
  tables.addRoute(route("0.0.0.0/0", 2));
  nowhere("10.1.0.0/16", N.RTN_BLACKHOLE);
  nowhere("10.2.0.0/16", N.RTN_UNREACHABLE);
  nowhere("10.3.0.0/16", N.RTN_PROHIBIT);
  nowhere("10.4.0.0/16", N.RTN_THROW);
  assert.is(find(tables, "10.1.1.1"), -E.EINVAL);
  assert.is(find(tables, "10.2.1.1"), -E.EHOSTUNREACH);
  assert.is(find(tables, "10.3.1.1"), -E.EACCES);
  // The next rule is asked, whose table is empty.
  assert.is(find(tables, "10.4.1.1"), -E.ENETUNREACH);
});

test("rules choose by their order", () => {
  const { tables } = withDevices();
  const main = route("0.0.0.0/0", 2);
  const other = route("0.0.0.0/0", 3, { table: 100 });
  tables.addRoute(main);
  tables.addRoute(other);
  const at = (priority: number, more: Partial<R.RuleRow>): R.RuleRow => {
    const added = rule(AF_INET, priority, 100, more);
    assert.is(tables.addRule(added), 0);
    return added;
  };
  assert.is(find(tables, "8.8.8.8"), main);
  const marked = at(100, { mark: 0x10, mask: 0xf0 });
  assert.is(find(tables, "8.8.8.8", { mark: 0x1f }), other);
  assert.is(find(tables, "8.8.8.8", { mark: 0x2f }), main);
  const from = at(101, { source: ip("10.5.0.0").toBytes(), sourceLength: 16 });
  assert.is(find(tables, "8.8.8.8", { source3: 0x0a050001 }), other);
  assert.is(find(tables, "8.8.8.8", { source3: 0x0a060001 }), main);
  at(102, { destination: ip("9.0.0.0").toBytes(), destinationLength: 8 });
  assert.is(find(tables, "9.8.8.8"), other);
  at(103, { input: "eth1" });
  assert.is(find(tables, "8.8.8.8", { inputDevice: 3 }), other);
  assert.is(find(tables, "8.8.8.8", { inputDevice: 2 }), main);
  at(50, { action: N.FR_ACT_PROHIBIT, destination: ip("7.7.7.7").toBytes(), destinationLength: 32 });
  at(51, { action: N.FR_ACT_BLACKHOLE, destination: ip("7.7.7.8").toBytes(), destinationLength: 32 });
  at(52, { action: N.FR_ACT_UNREACHABLE, destination: ip("7.7.7.9").toBytes(), destinationLength: 32 });
  assert.is(find(tables, "7.7.7.7"), -E.EACCES);
  assert.is(find(tables, "7.7.7.8"), -E.EINVAL);
  assert.is(find(tables, "7.7.7.9"), -E.ENETUNREACH);
  at(40, {
    action: N.FR_ACT_GOTO,
    target: 32766,
    destination: ip("7.7.7.7").toBytes(),
    destinationLength: 32,
  });
  assert.is(find(tables, "7.7.7.7"), main);
  at(30, { table: 254, suppressLength: 0 });
  at(31, { table: 100, isInverted: true, destination: ip("6.0.0.0").toBytes(), destinationLength: 8 });
  assert.is(find(tables, "8.8.8.8"), other);
  assert.is(find(tables, "6.8.8.8"), main);
  assert.is(tables.removeRule(marked), 0);
  assert.is(tables.removeRule(marked), -E.ENOENT);
  assert.is(tables.removeRule(from), 0);
  assert.equal(
    [...tables.rules(AF_INET)].map(({ priority }) => priority),
    [0, 30, 31, 40, 50, 51, 52, 102, 103, 32766, 32767],
  );
});

test("devices that are down or gone lead nowhere", () => {
  const { stack, tables, devices } = withDevices();
  const rows = [route("10.0.0.0/8", 2), route("0.0.0.0/0", 3)];
  for (const row of rows) tables.addRoute(row);
  assert.is(find(tables, "10.1.1.1"), rows[0]);
  devices[0]!.flags = 0;
  assert.is(find(tables, "10.1.1.1"), rows[1]);
  stack.removeDevice(devices[1]!);
  assert.is(find(tables, "10.1.1.1"), -E.ENETUNREACH);
});

test("lookups and dumps are those of a plain list, whatever was added and removed", () => {
  const word = fc.constantFrom(0x0a000000, 0x0a000001, 0x0a800000, 0x0aff0000, 0x0b000000, 0x7fffffff, -1);
  const change = fc.record({
    word,
    length: fc.integer({ min: 0, max: 32 }),
    metric: fc.nat(2),
    isNew: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.array(word, { maxLength: 10 }), (changes, asked) => {
      const { tables } = withDevices();
      let model: { row: R.RouteRow; prefix: Prefix }[] = [];
      for (const { word, length, metric, isNew } of changes) {
        const prefix = new Prefix(IpAddress.v4(word), length);
        const row = route(prefix.toString(), 2, { metric });
        const same = model.find((one) => one.prefix.equals(prefix) && one.row.metric === metric);
        if (isNew) {
          assert.is(tables.addRoute(row), same === undefined ? 0 : -E.EEXIST);
          if (same === undefined) model.push({ row, prefix });
        } else {
          // Metric 0 names any: the lowest of the prefix.
          const found = model
            .filter((one) => one.prefix.equals(prefix) && (metric === 0 || one.row.metric === metric))
            .sort((a, b) => a.row.metric - b.row.metric)[0];
          assert.is(tables.removeRoute(row), found === undefined ? -E.ESRCH : 0);
          model = model.filter((one) => one !== found);
        }
        const rows = [...tables.routes(AF_INET)].filter(({ table }) => table === 254);
        assert.is(new Set(rows).size, model.length);
        for (const { row } of model) assert.ok(rows.includes(row));
        for (const word of asked) {
          const address = IpAddress.v4(word);
          if (address.isLoopback) continue;
          const best = model
            .filter((one) => one.prefix.has(address))
            .sort((a, b) => b.prefix.length - a.prefix.length || a.row.metric - b.row.metric)[0];
          assert.is(find(tables, address.toString()), best === undefined ? -E.ENETUNREACH : best.row);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("the way out: source, next hop, device", () => {
  const { stack, tables, devices } = withDevices();
  addAddress(stack, devices[0]!, "10.0.0.1/24");
  addAddress(stack, devices[1]!, "192.168.5.1/16");
  tables.addRoute(route("0.0.0.0/0", 2, { gateway: ip("10.0.0.254").toBytes() }));
  tables.addRoute(route("172.16.0.0/12", 3, { source: ip("10.0.0.1").toBytes() }));
  const out = (text: string, more: Partial<Flow> = {}): string | number => {
    const flow = flowTo(text, more);
    const error = routeOutput4(stack.core, flow, false);
    if (error !== 0) return error;
    const [source, hop] = [flow.source3, flow.nextHop3].map((word) => IpAddress.v4(word).toString());
    return `${source} ${hop} ${flow.device!.name} ${flow.type}`;
  };
  assert.is(out("8.8.8.8"), "10.0.0.1 10.0.0.254 eth0 1");
  assert.is(out("10.0.0.9"), "10.0.0.1 10.0.0.9 eth0 1");
  assert.is(out("192.168.9.9"), "192.168.5.1 192.168.9.9 eth1 1");
  assert.is(out("172.17.0.1"), "10.0.0.1 172.17.0.1 eth1 1");
  assert.is(out("10.0.0.1"), "10.0.0.1 10.0.0.1 lo 2");
  assert.is(out("127.0.0.5"), "127.0.0.1 127.0.0.5 lo 2");
  assert.is(out("10.0.0.255"), "10.0.0.1 10.0.0.255 eth0 3");
  assert.is(out("224.0.0.5", { outputDevice: 3 }), "192.168.5.1 224.0.0.5 eth1 5");
  assert.is(out("224.5.5.5"), "10.0.0.1 224.5.5.5 eth0 5");
  assert.is(out("255.255.255.255", { outputDevice: 3 }), "192.168.5.1 255.255.255.255 eth1 3");
  assert.is(out("8.8.8.8", { outputDevice: 3 }), "192.168.5.1 8.8.8.8 eth1 1");
  assert.is(out("8.8.8.8", { source3: 0x0a000009 }), -E.ENETUNREACH);
  assert.is(out("8.8.8.8", { source3: 0x7f000001 }), -E.EINVAL);
  assert.is(out("8.8.8.8", { outputDevice: 9 }), -E.ENODEV);
});

test("the way out of IPv6: scopes, labels, prefixes (RFC 6724)", () => {
  const { stack, tables, devices } = withDevices();
  for (const text of [
    "fe80::1/64",
    "2001:db8:1::1/64",
    "2001:db8:1:0:ffff::1/64",
    "fd00::1/64",
    "2002:c633:6401::1/64",
  ])
    addAddress(stack, devices[0]!, text);
  addAddress(stack, devices[1]!, "2001:db8:9::1/64");
  tables.addRoute(route("::/0", 2, { gateway: ip("fe80::fe").toBytes() }));
  const out = (text: string, more: Partial<Flow> = {}): string | number => {
    const flow = flowTo(text, more);
    const error = routeOutput6(stack.core, flow, false);
    if (error !== 0) return error;
    const source = IpAddress.fromWords(flow.source0, flow.source1, flow.source2, flow.source3);
    const hop = IpAddress.fromWords(flow.nextHop0, flow.nextHop1, flow.nextHop2, flow.nextHop3);
    return `${source} ${hop} ${flow.device!.name}`;
  };
  // No more of an address counts than the bits of its prefix.
  assert.is(out("2001:db8:1:0:ffff::7"), "2001:db8:1::1 2001:db8:1:0:ffff::7 eth0");
  assert.is(out("2001:db8:5::1"), "2001:db8:1::1 fe80::fe eth0");
  assert.is(out("fd00::9"), "fd00::1 fd00::9 eth0");
  assert.is(out("2002:c633:6401::d5e3"), "2002:c633:6401::1 2002:c633:6401::d5e3 eth0");
  assert.is(out("fe80::9", { outputDevice: 2 }), "fe80::1 fe80::9 eth0");
  assert.is(out("ff02::1", { outputDevice: 2 }), "fe80::1 ff02::1 eth0");
  assert.is(out("2001:db8:1::1"), "2001:db8:1::1 2001:db8:1::1 lo");
  assert.is(out("::"), "::1 ::1 lo");
  assert.is(out("ff02::1"), "fe80::1 ff02::1 eth0");
});

test("tables are bounded", () => {
  const { tables } = withDevices();
  let result = 0;
  for (let i = 0; i < 20000 && result === 0; i++)
    result = tables.addRoute(route(`${IpAddress.v4(0x0a000000 + i)}/32`, 2));
  assert.is(result, -E.ENFILE);
  result = 0;
  for (let i = 0; i < 2000 && result === 0; i++) result = tables.addRule(rule(AF_INET6, i, 254));
  assert.is(result, -E.ENFILE);
});

test.run();
