// Routers, redirects and groups on a simulated Ethernet: what a hostile or a good router says is believed as far as Linux
// does by default, and routers hear which groups there are.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET6 } from "../../src/shared/abi/socket.ts";
import { sumOf, sumOfAddress, sumOfPseudoHeader } from "../../src/workers/net/stack/checksum.ts";
import { Message } from "../../src/workers/net/stack/datagram/message.ts";
import { PingEndpoint } from "../../src/workers/net/stack/ping/endpoint.ts";
import type { UdpEndpoint } from "../../src/workers/net/stack/udp/endpoint.ts";
import { type Host, LinkWorld } from "./link_world.ts";
import { bound, endpointOf, ip, send, sendTo, take } from "./stack_world.ts";

const SECOND = 1_000_000;

/** A frame with an ICMPv6 message from a stranger to everybody, or to a group. */
function icmp6(from: string, to: string, message: Uint8Array, hopLimit = 255): Uint8Array {
  const frame = Buffer.alloc(54 + message.length);
  const [source, destination] = [ip(from), ip(to)];
  frame.set(Buffer.from("333300000001020000000099" + "86dd", "hex"));
  frame.set([0x60, 0, 0, 0, message.length >> 8, message.length & 0xff, 58, hopLimit], 14);
  frame.set(source.toMappedBytes(), 22);
  frame.set(destination.toMappedBytes(), 38);
  frame.set(message, 54);
  frame.fill(0, 56, 58);
  const pseudo = sumOfPseudoHeader(
    sumOfAddress(source.w0, source.w1, source.w2, source.w3),
    sumOfAddress(destination.w0, destination.w1, destination.w2, destination.w3),
    58,
    message.length,
  );
  const view = new DataView(frame.buffer, frame.byteOffset);
  frame.writeUInt16BE(~sumOf(view, 54, message.length, pseudo) & 0xffff, 56);
  return frame;
}

interface Advertised {
  readonly prefix: string;
  readonly flags?: number;
  readonly valid?: number;
  readonly preferred?: number;
}

/** A router advertisement with its prefixes. */
function advertisement(
  lifetime: number,
  prefixes: readonly Advertised[],
  mtu = 0,
  preference = 0,
): Uint8Array {
  const parts = [Buffer.alloc(16), Buffer.from("0101020000000099", "hex")];
  parts[0]!.set([134, 0, 0, 0, 50, preference << 3, lifetime >> 8, lifetime & 0xff]);
  for (const { prefix, flags = 0xc0, valid = 3600, preferred = 1800 } of prefixes) {
    const [address, length] = prefix.split("/");
    const option = Buffer.alloc(32);
    option.set([3, 4, Number(length), flags]);
    option.writeUInt32BE(valid, 4);
    option.writeUInt32BE(preferred, 8);
    option.set(ip(address!).toMappedBytes(), 16);
    parts.push(option);
  }
  if (mtu !== 0) {
    const option = Buffer.from("0501000000000000", "hex");
    option.writeUInt32BE(mtu, 4);
    parts.push(option);
  }
  return Buffer.concat(parts);
}

function single(): { world: LinkWorld; host: Host; hear: (frame: Uint8Array) => void } {
  const world = new LinkWorld(1);
  const [host] = world.hosts as [Host];
  host.up();
  world.pass(3 * SECOND);
  const hear = (frame: Uint8Array): void => {
    world.segment.send(frame, null);
    world.pass(1000);
  };
  return { world, host, hear };
}

function routes(host: Host): string[] {
  const main = [...host.devices.routes.of(AF_INET6)].filter((row) => row.table === N.RT_TABLE_MAIN);
  return main
    .filter(({ device }) => device === host.row)
    .map((row) => {
      const own = host.stack.core.tables;
      assert.ok([...own.routes(AF_INET6)].includes(row), "the stack has it");
      const gateway = row.gateway === null ? "" : ` via ${Buffer.from(row.gateway).toString("hex")}`;
      return `${Buffer.from(row.destination).toString("hex", 0, 8)}/${row.prefixLength} ${row.protocol} ${row.metric}${gateway}`;
    })
    .sort();
}

const LINK = "fe80000000000000/64 2 256";
const VIA = "0000000000000000/0 9 1024 via fe800000000000000000000000000099";

test("a router is asked for, and once it has spoken no more", () => {
  const { world, hear } = single();
  const solicitations = (): number => {
    const count = world.seen.filter((frame) => frame[20] === 58 && frame[54] === 133).length;
    world.seen.length = 0;
    return count;
  };
  world.pass(30 * SECOND);
  assert.is(solicitations(), 4);
  hear(icmp6("fe80::99", "ff02::1", advertisement(1800, [])));
  world.pass(500 * SECOND);
  assert.is(solicitations(), 0);
});

test("prefixes, addresses, default route, MTU and hop limit come of an advertisement, and go in their time", () => {
  const { world, host, hear } = single();
  const prefixes = [
    { prefix: "2001:db8:1::/64" },
    { prefix: "2001:db8:2::/64", flags: 0x80, valid: 100, preferred: 100 },
  ];
  hear(icmp6("fe80::99", "ff02::1", advertisement(1800, prefixes, 1400)));
  assert.equal(routes(host), [VIA, "20010db800010000/64 2 256", "20010db800020000/64 2 256", LINK].sort());
  assert.equal([host.port.mtu6, host.port.hopLimit6, host.port.mtu], [1400, 50, 1500]);
  assert.is(host.addresses6[0], "2001:db8:1::ff:fe00:1 40");
  world.pass(3 * SECOND);
  assert.is(host.addresses6[0], "2001:db8:1::ff:fe00:1 0");
  assert.equal(host.neighbour("fe80::99"), { state: N.NUD_STALE, mac: "020000000099" });
  // What is sent abroad goes to the router, from that address.
  sendTo(endpointOf(host.stack, true), "x", "2001:db8:9::1", 9);
  world.pass(1000);
  assert.ok(
    world.seen.some(
      (frame) => frame.toString("hex", 0, 14) === "02000000009902000000000186dd" && frame[21] === 50,
    ),
  );
  world.pass(120 * SECOND);
  assert.equal(routes(host), [VIA, "20010db800010000/64 2 256", LINK].sort());
  world.pass(1900 * SECOND);
  assert.equal(routes(host), ["20010db800010000/64 2 256", LINK].sort());
  assert.is(host.addresses6[0], "2001:db8:1::ff:fe00:1 20");
  world.pass(3700 * SECOND);
  assert.equal(routes(host), [LINK]);
  assert.equal(host.addresses6, ["fe80::ff:fe00:1 80"]);
  assert.ok(world.isEmpty());
});

test("nobody takes an address away at once, a router that ends does so at once, and a device that is down forgets", () => {
  const { world, host, hear } = single();
  hear(icmp6("fe80::99", "ff02::1", advertisement(1800, [{ prefix: "2001:db8:1::/64", valid: 86400 }])));
  world.pass(3 * SECOND);
  hear(
    icmp6(
      "fe80::99",
      "ff02::1",
      advertisement(1800, [{ prefix: "2001:db8:1::/64", valid: 0, preferred: 0 }]),
    ),
  );
  assert.is(host.row.inet6[0]!.validSeconds, 7200);
  assert.is(host.addresses6[0], "2001:db8:1::ff:fe00:1 20");
  hear(icmp6("fe80::99", "ff02::1", advertisement(0, [])));
  assert.equal(routes(host), [LINK]);
  hear(icmp6("fe80::99", "ff02::1", advertisement(1800, [], 0, 1)));
  assert.equal(routes(host), [VIA, LINK].sort());
  assert.is([...host.devices.routes.of(AF_INET6)].find(({ gateway }) => gateway !== null)!.preference, 1);
  host.down();
  assert.equal(routes(host), []);
  assert.is(host.stack.links.routers.owner !== null, true);
  host.up();
  world.pass(3 * SECOND);
  assert.equal(routes(host), [LINK]);
});

test("advertisements that must not be believed are not, and what they tell is bounded", () => {
  const { host, hear } = single();
  const good = advertisement(1800, [{ prefix: "2001:db8:1::/64" }]);
  hear(icmp6("fe80::99", "ff02::1", good, 254));
  hear(icmp6("2001:db8::99", "ff02::1", good));
  hear(icmp6("fe80::99", "ff02::1", good.subarray(0, 12)));
  const zero = Buffer.from(good);
  zero[17] = 0;
  hear(icmp6("fe80::99", "ff02::1", zero));
  hear(
    icmp6(
      "fe80::99",
      "ff02::1",
      advertisement(0, [{ prefix: "fe80:1::/64" }, { prefix: "ff05::/64" }, { prefix: "2001:db8::/200" }]),
    ),
  );
  hear(icmp6("fe80::99", "ff02::1", advertisement(0, [{ prefix: "2001:db8::/64", valid: 5, preferred: 6 }])));
  assert.equal(routes(host), [LINK]);
  for (let i = 0; i < 200; i++) {
    hear(
      icmp6(
        "fe80::99",
        "ff02::1",
        advertisement(0, [{ prefix: `2001:db8:${(i + 16).toString(16)}::/64` }], 1279),
      ),
    );
    hear(icmp6(`fe80::${(i + 4096).toString(16)}`, "ff02::1", advertisement(1800, [])));
  }
  assert.is(routes(host).length, 65);
  assert.is(host.row.inet6.length, 17);
  assert.is(host.port.mtu6, 0);
  host.devices.setInet6(host.row, false, true);
  host.down();
  host.up();
  hear(icmp6("fe80::99", "ff02::1", good));
  assert.equal(routes(host), [LINK]);
  host.devices.setInet6(host.row, true, false);
  assert.equal(routes(host), []);
  host.devices.setInet6(host.row, false, false);
  assert.equal(routes(host), [LINK]);
  host.stack.core.settings.forwards6 = true;
  host.down();
  host.up();
  hear(icmp6("fe80::99", "ff02::1", good));
  assert.equal(routes(host), [LINK]);
});

/** A host, two routers, and a host behind them. */
function routed(): { world: LinkWorld; here: Host; far: Host } {
  const world = new LinkWorld(3);
  const [here, router, far] = world.hosts as [Host, Host, Host];
  for (const host of world.hosts) host.up();
  here.add("10.0.0.1/24");
  here.add("fd00::1/64", N.IFA_F_NODAD);
  router.add("10.0.0.2/24");
  router.add("10.7.0.1/24");
  router.add("fd00::2/64", N.IFA_F_NODAD);
  router.add("fd07::1/64", N.IFA_F_NODAD);
  far.add("10.7.0.9/24");
  far.add("fd07::9/64", N.IFA_F_NODAD);
  here.via("10.0.0.2");
  here.via("fd00::2");
  far.via("10.7.0.1");
  far.via("fd07::1");
  router.stack.core.settings.forwards4 = true;
  router.stack.core.settings.forwards6 = true;
  world.pass(3 * SECOND);
  return { world, here, far };
}

for (const [here4, far4] of [
  ["10.0.0.1", "10.7.0.9"],
  ["fd00::1", "fd07::9"],
] as const)
  test(`a router passes on ${far4} with one hop less, and says when it cannot`, () => {
    const { world, here, far } = routed();
    here.stack.core.settings.acceptsRedirects4 = false;
    const server = bound(far.stack, far4, 5000);
    const client = bound(here.stack, here4, 0);
    client.receivesErrors4 = true;
    client.receivesErrors6 = true;
    sendTo(client, "x", far4, 5000);
    world.pass(1000);
    const packet = server.receive()!;
    assert.is(packet.hopLimit, 63);
    packet.release();
    client.hopLimit4 = 1;
    client.hopLimit6 = 1;
    sendTo(client, "y", far4, 5000);
    world.pass(1000);
    assert.is(take(server), null);
    const record = client.receiveError()!;
    assert.equal([record.errno, record.type], [113, here4.includes(":") ? 3 : 11]);
    client.takeError();
    // The far side's link is narrower.
    client.hopLimit4 = 64;
    client.hopLimit6 = 64;
    const router = world.hosts[1]!;
    router.devices.setMtu(router.row, 1300);
    sendTo(client, "z".repeat(1400), far4, 5000);
    world.pass(1000);
    assert.ok(world.isEmpty());
  });

/** A host, its gateway, and the router behind which 10.9.0.1 is, all on one link: the gateway redirects to it. */
function withBetterWay() {
  const world = new LinkWorld(3);
  const [here, gateway, better] = world.hosts as [Host, Host, Host];
  for (const [at, host] of world.hosts.entries()) {
    host.up();
    host.add(`10.0.0.${at + 1}/24`);
  }
  here.via("10.0.0.2");
  gateway.stack.core.settings.forwards4 = true;
  gateway.via("10.0.0.3");
  better.add("10.9.0.1/24");
  world.pass(3 * SECOND);
  const server = bound(better.stack, "10.9.0.1", 5000);
  return { world, here, gateway, server };
}

test("a redirect of the gateway is believed, of others not", () => {
  const { world, here, gateway, server } = withBetterWay();
  const client = bound(here.stack, "10.0.0.1", 0);
  sendTo(client, "one", "10.9.0.1", 5000);
  world.pass(1000);
  assert.is(take(server), "one");
  assert.is(gateway.stack.core.counters.icmp.outTypes[5], 1);
  const { ForwDatagrams } = gateway.stack.core.counters.ip;
  sendTo(client, "two", "10.9.0.1", 5000);
  world.pass(1000);
  assert.is(take(server), "two");
  assert.is(gateway.stack.core.counters.ip.ForwDatagrams, ForwDatagrams);
  // For a while.
  world.pass(301 * SECOND);
  sendTo(client, "three", "10.9.0.1", 5000);
  world.pass(1000);
  assert.is(gateway.stack.core.counters.ip.ForwDatagrams, ForwDatagrams + 1);
  // Of a stranger: from an address that is no gateway of this host's.
  here.stack.core.redirects.forget();
  const frame = world.seen.findLast((one) => one[23] === 1 && one[34] === 5)!;
  const forged = Buffer.from(frame);
  forged[29] = 77;
  forged.fill(0, 24, 26);
  const view = new DataView(forged.buffer, forged.byteOffset);
  forged.writeUInt16BE(~sumOf(view, 14, 20) & 0xffff, 24);
  world.segment.send(forged, null);
  world.pass(1000);
  assert.ok(here.stack.core.counters.icmp.inTypes[5]! >= 3);
  sendTo(client, "four", "10.9.0.1", 5000);
  world.pass(1000);
  assert.is(gateway.stack.core.counters.ip.ForwDatagrams, ForwDatagrams + 2);
});

test("a redirect is for those who have a way already, and after its time for nobody new", () => {
  const { world, here, gateway, server } = withBetterWay();
  const connected = (): UdpEndpoint => {
    const client = bound(here.stack, "10.0.0.1", 0);
    client.connect(ip("10.9.0.1"), 5000);
    return client;
  };
  // How many of its datagrams went by the gateway.
  const goesBy = (client: UdpEndpoint): number => {
    const before = gateway.stack.core.counters.ip.ForwDatagrams;
    send(client, "x");
    world.pass(1000);
    assert.is(take(server), "x");
    return gateway.stack.core.counters.ip.ForwDatagrams - before;
  };
  const first = connected();
  assert.is(goesBy(first), 1);
  assert.equal([goesBy(first), goesBy(connected())], [0, 0]);
  world.pass(301 * SECOND);
  assert.is(goesBy(connected()), 1);
});

/** Reports of groups that were seen, as text; they are forgotten. */
function reports(world: LinkWorld): string[] {
  const found: string[] = [];
  for (const frame of world.seen) {
    const hex = frame.toString("hex");
    if (hex.startsWith("020000000099", 12)) continue;
    if (frame[23] === 2 && frame.readUInt16BE(12) === 0x800) {
      assert.is(frame.toString("hex", 34, 38), "94040000");
      assert.is(frame[22], 1);
      found.push(hex.slice(76));
    }
    if (frame.readUInt16BE(12) === 0x86dd && frame[20] === 0 && [131, 132, 143].includes(frame[62]!))
      found.push(hex.slice(124));
  }
  world.seen.length = 0;
  return found.map((text) => text.replace(/^(....)..../, "$1"));
}

test("groups of IPv4 are told of when they are joined, asked for and left", () => {
  const { world, host, hear } = single();
  host.add("10.0.0.1/24");
  const endpoint = endpointOf(host.stack);
  world.seen.length = 0;
  endpoint.join(ip("239.1.2.3"), host.row.index);
  world.pass(3 * SECOND);
  const joined = "22000000000104000000ef010203";
  assert.equal(reports(world), [joined, joined]);
  const query = (rest: string): Uint8Array => {
    const bytes = Buffer.from(
      `01005e00000102000000009908004600002400000000010200000a000063e000000194040000${rest}`,
      "hex",
    );
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    bytes.writeUInt16BE(bytes.length - 14, 16);
    bytes.writeUInt16BE(~sumOf(view, 14, 24) & 0xffff, 24);
    bytes.writeUInt16BE(~sumOf(view, 38, bytes.length - 38) & 0xffff, 40);
    return bytes;
  };
  hear(query("110a00000000000002000000"));
  world.pass(2 * SECOND);
  assert.equal(reports(world), ["22000000000102000000ef010203"]);
  hear(query("110a0000efeeeeee02000000"));
  world.pass(2 * SECOND);
  assert.equal(reports(world), []);
  // An old router: version 2 is spoken for a while.
  hear(query("110a000000000000"));
  world.pass(2 * SECOND);
  assert.equal(reports(world), ["1600ef010203"]);
  endpoint.leave(ip("239.1.2.3"), host.row.index);
  world.pass(2 * SECOND);
  assert.equal(reports(world), ["1700ef010203"]);
  world.pass(300 * SECOND);
  world.seen.length = 0;
  endpoint.join(ip("239.1.2.3"), host.row.index);
  endpoint.close();
  world.pass(3 * SECOND);
  const left = "22000000000103000000ef010203";
  assert.equal(reports(world), [left, left]);
  assert.ok(world.isEmpty());
});

test("groups of IPv6, those of the host's own addresses among them", () => {
  const world = new LinkWorld(1);
  const [host] = world.hosts as [Host];
  host.up();
  world.pass(5 * SECOND);
  const own = "8f000000000104000000ff0200000000000000000001ff000001";
  assert.equal(reports(world), [own, own]);
  const query = Buffer.alloc(28);
  query.set([130, 0, 0, 0, 3, 0xe8]);
  const frame = icmp6("fe80::99", "ff02::1", query, 1);
  world.segment.send(frame, null);
  world.pass(2 * SECOND);
  assert.equal(reports(world), [own.replace("0104", "0102")]);
  world.segment.send(icmp6("fe80::99", "ff02::1", query.subarray(0, 24), 1), null);
  world.pass(2 * SECOND);
  assert.equal(reports(world), ["830000000000ff0200000000000000000001ff000001"]);
  world.segment.send(icmp6("2001:db8::99", "ff02::1", query, 1), null);
  world.pass(2 * SECOND);
  assert.equal(reports(world), []);
  const endpoint = endpointOf(host.stack, true);
  for (let i = 0; i < 2000; i++) endpoint.join(ip(`ff05::${(i + 4096).toString(16)}`), host.row.index);
  world.pass(400 * SECOND);
  assert.ok(reports(world).length > 20);
  host.down();
  endpoint.close();
  world.pass(5000 * SECOND);
  assert.is(host.stack.core.memberships.count, 0);
  assert.ok(world.isEmpty());
  assert.is(host.stack.nextDeadlineUs, Number.POSITIVE_INFINITY);
});

test("ping from host to host, both families", () => {
  const { world, here } = routed();
  for (const to of ["10.0.0.2", "fd00::2", "10.7.0.9", "fd07::9"]) {
    const isV6 = to.includes(":");
    const endpoint = new PingEndpoint(here.stack.ping, isV6);
    const echo = Uint8Array.of(isV6 ? 128 : 8, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3);
    assert.is(endpoint.send(echo, new Message().to(ip(to), 0)), 11);
    world.pass(5000);
    const packet = endpoint.receive();
    assert.is.not(packet, null, to);
    packet!.release();
    endpoint.close();
  }
});

test.run();
