// Streams to the engine's name server: each of those that come at once is asked for, and those that are too many are refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { NetContext } from "../../src/workers/net/context.ts";
import { ResolverStreams } from "../../src/workers/net/link/resolver_streams.ts";
import { connecting } from "./stack_tcp_world.ts";
import { ip, makeStack } from "./stack_world.ts";

const ADDRESS = "127.0.0.11";
const PORT = 53;

/** A server whose keeper is the test. */
function world() {
  const stack = makeStack();
  const pieces: (() => boolean)[] = [];
  let asked = 0;
  const inet = {
    advance: () => {},
    deliver: () => {
      while (stack.run(64));
    },
  };
  const kernel = {
    network: { inet },
    steps: { later: (piece: () => boolean) => pieces.push(piece) },
  } as unknown as NetContext;
  new ResolverStreams(kernel, stack, ip(ADDRESS), PORT, () => ++asked);
  const settle = (): void => {
    inet.deliver();
    while (pieces.length > 0) pieces.shift()!();
  };
  return { stack, settle, asked: () => asked };
}

test("as many as wait at once are asked for", () => {
  const { stack, settle, asked } = world();
  for (let i = 0; i < 17; i++) connecting(stack, ADDRESS, PORT);
  settle();
  assert.is(asked(), 17);
});

test("those beyond a bound are refused", () => {
  const { stack, settle, asked } = world();
  const clients = [];
  for (let i = 0; i < 70; i++) {
    clients.push(connecting(stack, ADDRESS, PORT));
    settle();
  }
  assert.is(asked(), 64);
  assert.is(clients.filter((one) => one.takeError() !== 0).length, 6);
});

test.run();
