// What packet sockets see of an Ethernet: frames that go out and come in, for whomever they are, and no more in a turn of
// the stack than is bounded.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ETH_P_ALL, ETH_P_ARP, ETH_P_IP } from "../../src/shared/abi/packet.ts";
import type { Native } from "../../src/workers/native.ts";
import type { KeptFrame } from "../../src/workers/net/packet/frame.ts";
import { lostWithPeers, type Onlooker, PacketTaps, type Peers } from "../../src/workers/net/packet/taps.ts";
import { type Host, LinkWorld } from "./link_world.ts";
import { bound, sendTo, take } from "./stack_world.ts";

const SECOND = 1_000_000;
const TO = ["host", "broadcast", "multicast", "other", "outgoing"];

const native = {
  clockGettime: () => 0,
  scratchView: new DataView(new ArrayBuffer(16)),
} as unknown as Native;

class Seer implements Onlooker {
  readonly frameType: number;
  device = 0;
  ignoresOutgoing = false;
  peers: Peers | null = null;
  lostBefore = 0;
  readonly frames: KeptFrame[] = [];
  readonly #cost: number;
  #lost = 0;

  constructor(frameType: number, cost = 2) {
    this.frameType = frameType;
    this.#cost = cost;
  }

  get lost(): number {
    return this.#lost + lostWithPeers(this);
  }

  costOf(): number {
    return this.#cost;
  }

  see(_frame: unknown, keep: () => KeptFrame): void {
    this.frames.push(keep());
  }

  lose(count: number): void {
    this.#lost += count;
  }

  take(): string[] {
    return this.frames
      .splice(0)
      .map(
        ({ type, delivery, bytes, sender }) =>
          `${TO[delivery]} ${type.toString(16)} ${bytes[5]} ${sender[5]} ${bytes.length}`,
      );
  }
}

function world(hosts: number): LinkWorld {
  const made = new LinkWorld(hosts);
  for (const [at, host] of made.hosts.entries()) {
    host.up();
    host.add(`10.0.0.${at + 1}/24`);
  }
  made.pass(5 * SECOND);
  return made;
}

function watched(host: Host, ...seers: Seer[]): PacketTaps {
  const taps = new PacketTaps(native, host.devices);
  for (const seer of seers) taps.add(host.stack.core, seer);
  return taps;
}

test("frames that go out and come in, and those for others", () => {
  const at = world(3);
  const [here, there, third] = at.hosts as [Host, Host, Host];
  const [all, ip, arp] = [new Seer(ETH_P_ALL), new Seer(ETH_P_IP), new Seer(ETH_P_ARP)];
  const other = new Seer(ETH_P_ALL);
  watched(here, all, ip, arp);
  watched(third, other);
  const server = bound(there.stack, "10.0.0.2", 5000);
  const client = bound(here.stack, "10.0.0.1", 0);
  sendTo(client, "hello", "10.0.0.2", 5000);
  at.pass(1000);
  assert.is(take(server), "hello");
  assert.equal(all.take(), ["outgoing 806 255 1 42", "host 806 1 2 42", "outgoing 800 2 1 47"]);
  assert.equal(ip.take(), []);
  assert.equal(arp.take(), ["host 806 1 2 42"]);
  assert.equal(other.take(), ["broadcast 806 255 1 42", "other 806 1 2 42", "other 800 2 1 47"]);
});

test("one copy is all that a frame has", () => {
  const at = world(2);
  const [here] = at.hosts as [Host];
  const seers = [new Seer(ETH_P_ALL), new Seer(ETH_P_ALL), new Seer(ETH_P_ALL)];
  watched(here, ...seers);
  sendTo(bound(here.stack, "10.0.0.1", 0), "hello", "10.0.0.1", 5000);
  here.stack.run(64);
  for (const seer of seers) assert.is(seer.frames[0], seers[0]!.frames[0]);
  assert.is(new Set(seers[0]!.frames).size, seers[0]!.frames.length);
});

test("what a turn spends is bounded, and what is lost is counted", () => {
  const at = world(2);
  const [here] = at.hosts as [Host];
  const seers = Array.from({ length: 1000 }, () => new Seer(ETH_P_IP, 4));
  const taps = watched(here, ...seers);
  const client = bound(here.stack, "10.0.0.1", 0);
  const { core } = here.stack;
  for (let i = 0; i < 20; i++) sendTo(client, "hello", "10.0.0.1", 5000);
  let frames = 0;
  let turns = 0;
  for (let isMore = true; isMore; turns++) {
    isMore = here.stack.run(64);
    const seen = seers.reduce((sum, seer) => sum + seer.frames.length, 0);
    assert.ok((seen - frames) * 4 <= 6000 + 4, `a turn shows ${seen - frames} frames`);
    frames = seen;
  }
  // Each turn has looked at few packets, and so that nobody has lost much.
  assert.ok(turns >= 10, `${turns} turns`);
  const lost = seers.reduce((sum, seer) => sum + seer.lost, 0);
  // There is a message for each, too, that nobody has the port.
  assert.is(frames + lost, 40 * 1000);
  for (const seer of seers) taps.remove(seer);
  assert.is(core.tap, null);
});

test("who joins late has not lost what others had, and who leaves keeps what it lost", () => {
  const [here] = world(2).hosts as [Host];
  const [dear, early, late, out] = [
    new Seer(ETH_P_ALL, 100_000),
    new Seer(ETH_P_IP),
    new Seer(ETH_P_IP),
    new Seer(ETH_P_ALL),
  ];
  const taps = watched(here, dear, early, out);
  const client = bound(here.stack, "10.0.0.1", 0);
  const { core } = here.stack;
  // Nothing is left of the turn behind the first.
  sendTo(client, "hello", "10.0.0.1", 5000);
  assert.is(dear.frames.length, 1);
  assert.is(out.lost, 1);
  assert.is(early.lost, 0);
  // Turns behind dear ones do nothing.
  for (let i = 0; i < 4 && early.lost === 0; i++) here.stack.run(1);
  assert.is(early.lost, 1);
  taps.add(core, late);
  for (let i = 0; i < 8; i++) here.stack.run(1);
  const lost = early.lost;
  assert.ok(lost > 1);
  assert.is(late.lost, lost - 1);
  taps.remove(early);
  assert.is(early.lost, lost);
  taps.sender = out;
  const before = out.lost;
  sendTo(client, "its own", "10.0.0.1", 5000);
  sendTo(client, "its own", "10.0.0.1", 5000);
  taps.sender = null;
  assert.is(out.lost, before);
});

test("sockets of other devices cost a frame nothing", () => {
  const [here] = world(2).hosts as [Host];
  const others = Array.from({ length: 100 }, () => Object.assign(new Seer(ETH_P_ALL, 6000), { device: 77 }));
  const seer = new Seer(ETH_P_ALL);
  watched(here, ...others, seer);
  sendTo(bound(here.stack, "10.0.0.1", 0), "hello", "10.0.0.1", 5000);
  assert.is(seer.frames.length, 1);
  assert.is(seer.lost, 0);
  for (const other of others) assert.is(other.frames.length + other.lost, 0);
});

test("the answer to a frame that came over loopback has a link header of its own", () => {
  const [here] = world(1).hosts as [Host];
  const { core } = here.stack;
  const seer = new Seer(ETH_P_ALL);
  watched(here, seer);
  const packet = core.pools.take(46)!;
  packet.head -= 14;
  packet.end = packet.head + 46;
  // Of somebody who says that he is 2:9:9:9:9:9, an echo request from 10.0.0.1 to itself, with options of IP.
  const link = "000000000000" + "020909090909" + "0800";
  const network = "4600002000000000400163da" + "0a0000010a000001" + "01010101";
  const frame = Buffer.from(`${link}${network}0800f7ff00000000`, "hex");
  packet.bytes.set(frame, packet.head);
  core.devices.loopback.sendFrame(packet);
  here.stack.run(64);
  assert.equal(seer.take(), [
    "outgoing 800 0 9 46",
    "host 800 0 9 46",
    "outgoing 800 0 0 42",
    "host 800 0 0 42",
  ]);
});

test.run();
