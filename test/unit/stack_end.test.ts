// A stack that is no more gives back all that it had of the memory that it shares with others, whatever state it was in.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { StackMemory } from "../../src/workers/net/stack/memory.ts";
import { ACCEPT, setRules, state } from "./filter_rules.ts";
import { accepted, connecting, listening, pattern, write } from "./stack_tcp_world.ts";
import { bound, drain, endpointOf, makeStack, sendTo } from "./stack_world.ts";

function isAllBack(memory: StackMemory): void {
  const { pools, blocks, conversations, flows } = memory;
  assert.equal([pools.used, blocks.used, conversations, flows], [0, 0, 0, 0]);
}

test("records of ended connections, connections that nobody is behind, requests, unread bytes", () => {
  const memory = new StackMemory();
  const stack = makeStack(1, memory);
  const other = makeStack(2, memory);
  const listener = listening(stack, "127.0.0.1", 5000, 100);
  // Of some nobody takes what was sent.
  for (let i = 0; i < 10; i++) {
    const client = connecting(stack, "127.0.0.1", 5000);
    drain(stack);
    const server = accepted(listener);
    client.send(pattern(0, 100_000));
    write(server, "something");
    drain(stack);
    if (i % 3 === 0) client.close();
    if (i % 3 === 1) server.close();
    drain(stack);
    client.close();
    if (i % 2 === 0) drain(stack);
    server.close();
  }
  // Some wait to be accepted, and of some not all has come yet.
  for (let i = 0; i < 400; i++) connecting(stack, "127.0.0.1", 5000);
  stack.run(30);
  assert.ok(memory.conversations > 20);
  // Packets that were not looked at, and those of others.
  const client = endpointOf(stack);
  for (let i = 0; i < 50; i++) sendTo(client, "x".repeat(1000), "127.0.0.1", 7000);
  const kept = bound(other, "127.0.0.1", 7000);
  sendTo(endpointOf(other), "kept", "127.0.0.1", 7000);
  drain(other);
  client.close();
  listener.close();
  let parts = 1;
  while (stack.endPart()) parts++;
  assert.ok(parts > 1);
  assert.is(memory.conversations, 0);
  assert.is(memory.pools.used, 1, "the other stack's");
  kept.close();
  isAllBack(memory);
});

test("records that wait for late segments", () => {
  const memory = new StackMemory();
  const stack = makeStack(3, memory);
  const listener = listening(stack, "127.0.0.1", 5000);
  for (let i = 0; i < 20; i++) {
    const client = connecting(stack, "127.0.0.1", 5000);
    drain(stack);
    const server = accepted(listener);
    client.close();
    drain(stack);
    server.close();
    drain(stack);
  }
  assert.is(stack.tcp.timeWaits, 20);
  listener.close();
  while (stack.endPart());
  isAllBack(memory);
  assert.is(stack.tcp.timeWaits, 0);
});

test("flows that are tracked, and fragments that wait for others", () => {
  const memory = new StackMemory();
  const stack = makeStack(4, memory);
  const rules = { INPUT: [{ matches: [state("NEW")], does: ACCEPT }] };
  assert.is(setRules(stack, "filter", { rules }), 0);
  const to = bound(stack, "127.0.0.1", 7000);
  for (let i = 0; i < 10; i++) sendTo(endpointOf(stack), "x", "127.0.0.1", 7000);
  drain(stack);
  assert.is(memory.flows, 10);
  to.close();
  while (stack.endPart());
  isAllBack(memory);
});

test("datagrams that nobody reads in many stacks leave room for what others send", () => {
  const memory = new StackMemory({ smallPackets: 100, largePackets: 10 });
  const stacks = [1, 2, 3, 4].map((seed) => makeStack(seed, memory));
  const unread = stacks.map((stack) => {
    const to = bound(stack, "127.0.0.1", 7000);
    for (let i = 0; i < 40; i++) {
      sendTo(endpointOf(stack), "x", "127.0.0.1", 7000);
      sendTo(endpointOf(stack), "x".repeat(10_000), "127.0.0.1", 7000);
      drain(stack);
    }
    return to;
  });
  const { small, large } = memory.pools;
  assert.ok(small.used <= 75 && large.used <= 8, `${small.used} ${large.used}`);
  for (const to of unread) to.close();
  for (const stack of stacks) while (stack.endPart());
  isAllBack(memory);
  assert.equal([small.waiting, large.waiting], [0, 0]);
});

test.run();
