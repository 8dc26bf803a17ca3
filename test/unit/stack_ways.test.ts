// Endpoints whose packets go the same way have one flow in common, as long as rules and routes know no difference between them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { RT_TABLE_MAIN } from "../../src/shared/abi/netlink.ts";
import { AF_INET } from "../../src/shared/abi/socket.ts";
import { connectedFlow } from "../../src/workers/net/stack/inet/way.ts";
import type { Flow } from "../../src/workers/net/stack/route/flow.ts";
import { accepted, connecting, listening } from "./stack_tcp_world.ts";
import { drain, makeStack, rule } from "./stack_world.ts";

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

test.run();
