// What packet sockets see of an Ethernet: frames that go out and come in, for whomever they are, and no more in a turn of
// the stack than is bounded.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ETH_P_ALL, ETH_P_ARP, ETH_P_IP } from "../../src/shared/abi/packet.ts";
import type { Native } from "../../src/workers/native.ts";
import type { KeptFrame } from "../../src/workers/net/packet/frame.ts";
import { type Onlooker, PacketTaps } from "../../src/workers/net/packet/taps.ts";
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
  readonly frameCost: number;
  lost = 0;
  readonly frames: KeptFrame[] = [];

  constructor(frameType: number, frameCost = 2) {
    this.frameType = frameType;
    this.frameCost = frameCost;
  }

  see(_frame: unknown, keep: () => KeptFrame): void {
    this.frames.push(keep());
  }

  lose(): void {
    this.lost++;
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

test.run();
