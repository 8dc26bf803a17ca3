// TCP over a link that loses, delays, doubles and reorders: the stream that comes out is the one that went in, and nothing
// stays behind.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { SHUT_WR } from "../../src/shared/abi/socket.ts";
import { type Faults, NO_FAULTS } from "../../src/workers/net/stack/link/pair_link.ts";
import type { TcpEndpoint } from "../../src/workers/net/stack/tcp/endpoint.ts";
import { accepted, connecting, isEmpty, listening, pattern, read } from "./stack_tcp_world.ts";
import { World } from "./stack_world.ts";

const CLEAN: Faults = { ...NO_FAULTS, delayMinUs: 10_000, delayMaxUs: 10_000 };

interface Ends {
  readonly world: World;
  readonly client: TcpEndpoint;
  readonly server: TcpEndpoint;
  readonly listener: TcpEndpoint;
}

function joined(seed: number, faults: Faults, mtu = 1500, isV6 = false): Ends {
  const world = new World(seed, mtu, faults);
  const address = isV6 ? "fd00::2" : "10.0.0.2";
  const listener = listening(world.there, address, 5000);
  const client = connecting(world.here, address, 5000);
  for (let i = 0; i < 200 && listener.listener!.queue.length === 0; i++) world.pass(500_000);
  return { world, client, server: accepted(listener), listener };
}

/** So many bytes go one way, as fast as they are taken; in how many µs. */
function transfer({ world, client, server }: Ends, total: number, from = 0): number {
  const begun = world.nowUs;
  const target = new Uint8Array(65536);
  let sent = 0;
  let received = 0;
  while (received < total) {
    while (sent < total) {
      const count = client.send(pattern(from + sent, Math.min(total - sent, 16384)));
      if (count < 0) {
        assert.is(count, -11);
        break;
      }
      sent += count;
    }
    world.pass(5_000);
    for (let count = server.receive(target); count > 0; count = server.receive(target)) {
      assert.ok(
        Buffer.from(target.subarray(0, count)).equals(pattern(from + received, count)),
        `at ${received}`,
      );
      received += count;
    }
    assert.ok(world.nowUs - begun < 3_600_000_000, `${received} of ${total} in an hour`);
  }
  return world.nowUs - begun;
}

function finish({ world, client, server, listener }: Ends): void {
  assert.is(client.shutdown(SHUT_WR), 0);
  for (let i = 0; i < 200 && read(server) !== ""; i++) world.pass(500_000);
  assert.is(read(server), "");
  server.close();
  for (let i = 0; i < 200 && read(client) !== ""; i++) world.pass(500_000);
  assert.is(read(client), "");
  client.close();
  listener.close();
  world.pass(1_800_000_000);
  isEmpty(world.here);
  isEmpty(world.there);
  assert.is(world.link.count, 0);
}

test("a good link is filled, and nothing is sent twice", () => {
  const ends = joined(1, CLEAN);
  const us = transfer(ends, 1_500_000);
  // 20 ms a round trip: slow start, and windows of megabytes after it.
  assert.ok(us < 1_000_000, `${us} µs`);
  assert.is(ends.world.there.core.counters.backlogDrops, 0);
  assert.is(ends.world.here.tcp.counters.RetransSegs, 0);
  finish(ends);
});

for (const isV6 of [false, true])
  for (const loss of [0.01, 0.05, 0.3])
    test(`${isV6 ? "IPv6" : "IPv4"}, ${loss * 100} % lost, disorder, duplicates: the stream is whole`, () => {
      const ends = joined(
        7 + loss * 100,
        { loss, duplication: 0.02, corruption: 0, delayMinUs: 5_000, delayMaxUs: 15_000 },
        1500,
        isV6,
      );
      const us = transfer(ends, loss > 0.1 ? 60_000 : 400_000);
      if (loss === 0.01) assert.ok(us < 10_000_000, `${us} µs`);
      assert.ok(ends.world.here.tcp.counters.RetransSegs > 0);
      finish(ends);
    });

test("both ways at once, with corruption", () => {
  const ends = joined(33, {
    loss: 0.02,
    duplication: 0.02,
    corruption: 0.02,
    delayMinUs: 1000,
    delayMaxUs: 3000,
  });
  const { client, server } = ends;
  for (let i = 0; i < 4; i++) {
    transfer(ends, 50_000, i * 50_000);
    transfer({ ...ends, client: server, server: client }, 50_000, i * 70_000);
  }
  assert.ok(ends.world.there.tcp.counters.InCsumErrors > 0);
  finish(ends);
});

test.run();
