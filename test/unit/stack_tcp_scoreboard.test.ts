// The scoreboard under acknowledgements of all kinds, true and false, in any order: its counts are those of its entries, the
// data under way is never negative, and everything is given back.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { Acknowledged } from "../../src/workers/net/stack/tcp/acknowledged.ts";
import { EntriesPool } from "../../src/workers/net/stack/tcp/entries.ts";
import {
  IS_FIN,
  LOST,
  RETRANSMITTED,
  SACKED,
  Scoreboard,
} from "../../src/workers/net/stack/tcp/scoreboard.ts";
import { TCP_CLOSE } from "../../src/workers/net/stack/tcp/states.ts";
import { F, HandPeer } from "./stack_tcp_peer.ts";
import { isEmpty, pattern } from "./stack_tcp_world.ts";

function countsHold(board: Scoreboard): void {
  const counts = [0, 0, 0];
  for (let i = 0; i < board.count; i++) {
    const flags = board.flagsAt(i);
    [SACKED, LOST, RETRANSMITTED].forEach((flag, at) => {
      if ((flags & flag) !== 0) counts[at]!++;
    });
  }
  assert.equal(counts, [board.sackedOut, board.lostOut, board.retransOut]);
}

for (const seed of [1, 2, 3, 4])
  test(`acknowledgements at random, errors of routers among them, seed ${seed}`, () => {
    const random = seededRandom(seed);
    const pick = (limit: number): number => Math.floor(random() * limit);
    const peer = new HandPeer({ seed });
    const mss = 500;
    const endpoint = peer.connected({
      sackPermitted: true,
      windowScale: 14,
      ts: [0, 0],
      window: 60_000,
      mss: mss + 12,
    });
    const c = endpoint.connection!;
    c.cwnd = 400;
    endpoint.setSendBuffer(1 << 20);
    peer.say({ window: 60_000 });
    const data = pattern(0, 65536);
    for (let i = 0; i < 1500 && endpoint.state !== TCP_CLOSE; i++) {
      while (c.notSent < 50_000 && endpoint.send(data) > 0);
      peer.take();
      const una = (c.sndUna - peer.iss) | 0;
      const place = (): number => una + mss * pick(Math.max(1, c.packetsOut));
      const sacks = Array.from({ length: pick(4) }, (): [number, number] => {
        const start = place();
        return [start, random() < 0.7 ? start + mss * (1 + pick(3)) : place()];
      });
      const ack = random() < 0.8 ? una : random() < 0.9 ? una + mss * pick(5) : place();
      if (random() < 0.03) peer.complain(3, 4, 560 + pick(100), una);
      else
        peer.say({
          ack,
          sacks,
          ts: [peer.ts, c.timestamp - (random() < 0.5 ? pick(2000) : 0)],
          window: random() < 0.02 ? pick(3) : 60_000,
          flags: random() < 0.02 ? F.ACK | F.ECE : F.ACK,
        });
      if (random() < 0.1) peer.pass(pick(300_000));
      countsHold(c.board);
      assert.ok(c.inFlight >= 0 && c.cwnd > 0, `${c.inFlight} of ${c.cwnd}`);
      assert.ok(c.mss > 0 && c.mss <= mss);
    }
    endpoint.abort();
    endpoint.close();
    isEmpty(peer.stack);
  });

test("shorter segments: entries are cut, and what is known of them stays", () => {
  const board = new Scoreboard(new EntriesPool());
  const result = new Acknowledged();
  const nobody = { delivered: () => {} };
  for (let i = 0; i < 10; i++) board.push(i * 1000, (i + 1) * 1000, 0, i);
  board.begin();
  board.sack(3000, 5000, result, nobody);
  board.markLost(0);
  board.markLost(1);
  board.resent(0, 20);
  board.resegment(400);
  // Runs of which the same is known are cut from where they begin: 1000, 1000, 1000, 2000 and 5000 bytes.
  assert.is(board.count, 3 + 3 + 3 + 5 + 13);
  assert.equal([board.sackedOut, board.lostOut, board.retransOut], [5, 6, 3]);
  countsHold(board);
  assert.equal([board.seqAt(3), board.endAt(3), board.endAt(2)], [1000, 1400, 1000]);
  // The next to be sent again is the second, the longest under way what was sent first of the others.
  assert.equal([board.nextLost, board.oldest], [3, 6]);
  board.acknowledge(10_000, result, nobody);
  assert.equal([board.count, board.sackedOut, board.lostOut, board.retransOut], [0, 0, 0, 0]);
});

test("segments that become shorter again and again: there are as many entries as the bytes make", () => {
  const board = new Scoreboard(new EntriesPool());
  const result = new Acknowledged();
  const nobody = { delivered: () => {} };
  const bytes = 900 * 1448;
  for (let i = 0; i < 900; i++)
    board.push(i * 1448, (i + 1) * 1448 + (i === 899 ? 1 : 0), i === 899 ? IS_FIN : 0, i);
  board.begin();
  board.sack(1448 * 100, 1448 * 101, result, nobody);
  for (const lost of [3, 2, 500]) board.markLost(lost);
  board.resent(500, 5000);
  const runs = 7;
  for (let mss = 1434; mss >= 600; mss -= 14) {
    assert.ok(board.resegment(mss));
    countsHold(board);
    assert.ok(board.count <= Math.ceil(bytes / mss) + runs, `${board.count} of ${mss}`);
  }
  const lengths = Array.from({ length: board.count }, (_, i) => board.bytesAt(i));
  assert.is(
    lengths.reduce((sum, length) => sum + length),
    bytes,
  );
  assert.ok(lengths.every((length) => length > 0 && length <= 608));
  assert.is(board.flagsAt(board.count - 1) & IS_FIN, IS_FIN);
  assert.is(board.endAt(board.count - 1), bytes + 1);
  // What is under way stands in the order in which it was sent, as before: what was sent again is the last.
  const order: number[] = [];
  for (let index = board.oldest; index >= 0; index = board.oldest) {
    order.push(board.sentUsAt(index));
    board.markLost(index);
  }
  assert.equal(
    order,
    [...order].sort((a, b) => a - b),
  );
  assert.is(order.at(-1), 5000);
  assert.is(board.lostOut + board.sackedOut, board.count);
});

test("segments that make too many entries: all stays as it is", () => {
  const board = new Scoreboard(new EntriesPool());
  for (let i = 0; i < 100; i++) board.push(i * 1000, (i + 1) * 1000, 0, i);
  assert.not(board.resegment(500, 299));
  assert.is(board.count, 100);
  assert.ok(board.resegment(500, 300));
  assert.is(board.count, 200);
});

test.run();
