// Stacks on an Ethernet: neighbours are found, believed, asked again and given up as Linux does it, and `ip neigh` shows
// and sets them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET } from "../../src/shared/abi/socket.ts";
import { type Host, LinkWorld } from "./link_world.ts";
import { bound, endpointOf, ip, send, sendTo, take } from "./stack_world.ts";

const ARP = 0x0806;
const IP = 0x0800;
const IP6 = 0x86dd;
const SECOND = 1_000_000;

/** Two hosts that have had their addresses long enough. */
function pair(): { world: LinkWorld; here: Host; there: Host } {
  const world = new LinkWorld(2);
  const [here, there] = world.hosts as [Host, Host];
  for (const [at, host] of world.hosts.entries()) {
    host.up();
    host.add(`10.0.0.${at + 1}/24`);
    host.add(`fd00::${at + 1}/64`);
  }
  world.pass(5 * SECOND);
  world.seen.length = 0;
  return { world, here, there };
}

for (const [family, from, to, type] of [
  ["IPv4", "10.0.0.1", "10.0.0.2", ARP],
  ["IPv6", "fd00::1", "fd00::2", IP6],
] as const) {
  test(`${family}: a datagram waits for its neighbour, both are known then`, () => {
    const { world, here, there } = pair();
    const server = bound(there.stack, to, 5000);
    const client = bound(here.stack, from, 0);
    sendTo(client, "one", to, 5000);
    sendTo(client, "two", to, 5000);
    assert.is(here.neighbour(to)!.state, N.NUD_INCOMPLETE);
    world.pass(1000);
    assert.equal([take(server), take(server), take(server)], ["one", "two", null]);
    assert.equal(here.neighbour(to), { state: N.NUD_REACHABLE, mac: "020000000002" });
    // An answer of IPv6 goes to whom it has just heard of.
    const known = type === ARP ? N.NUD_STALE : N.NUD_DELAY;
    assert.equal(there.neighbour(from), { state: known, mac: "020000000001" });
    assert.equal(world.takeQuestions(), { all: 1, toGroups: 1 });
    // It is believed for 15 to 45 seconds.
    world.pass(14 * SECOND);
    assert.is(here.neighbour(to)!.state, N.NUD_REACHABLE);
    world.pass(40 * SECOND);
    assert.is(here.neighbour(to)!.state, N.NUD_STALE);
    // Then it is used, and after five seconds asked by itself.
    sendTo(client, "three", to, 5000);
    assert.is(here.neighbour(to)!.state, N.NUD_DELAY);
    world.pass(2 * SECOND);
    world.seen.length = 0;
    world.pass(4 * SECOND);
    assert.is(here.neighbour(to)!.state, N.NUD_REACHABLE);
    assert.is(world.takeQuestions().toGroups, 0);
    assert.is(take(server), "three");
    assert.ok(world.isEmpty());
  });

  test(`${family}: nobody answers: three questions, and the sender is told`, () => {
    const { world, here } = pair();
    const nobody = to.replace(/2$/, "9");
    const client = endpointOf(here.stack, type === IP6);
    client.receivesErrors4 = true;
    client.receivesErrors6 = true;
    assert.is(client.connect(ip(nobody), 9), 0);
    assert.is(send(client, "x"), 1);
    world.pass(10 * SECOND);
    assert.equal(world.takeQuestions(), { all: 3, toGroups: 3 });
    assert.is(here.neighbour(nobody)!.state, N.NUD_FAILED);
    assert.is(client.receiveError()?.errno, E.EHOSTUNREACH);
    assert.is(client.takeError(), E.EHOSTUNREACH);
    assert.ok(world.isEmpty());
    // The next one asks again.
    send(client, "y");
    world.pass(SECOND / 2);
    assert.is(world.takeQuestions().all, 1);
    world.pass(10 * SECOND);
    assert.ok(world.isEmpty());
  });

  test(`${family}: a neighbour that goes away is asked by itself, then given up`, () => {
    const { world, here, there } = pair();
    const client = bound(here.stack, from, 0);
    sendTo(client, "x", to, 9);
    world.pass(60 * SECOND);
    there.down();
    sendTo(client, "x", to, 9);
    world.pass(7 * SECOND);
    assert.is(here.neighbour(to)!.state, N.NUD_PROBE);
    world.pass(7 * SECOND);
    assert.is(here.neighbour(to)!.state, N.NUD_FAILED);
    assert.ok(world.isEmpty());
  });

  test(`${family}: what waits is bounded, the oldest goes first`, () => {
    const { world, here } = pair();
    const nobody = to.replace(/2$/, "9");
    const client = endpointOf(here.stack, type === IP6);
    for (let i = 0; i < 300; i++) sendTo(client, "x".repeat(1000), nobody, 9);
    const { neighbours } = type === IP6 ? here.stack.links.discovery : here.stack.links.arp;
    assert.is(here.stack.core.pools.used, 104);
    assert.is(neighbours.counters.unresolvedDiscards, 300 - 104);
    for (let i = 10; i < 80; i++) sendTo(client, "x", to.replace(/2$/, `${i}`), 9);
    assert.ok(here.stack.core.pools.used <= 128 + 70);
    world.pass(20 * SECOND);
    assert.ok(world.isEmpty());
  });
}

test("ip neigh: what is set is used, stays, and is gone when it is removed", () => {
  const { world, here, there } = pair();
  const server = bound(there.stack, "10.0.0.2", 5000);
  const { neighbours } = here.devices;
  const row = {
    family: AF_INET,
    device: here.row,
    address: Uint8Array.of(10, 0, 0, 2),
    linkAddress: Uint8Array.of(2, 0, 0, 0, 0, 2),
    state: N.NUD_PERMANENT,
    flags: 0,
    protocol: 0,
  } as const;
  assert.is(neighbours.set({ ...row }, N.NLM_F_CREATE), 0);
  // No strangers' word changes it.
  const claim = "ffffffffffff0200000000090806000108000604000202000000000" + "90a0000020200000000010a000001";
  world.segment.send(Buffer.from(claim, "hex"), null);
  sendTo(bound(here.stack, "10.0.0.1", 0), "x", "10.0.0.2", 5000);
  world.pass(100 * SECOND);
  assert.is(take(server), "x");
  assert.is(world.take(ARP, "0001080006040001020000000001"), 0);
  assert.equal(here.neighbour("10.0.0.2"), { state: N.NUD_PERMANENT, mac: "020000000002" });
  assert.is(neighbours.remove(AF_INET, here.row, row.address), 0);
  assert.is(here.neighbour("10.0.0.2"), null);
  assert.is(here.stack.links.arp.neighbours.find(here.port, 0, 0, 0xffff, ip("10.0.0.2").w3), null);
  assert.ok(world.isEmpty());
});

/** An ARP packet to everybody, from whoever. */
function arp(operation: number, mac: string, sender: string, toMac: string, target: string): Uint8Array {
  const words = [ip(sender), ip(target)].map((address) => Buffer.from(address.toBytes()).toString("hex"));
  return Buffer.from(
    `ffffffffffff${mac}0806000108000604000${operation}${mac}${words[0]}${toMac}${words[1]}`,
    "hex",
  );
}

test("ARP: a neighbour is not taken over within a second, but by a gratuitous word; strangers make nobody known", () => {
  const { world, here } = pair();
  sendTo(endpointOf(here.stack), "x", "10.0.0.2", 9);
  world.pass(1000);
  const [stranger, us] = ["020000000009", "020000000001"];
  const say = (frame: Uint8Array): string | undefined => {
    world.segment.send(frame, null);
    world.pass(1000);
    return here.neighbour("10.0.0.2")?.mac;
  };
  assert.is(say(arp(2, stranger, "10.0.0.2", us, "10.0.0.1")), "020000000002");
  world.pass(2 * SECOND);
  assert.is(say(arp(2, stranger, "10.0.0.2", us, "10.0.0.1")), stranger);
  // Gratuitous: who has it says so to all.
  assert.is(say(arp(1, "020000000002", "10.0.0.2", "000000000000", "10.0.0.2")), "020000000002");
  say(arp(1, stranger, "10.0.0.77", "000000000000", "10.0.0.78"));
  say(arp(2, stranger, "10.0.0.77", us, "10.0.0.1"));
  assert.is(here.neighbour("10.0.0.77"), null);
  // This host's own address is nobody's to claim, and groups have no link address.
  say(arp(1, stranger, "10.0.0.1", "000000000000", "10.0.0.1"));
  assert.is(here.neighbour("10.0.0.1"), null);
  world.take(ARP);
  say(arp(1, "030000000009", "10.0.0.77", "000000000000", "10.0.0.1"));
  assert.is(here.neighbour("10.0.0.77"), null);
  say(arp(1, stranger, "10.0.0.77", "000000000000", "10.0.0.1"));
  assert.is(here.neighbour("10.0.0.77")!.state, N.NUD_STALE);
  // Whoever looks for a duplicate of this host's address hears that there is one.
  world.take(ARP);
  say(arp(1, stranger, "0.0.0.0", "000000000000", "10.0.0.1"));
  assert.is(world.take(ARP, "0002020000000001"), 1);
});

test("strangers who ask fill the table, and those that this host needs still have room", () => {
  const { world, here, there } = pair();
  const server = bound(there.stack, "10.0.0.2", 5000);
  for (let i = 0; i < 3000; i++) {
    const sender = `10.0.0.${3 + (i % 250)}`;
    here.port.arrive(
      arp(1, "020000000009", sender.replace("10.0", `10.${i % 200}`), "000000000000", "10.0.0.1"),
    );
  }
  const { neighbours } = here.stack.links.arp;
  assert.ok(neighbours.count <= 1024, `${neighbours.count}`);
  world.pass(1000);
  sendTo(endpointOf(here.stack), "x", "10.0.0.2", 5000);
  world.pass(1000);
  assert.is(take(server), "x");
  assert.is(
    [...here.devices.neighbours.all()].length,
    [...neighbours.all()].length + [...here.stack.links.discovery.neighbours.all()].length,
  );
  here.down();
  assert.is(neighbours.count, 0);
  assert.is([...here.devices.neighbours.all()].length, 0);
});

test("frames for others, from groups, of unknown types and too short ones are dropped; padding is trimmed", () => {
  const { world, here } = pair();
  const frame = arp(1, "020000000009", "10.0.0.9", "000000000000", "10.0.0.1");
  const other = Uint8Array.from(frame);
  other.set([2, 0, 0, 0, 0, 7]);
  here.port.arrive(other);
  const fromGroup = Uint8Array.from(frame);
  fromGroup[6] = 3;
  here.port.arrive(fromGroup);
  assert.is(here.port.rxOthers, 2);
  const strange = Uint8Array.from(frame);
  strange[12] = 0x12;
  here.port.arrive(strange);
  assert.is(here.port.rxUnknown, 1);
  for (let length = 0; length < 42; length++) here.port.arrive(frame.subarray(0, length));
  assert.is(here.port.rxErrors, 42);
  assert.is(here.neighbour("10.0.0.9"), null);
  const padded = new Uint8Array(60);
  padded.set(frame);
  here.port.arrive(padded);
  assert.is(here.neighbour("10.0.0.9")!.state, N.NUD_STALE);
  world.pass(1000);
  assert.ok(world.isEmpty());
});

test("broadcasts and groups need no neighbour", () => {
  const { world, here, there } = pair();
  const server = bound(there.stack, "0.0.0.0", 5000);
  const client = endpointOf(here.stack);
  client.mayBroadcast = true;
  for (const to of ["10.0.0.255", "255.255.255.255", "239.1.2.3"]) sendTo(client, to, to, 5000);
  assert.is(server.join(ip("239.1.2.3"), there.row.index), 0);
  here.via("10.0.0.2");
  sendTo(client, "again", "239.1.2.3", 5000);
  world.pass(1000);
  assert.is(world.take(IP, "01005e010203"), 2 - 1);
  assert.equal([take(server), take(server), take(server)], ["10.0.0.255", "again", null]);
  assert.is(here.neighbour("10.0.0.255"), null);
});

test("IPv6: an address is used when nobody has it, and not when somebody does", () => {
  const world = new LinkWorld(2);
  const [here, there] = world.hosts as [Host, Host];
  here.up();
  here.add("fd00::1/64");
  assert.equal(here.addresses6, ["fd00::1 c0", "fe80::ff:fe00:1 c0"]);
  world.pass(3 * SECOND);
  assert.equal(here.addresses6, ["fd00::1 80", "fe80::ff:fe00:1 80"]);
  there.up();
  world.pass(3 * SECOND);
  there.add("fd00::1/64");
  world.pass(3 * SECOND);
  assert.equal(there.addresses6, ["fd00::1 c8", "fe80::ff:fe00:2 80"]);
  there.add("fd00::2/64", N.IFA_F_NODAD);
  assert.is(there.addresses6[0], "fd00::2 82");
  // Two who want it at once: neither gets it.
  for (const host of world.hosts) host.add("fd00::5/64");
  world.pass(3 * SECOND);
  assert.equal([here.addresses6[0], there.addresses6[0]], ["fd00::5 c8", "fd00::5 c8"]);
  assert.is(here.devices.inet6.remove(here.row, ip("fd00::5").toBytes(), 64), 0);
  world.pass(3 * SECOND);
  assert.ok(world.isEmpty());
});

test("IPv6: what other hosts say of neighbours is believed as RFC 4861 has it", () => {
  const { world, here } = pair();
  sendTo(endpointOf(here.stack, true), "x", "fd00::2", 9);
  world.pass(1000);
  const { discovery } = here.stack.links;
  const words = ip("fd00::2");
  const known = discovery.neighbours.find(here.port, words.w0, words.w1, words.w2, words.w3)!;
  const other = Uint8Array.of(2, 0, 0, 0, 0, 9);
  // Another address without the override flag: doubt alone.
  discovery.neighbours.update(known, other, N.NUD_STALE, 2);
  assert.equal(here.neighbour("fd00::2"), { state: N.NUD_STALE, mac: "020000000002" });
  discovery.neighbours.update(known, other, N.NUD_STALE, 1);
  assert.equal(here.neighbour("fd00::2"), { state: N.NUD_STALE, mac: "020000000009" });
  world.pass(20 * SECOND);
  assert.ok(world.isEmpty());
});

test("a device that is gone takes all with it", () => {
  const { world, here } = pair();
  sendTo(endpointOf(here.stack), "x", "10.0.0.77", 9);
  sendTo(endpointOf(here.stack, true), "x", "fd00::77", 9);
  here.add("fd00::99/64");
  world.pass(1000);
  here.devices.removeLink(here.row);
  assert.is(here.stack.core.pools.used, 0);
  assert.is([...here.devices.neighbours.all()].length, 0);
  assert.is(here.stack.core.memberships.count, 0);
  assert.is(here.stack.links.duplicates.count, 0);
  world.pass(60 * SECOND);
  assert.is(here.stack.nextDeadlineUs, Number.POSITIVE_INFINITY);
});

test.run();
