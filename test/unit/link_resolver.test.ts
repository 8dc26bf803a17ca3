// The name server's stand-in when nobody listens on the host's side: who waits is told so, some in each turn.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ECONNREFUSED } from "../../src/shared/abi/errno.ts";
import { POLLERR } from "../../src/shared/abi/poll.ts";
import type { Piece } from "../../src/workers/call/steps.ts";
import type { NetContext } from "../../src/workers/net/context.ts";
import { Resolver } from "../../src/workers/net/link/resolver.ts";
import { UdpEndpoint } from "../../src/workers/net/stack/udp/endpoint.ts";
import { UdpMessage } from "../../src/workers/net/stack/udp/send.ts";
import { drain, ip, makeStack } from "./stack_world.ts";

const SERVER_FAILED = 2;

test("nobody listens: those who wait are told in turns, 64 in each", () => {
  const stack = makeStack();
  const pieces: Piece[] = [];
  let ready = (_events: number): void => {};
  const kernel = {
    network: { inet: { stack, advance: () => {}, deliver: () => drain(stack) } },
    native: { scratchWords: new Int32Array(8), framesSend: () => 1, framesReceive: () => -ECONNREFUSED },
    sleep: {
      nowNs: 0,
      add: (_fd: number, _events: number, then: typeof ready) => {
        ready = then;
      },
    },
    steps: { later: (piece: Piece) => pieces.push(piece) },
  } as unknown as NetContext;
  new Resolver(kernel, 5);
  const asker = new UdpEndpoint(stack.udp, false);
  asker.receiveBuffer = 1 << 24;
  const ask = (id: number): void => {
    const question = Buffer.alloc(20);
    question.writeUInt16BE(id, 0);
    asker.send(question, new UdpMessage().to(ip("127.0.0.11"), 53));
    drain(stack);
  };
  for (let id = 0; id < 200; id++) ask(id);
  const answers = (): number[] => {
    const ids: number[] = [];
    for (let packet = asker.receive(); packet !== null; packet = asker.receive()) {
      const bytes = Buffer.from(packet.data());
      assert.is(bytes[3]! & 0xf, SERVER_FAILED);
      ids.push(bytes.readUInt16BE(0));
      packet.release();
    }
    return ids;
  };
  ready(POLLERR);
  ready(POLLERR);
  assert.equal(answers(), []);
  assert.is(pieces.length, 1);
  // Turns until there is nothing left: what was answered in each.
  const turns = (): number[][] => {
    const told: number[][] = [];
    for (let isLast = false; !isLast; ) {
      isLast = pieces[0]!();
      told.push(answers());
    }
    return told;
  };
  const told = turns();
  assert.equal(
    told.map(({ length }) => length),
    [64, 64, 64, 8],
  );
  assert.equal(
    told.flat(),
    Array.from({ length: 200 }, (_, id) => id),
  );
  // As many as may wait at once are told, however many asked: the others ask again.
  pieces.length = 0;
  for (let round = 0; round < 3; round++) {
    for (let id = 0; id < 600; id++) ask(id);
    ready(POLLERR);
  }
  assert.is(pieces.length, 1);
  assert.is(turns().flat().length, 1024);
  asker.close();
});

test.run();
