// Endpoints whose packets go the same way have one flow in common, as long as rules and routes know no difference between them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { RT_TABLE_MAIN } from "../../src/shared/abi/netlink.ts";
import { AF_INET } from "../../src/shared/abi/socket.ts";
import { connectedFlow } from "../../src/workers/net/stack/inet/way.ts";
import { type IpAddress, MAPPED } from "../../src/workers/net/stack/ip_address.ts";
import type { Flow } from "../../src/workers/net/stack/route/flow.ts";
import { accepted, connecting, listening } from "./stack_tcp_world.ts";
import { drain, makeStack, rule } from "./stack_world.ts";

const MANY = 5000;
/** Of an object of V8's. */
const WAY_BYTES = 260;
const ADDRESS_BYTES = 56;
/** What is left of a network's cost beside its stack. */
const HELD_MAX = 24 << 10;

function pair(): { stack: ReturnType<typeof makeStack>; make: () => ReturnType<typeof connecting> } {
  const stack = makeStack();
  const listener = listening(stack, "127.0.0.1", 5000);
  const make = (): ReturnType<typeof connecting> => {
    const client = connecting(stack, "127.0.0.1", 5000);
    drain(stack);
    accepted(listener);
    return client;
  };
  return { stack, make };
}

test("connections between the same addresses go one way", () => {
  const { make } = pair();
  const [first, second] = [make(), make()];
  const way = connectedFlow(first);
  assert.is(connectedFlow(second), way);
  assert.is.not(typeof way, "number");
});

test("an option that routes depend on makes it another, and leaves the others'", () => {
  const { make } = pair();
  const [first, second] = [make(), make()];
  const way = connectedFlow(first) as Flow;
  second.mark = 7;
  second.optionsChanged();
  assert.is((connectedFlow(second) as Flow).mark, 7);
  assert.is.not(connectedFlow(second), way);
  assert.is(connectedFlow(first), way);
  assert.is(way.mark, 0);
});

test("a change of routes or rules has it found again", () => {
  const { stack, make } = pair();
  const [first, second] = [make(), make()];
  const way = connectedFlow(first);
  stack.core.tables.changed();
  const found = connectedFlow(first);
  assert.is.not(found, way);
  assert.is(connectedFlow(second), found);
});

test("rules that ask for ports see each connection's own", () => {
  const { stack, make } = pair();
  const [first, second] = [make(), make()];
  assert.is(
    stack.core.tables.addRule(rule(AF_INET, 100, RT_TABLE_MAIN, { sourcePorts: { first: 1, last: 2 } })),
    0,
  );
  const [one, other] = [connectedFlow(first) as Flow, connectedFlow(second) as Flow];
  assert.is(one.sourcePort, first.localPort);
  assert.is(other.sourcePort, second.localPort);
});

test("of many ways and addresses a stack holds no more than its network is charged with", () => {
  const { ways, addresses, tables } = makeStack().core;
  const askFor = (last: number): void => {
    ways.inHand.reset(false);
    ways.inHand.setDestination(0, 0, MAPPED, last);
    ways.inHand.setSource(0, 0, MAPPED, 1);
  };
  const made = new Map<number, IpAddress>();
  for (let i = 1; i <= MANY; i++) {
    askFor(i);
    ways.take(tables.generation, true);
    made.set(i, addresses.fromWords(0, 0, MAPPED, i));
  }
  let held = 0;
  for (let i = MANY; i > 0; i--) {
    askFor(i);
    if (ways.find(tables.generation) !== null) held += WAY_BYTES;
    if (addresses.fromWords(0, 0, MAPPED, i) === made.get(i)) held += ADDRESS_BYTES;
  }
  assert.ok(held > 0 && held < HELD_MAX, String(held));
});

test.run();
