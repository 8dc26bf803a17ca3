// The packet filter on stacks: what rules do to datagrams and connections, what conntrack makes of them, and translation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import { Message } from "../../src/workers/net/stack/datagram/message.ts";
import { ASSURED, SEEN_REPLY } from "../../src/workers/net/stack/filter/tracked.ts";
import { PingEndpoint } from "../../src/workers/net/stack/ping/endpoint.ts";
import {
  ACCEPT,
  DROP,
  type Part,
  ports,
  RETURN,
  reject,
  setRules,
  state,
  type TestRule,
  translation,
  uid,
  words,
} from "./filter_rules.ts";
import { accepted, connecting, listening, read, write } from "./stack_tcp_world.ts";
import { bound, drain, endpointOf, ip, makeStack, send, sendTo, take, World } from "./stack_world.ts";

const [TCP, UDP, ICMP] = [6, 17, 1];
const FAULTS = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 10, delayMaxUs: 20 };

for (const address of ["127.0.0.1", "::1"]) {
  const isV6 = address.includes(":");
  const PORT_UNREACHABLE = isV6 ? 4 : 3;
  const RESET = isV6 ? 6 : 7;

  test(`${address}: without rules nobody looks`, () => {
    const stack = makeStack();
    assert.is(stack.core.hooks, null);
    assert.is(setRules(stack, "filter", {}, isV6), 0);
    assert.is.not(stack.core.hooks, null);
  });

  test(`${address}: DROP in INPUT, and what is counted`, () => {
    const stack = makeStack();
    const rules = [{ protocol: UDP, matches: [ports("udp", 5000)], does: DROP }];
    assert.is(setRules(stack, "filter", { rules: { INPUT: rules } }, isV6), 0);
    const server = bound(stack, address, 5000);
    const other = bound(stack, address, 5001);
    const client = endpointOf(stack, isV6);
    assert.is(sendTo(client, "hello", address, 5000), 5);
    assert.is(sendTo(client, "hello", address, 5001), 5);
    drain(stack);
    assert.is(take(server), null);
    assert.is(take(other), "hello");
    const { counters } = stack.filter.tables(isV6).table("filter")!.rules;
    const size = 5 + 8 + (isV6 ? 40 : 20);
    assert.equal([...counters], [1, size, 1, size, 0, 0, 2, 2 * size, 0, 0]);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: DROP in OUTPUT is EPERM`, () => {
    const stack = makeStack();
    assert.is(setRules(stack, "filter", { policies: { OUTPUT: DROP } }, isV6), 0);
    const client = endpointOf(stack, isV6);
    assert.is(sendTo(client, "hello", address, 5000), -E.EPERM);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: REJECT refuses datagrams and connections`, () => {
    const stack = makeStack();
    const rules: TestRule[] = [
      { protocol: UDP, does: reject(PORT_UNREACHABLE) },
      { protocol: TCP, matches: [ports("tcp", 80)], does: reject(RESET) },
      { protocol: TCP, matches: [ports("tcp", 81)], does: reject(PORT_UNREACHABLE) },
    ];
    for (const hook of ["INPUT", "OUTPUT"] as const) {
      assert.is(setRules(stack, "filter", { rules: { [hook]: rules } }, isV6), 0);
      const server = bound(stack, address, 5000);
      const client = endpointOf(stack, isV6);
      client.connect(ip(address), 5000);
      const sent = send(client, "x");
      assert.is(sent, hook === "INPUT" ? 1 : -E.EPERM);
      drain(stack);
      assert.is(client.takeError(), E.ECONNREFUSED);
      for (const port of [80, 81]) {
        const listener = listening(stack, address, port);
        const connection = connecting(stack, address, port);
        drain(stack);
        assert.is(connection.takeError(), E.ECONNREFUSED, `${hook} ${port}`);
        connection.close();
        listener.close();
      }
      server.close();
      client.close();
      drain(stack);
    }
    assert.is(stack.core.counters.filter.refused, 6);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: jumps, gotos and returns`, () => {
    const stack = makeStack();
    const to = (port: number): Part[] => [ports("udp", port)];
    const table = {
      rules: {
        INPUT: [
          { protocol: UDP, does: "first" },
          { protocol: UDP, matches: to(5003), does: DROP },
        ],
      },
      chains: {
        first: [
          { protocol: UDP, matches: to(5000), does: DROP },
          { protocol: UDP, matches: to(5001), isGoto: true, does: "second" },
          { protocol: UDP, does: "second" },
          { protocol: UDP, matches: to(5002), does: DROP },
          { protocol: UDP, matches: to(5003), does: RETURN },
          { protocol: UDP, matches: to(5004), does: ACCEPT },
          { protocol: UDP, matches: to(5001), does: DROP },
        ],
        second: [{ protocol: UDP, matches: to(5004), does: RETURN }],
      },
    };
    assert.is(setRules(stack, "filter", table, isV6), 0);
    const came = [5000, 5001, 5002, 5003, 5004].map((port) => {
      const server = bound(stack, address, port);
      sendTo(endpointOf(stack, isV6), "x", address, port);
      drain(stack);
      return take(server) !== null;
    });
    assert.equal(came, [false, true, false, false, true]);
  });

  test(`${address}: REDIRECT of a connection, its way back and its end`, () => {
    const stack = makeStack();
    const target = translation("REDIRECT", isV6, null, 15001);
    const rules = [{ protocol: TCP, matches: [ports("tcp", 80)], does: target }];
    assert.is(setRules(stack, "nat", { rules: { OUTPUT: rules } }, isV6), 0);
    const listener = listening(stack, address, 15001);
    const far = isV6 ? "::1" : "127.9.9.9";
    const client = connecting(stack, far, 80);
    drain(stack);
    const server = accepted(listener);
    assert.is(server.localPort, 15001);
    assert.is(client.remotePort, 80);
    assert.is(write(client, "hello"), 5);
    drain(stack);
    assert.is(read(server), "hello");
    assert.is(write(server, "back"), 4);
    drain(stack);
    assert.is(read(client), "back");
    const { conntrack } = stack.filter;
    assert.is(conntrack.count, 1);
    const flow = conntrack.flows[0]!;
    assert.is(flow.original.destinationPort, 80);
    assert.is(flow.reply.sourcePort, 15001);
    assert.ok(flow.has(SEEN_REPLY) && flow.has(ASSURED));
    client.close();
    server.close();
    drain(stack);
    stack.advance(400_000_000);
    drain(stack);
    assert.is(conntrack.count, 0);
    assert.is(stack.core.pools.used, 0);
  });

  test(`${address}: states of datagrams`, () => {
    const stack = makeStack();
    const rules = [{ matches: [state("NEW")], protocol: UDP, does: ACCEPT }];
    const answers = [{ matches: [state("ESTABLISHED")], protocol: UDP, does: ACCEPT }];
    const set = { rules: { INPUT: [...rules, ...answers] }, policies: { INPUT: DROP } };
    assert.is(setRules(stack, "filter", set, isV6), 0);
    const server = bound(stack, address, 5000);
    const client = bound(stack, address, 6000);
    for (let i = 0; i < 2; i++) {
      sendTo(client, "x", address, 5000);
      drain(stack);
      assert.is(take(server), "x");
      sendTo(server, "y", address, 6000);
      drain(stack);
      assert.is(take(client), "y");
    }
    const { counters } = stack.filter.tables(isV6).table("filter")!.rules;
    assert.equal([counters[0], counters[2]], [1, 3]);
    stack.advance(31_000_000);
    drain(stack);
    assert.is(stack.filter.conntrack.count, 0);
  });

  test(`${address}: rules by who sends`, () => {
    const stack = makeStack();
    const rules = [{ matches: [uid(5)], does: DROP }];
    assert.is(setRules(stack, "filter", { rules: { OUTPUT: rules } }, isV6), 0);
    const client = endpointOf(stack, isV6);
    assert.is(sendTo(client, "x", address, 5000), 1);
    client.uid = 5;
    assert.is(sendTo(client, "x", address, 5000), -E.EPERM);
  });

  test(`${address}: rules that cost a packet too much drop it`, () => {
    const stack = makeStack();
    const chains: Record<string, TestRule[]> = {};
    const DEPTH = 20;
    for (let i = 0; i < DEPTH; i++)
      chains[`c${i}`] = i + 1 < DEPTH ? [{ does: `c${i + 1}` }, { does: `c${i + 1}` }] : [{ does: RETURN }];
    assert.is(setRules(stack, "filter", { rules: { OUTPUT: [{ does: "c0" }] }, chains }, isV6), 0);
    assert.is(sendTo(endpointOf(stack, isV6), "x", address, 5000), -E.EPERM);
    assert.is(stack.core.counters.filter.tooManyRules, 1);
  });
}

test("a table with chains in a ring is refused", () => {
  const stack = makeStack();
  const rules = { OUTPUT: [{ does: "a" }] };
  const chains = { a: [{ does: "b" }], b: [{ does: "a" }] };
  assert.is(setRules(stack, "filter", { rules, chains }), -E.ELOOP);
  assert.is(setRules(stack, "filter", { chains }), 0, "nobody gets there");
});

test("what stands in the wrong place is refused", () => {
  const stack = makeStack();
  const rule = (does: TestRule["does"], more: Partial<TestRule> = {}): TestRule => ({ does, ...more });
  const redirect = translation("REDIRECT", false, null, 80);
  assert.is(setRules(stack, "filter", { rules: { OUTPUT: [rule(redirect)] } }), -E.EINVAL);
  assert.is(setRules(stack, "nat", { rules: { POSTROUTING: [rule(redirect)] } }), -E.EINVAL);
  assert.is(setRules(stack, "nat", { rules: { OUTPUT: [rule(reject(3))] } }), -E.EINVAL);
  assert.is(setRules(stack, "filter", { rules: { INPUT: [rule(DROP, { matches: [uid(1)] })] } }), -E.EINVAL);
  assert.is(setRules(stack, "filter", { rules: { INPUT: [rule(reject(7))] } }), -E.EINVAL);
  assert.is(
    setRules(stack, "filter", { rules: { INPUT: [rule(DROP, { matches: [ports("tcp", 80)] })] } }),
    -E.EINVAL,
  );
  assert.is(setRules(stack, "filter", { rules: { INPUT: [rule({ name: "NFQUEUE" })] } }), -E.ENOENT);
  assert.is(
    setRules(stack, "filter", { rules: { INPUT: [rule(DROP, { matches: [{ name: "recent" }] })] } }),
    -E.ENOENT,
  );
  assert.is(
    setRules(stack, "filter", { rules: { INPUT: [rule({ name: "MARK", revision: 2, data: words(1) })] } }),
    0,
    "filled up to 8",
  );
});

test("a router masquerades, and errors find their way back", () => {
  // here (10.0.0.1) is asked by there (10.0.0.2), and translates where it asks.
  const world = new World(5, 1500, FAULTS);
  const { here, there } = world;
  const snat = translation("SNAT", false, "10.0.0.1", 7000, 7001);
  assert.is(setRules(here, "nat", { rules: { POSTROUTING: [{ protocol: UDP, does: snat }] } }), 0);
  const server = bound(there, "10.0.0.2", 5000);
  const clients = [bound(here, "10.0.0.1", 6000), bound(here, "10.0.0.1", 6001)];
  const seen = new Set<number>();
  for (const [i, client] of clients.entries()) {
    assert.is(sendTo(client, `from ${i}`, "10.0.0.2", 5000), 6);
    world.pass(10_000);
    const packet = server.receive()!;
    assert.is(Buffer.from(packet.data()).toString(), `from ${i}`);
    seen.add(packet.sourcePort);
    sendTo(server, `to ${i}`, "10.0.0.1", packet.sourcePort);
    packet.release();
    world.pass(10_000);
    assert.is(take(client), `to ${i}`);
  }
  assert.equal([...seen].sort(), [7000, 7001]);
  // What nobody takes is told to who sent it, by its own port.
  const client = clients[0]!;
  assert.is(client.connect(ip("10.0.0.2"), 5001), 0);
  send(client, "x");
  world.pass(10_000);
  assert.is(client.takeError(), E.ECONNREFUSED);
  assert.is(here.core.pools.used + there.core.pools.used, 0);
});

for (const isV6 of [false, true])
  test(`fragments of IPv${isV6 ? 6 : 4} are put together before conntrack looks, and cut behind translation`, () => {
    const world = new World(6, 1500, FAULTS);
    const { here, there } = world;
    const [us, them, nobody] = isV6
      ? ["fd00::1", "fd00::2", "fd00::9"]
      : ["10.0.0.1", "10.0.0.2", "10.0.0.9"];
    const dnat = translation("DNAT", isV6, them, 5000);
    const rules = { OUTPUT: [{ protocol: UDP, matches: [ports("udp", 4000)], does: dnat }] };
    assert.is(setRules(here, "nat", { rules }, isV6), 0);
    const INPUT = [{ protocol: UDP, matches: [state("NEW")], does: ACCEPT }];
    assert.is(setRules(there, "filter", { rules: { INPUT } }, isV6), 0);
    const server = bound(there, them, 5000);
    const client = bound(here, us, 6000);
    client.discovery4 = 0;
    const data = new Uint8Array(5000).map((_, i) => i);
    assert.is(sendTo(client, data, nobody, 4000), 5000);
    world.pass(10_000);
    const packet = server.receive()!;
    assert.equal(packet.data(), data);
    assert.is(packet.flow, null, "what waits keeps no flow");
    assert.is(packet.owner, null);
    packet.release();
    assert.is(there.filter.tables(isV6).table("filter")!.rules.counters[0], 1);
    const { ip, ip6 } = here.core.counters;
    assert.ok((isV6 ? ip6 : ip).FragCreates >= 4);
    assert.is(here.core.pools.used + there.core.pools.used, 0);
  });

test("echoes are translated by their number", () => {
  const world = new World(7, 1500, FAULTS);
  const masquerade = translation("MASQUERADE", false, null);
  assert.is(
    setRules(world.here, "nat", { rules: { POSTROUTING: [{ protocol: ICMP, does: masquerade }] } }),
    0,
  );
  const { here, there } = world;
  // Two that ask with the same number: one keeps it.
  const pings = ["10.0.0.1", "127.0.0.1"].map(() => new PingEndpoint(here.ping, false));
  for (const [i, ping] of pings.entries()) {
    assert.is(ping.bind(ip("0.0.0.0"), 99 + i), 0);
    assert.is(ping.connect(ip("10.0.0.2"), 0), 0);
    assert.is(ping.send(Buffer.of(8, 0, 0, 0, 0, 0, 0, 1, i), new Message()), 9);
    world.pass(10_000);
    const packet = ping.receive()!;
    assert.equal([...packet.data()].slice(0, 1), [0]);
    assert.is(packet.data()[8], i);
    packet.release();
  }
  assert.is(here.filter.conntrack.count, 2);
  assert.is(here.core.pools.used + there.core.pools.used, 0);
});

test("a full table lets what was not answered go, and drops what finds no room", () => {
  const stack = makeStack();
  assert.is(setRules(stack, "filter", { rules: { OUTPUT: [{ matches: [state("NEW")], does: ACCEPT }] } }), 0);
  const { conntrack } = stack.filter;
  conntrack.settings.max = 64;
  const client = bound(stack, "127.0.0.1", 6000);
  let refused = 0;
  for (let port = 1; port <= 2000; port++) if (sendTo(client, "x", "127.0.0.1", port) < 0) refused++;
  drain(stack);
  assert.ok(conntrack.count <= 64);
  assert.is(conntrack.counters.drop, refused);
  assert.is(conntrack.counters.drop + conntrack.counters.earlyDrop + conntrack.count, 2000);
  stack.advance(1_000_000_000);
  drain(stack);
  assert.is(conntrack.count, 0);
  assert.is(stack.core.timers.count, 0);
});

test.run();
