// Frames by a bridge: to the port behind which their receiver was seen, to this host, or to all; and cables between stacks.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { IFF_BROADCAST, IFF_MULTICAST, IFF_RUNNING, IFF_UP } from "../../src/shared/abi/netlink.ts";
import { BridgeDevice } from "../../src/workers/net/stack/eth/bridge.ts";
import { EthernetDevice } from "../../src/workers/net/stack/eth/device.ts";
import { ForwardingTable } from "../../src/workers/net/stack/eth/forwarding_table.ts";
import { Cable, CableDevice } from "../../src/workers/net/stack/link/cable.ts";
import type { Packet } from "../../src/workers/net/stack/packet.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import { makeStack } from "./stack_world.ts";

const UP = IFF_UP | IFF_RUNNING | IFF_BROADCAST | IFF_MULTICAST;
const TYPE_OTHER = 0x88b5;

function mac(last: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, last);
}

class Port extends EthernetDevice {
  readonly sent: string[] = [];

  constructor(stack: Stack, index: number, mtu = 1500) {
    super({ index, name: `p${index}`, flags: UP, mtu }, mac(index), stack.core, stack.links, true);
  }

  protected override transmit(frame: Packet): void {
    this.sent.push(Buffer.from(frame.data()).toString("latin1", 14));
    frame.release();
  }
}

function frame(stack: Stack, to: Uint8Array, from: Uint8Array, text: string): Packet {
  const packet = stack.core.pools.take(14 + text.length)!;
  const { bytes, head } = packet;
  bytes.set(to, head);
  bytes.set(from, head + 6);
  packet.view.setUint16(head + 12, TYPE_OTHER);
  bytes.set(Buffer.from(text), head + 14);
  packet.end = head + 14 + text.length;
  return packet;
}

function make(ports: number) {
  const stack = makeStack();
  const attributes = { index: 100, name: "br0", flags: UP, mtu: 1500 };
  const bridge = new BridgeDevice(attributes, mac(100), stack.core, stack.links);
  const all = Array.from({ length: ports }, (_, i) => new Port(stack, i + 2));
  for (const port of all) bridge.attach(port);
  return { stack, bridge, ports: all };
}

test("an unknown receiver's frames go to all but their sender's port, a known one's to its own", () => {
  const { stack, bridge, ports } = make(3);
  const [a, b, c] = ports as [Port, Port, Port];
  a.frameCame(frame(stack, mac(51), mac(50), "one"));
  assert.equal([a.sent, b.sent, c.sent], [[], ["one"], ["one"]]);
  b.frameCame(frame(stack, mac(50), mac(51), "two"));
  a.frameCame(frame(stack, mac(51), mac(50), "three"));
  assert.equal([a.sent, b.sent, c.sent], [["two"], ["one", "three"], ["one"]]);
  // Its receiver is behind the same port.
  a.frameCame(frame(stack, mac(50), mac(49), "stays"));
  assert.equal(a.sent, ["two"]);
  // It has moved.
  c.frameCame(frame(stack, mac(50), mac(51), "four"));
  a.frameCame(frame(stack, mac(51), mac(50), "five"));
  assert.equal(
    [a.sent, b.sent, c.sent],
    [
      ["two", "four"],
      ["one", "three"],
      ["one", "five"],
    ],
  );
  // Nothing is behind a port that is none any more.
  bridge.detach(c);
  a.frameCame(frame(stack, mac(51), mac(50), "six"));
  assert.equal(
    [b.sent, c.sent],
    [
      ["one", "three", "six"],
      ["one", "five"],
    ],
  );
  assert.is(stack.core.pools.used, 0);
});

test("what passes a bridge is seen by who wants all of it", () => {
  const { stack, bridge, ports } = make(2);
  const [a, b] = ports as [Port, Port];
  const seen: string[] = [];
  let isWanted = false;
  stack.core.tap = {
    isPromiscuous: (index) => isWanted && index === bridge.index,
    frame: (packet, { index }, delivery, link) =>
      seen.push(
        `${index} ${delivery} ${Buffer.from(packet.data()).toString("latin1", link - packet.head + 14)}`,
      ),
  };
  b.frameCame(frame(stack, mac(50), mac(51), "1"));
  a.frameCame(frame(stack, mac(51), mac(50), "2"));
  assert.equal(seen, ["3 3 1", "2 4 1", "2 3 2", "3 4 2"]);
  seen.length = 0;
  isWanted = true;
  a.frameCame(frame(stack, mac(51), mac(50), "3"));
  assert.equal(seen, ["2 3 3", "100 3 3", "3 4 3"]);
  seen.length = 0;
  // What is for this host, and what it sends, is seen once.
  a.frameCame(frame(stack, mac(100), mac(50), "4"));
  bridge.sendFrame(frame(stack, mac(51), mac(100), "5"));
  assert.equal(seen, ["2 3 4", "100 0 4", "100 4 5", "3 4 5"]);
  assert.is(stack.core.pools.used, 0);
});

test("what was not seen for five minutes is not known", () => {
  const { stack, ports } = make(3);
  const [a, b, c] = ports as [Port, Port, Port];
  b.frameCame(frame(stack, mac(50), mac(51), "x"));
  stack.advance(stack.core.nowUs + 299e6);
  a.frameCame(frame(stack, mac(51), mac(50), "known"));
  stack.advance(stack.core.nowUs + 2e6);
  a.frameCame(frame(stack, mac(51), mac(50), "forgotten"));
  assert.equal(
    [b.sent, c.sent],
    [
      ["known", "forgotten"],
      ["x", "forgotten"],
    ],
  );
});

test("strange frames, ports that are down and frames that are too long go nowhere", () => {
  const { stack, ports } = make(3);
  const [a, b, c] = ports as [Port, Port, Port];
  a.frameCame(frame(stack, mac(51), Uint8Array.of(3, 0, 0, 0, 0, 1), "from a group"));
  a.frameCame(frame(stack, mac(51), new Uint8Array(6), "from nobody"));
  c.flags &= ~IFF_UP;
  a.frameCame(frame(stack, mac(51), mac(50), "x"));
  c.frameCame(frame(stack, mac(51), mac(52), "y"));
  a.frameCame(frame(stack, mac(51), mac(50), "z".repeat(1505)));
  const short = frame(stack, mac(51), mac(50), "");
  short.end -= 3;
  a.frameCame(short);
  assert.equal([a.sent, b.sent, c.sent], [[], ["x"], []]);
  assert.is(stack.core.pools.used, 0);
});

test("addresses without end: the table stays as it is, and all of them are reached", () => {
  const { stack, ports } = make(2);
  const [a, b] = ports as [Port, Port];
  const from = Uint8Array.of(2, 0, 0, 0, 0, 0);
  for (let i = 0; i < 100_000; i++) {
    from[3] = i >> 16;
    from[4] = (i >> 8) & 0xff;
    from[5] = i & 0xff;
    a.frameCame(frame(stack, mac(51), from, ""));
  }
  b.frameCame(frame(stack, Uint8Array.of(2, 0, 0, 0, 0, 77), mac(51), "x"));
  assert.equal(a.sent, ["x"]);
});

test("a forwarding table finds what it learned, as far as there is room", () => {
  const table = new ForwardingTable(0x1234567);
  for (let i = 0; i < 400; i++) table.learn(0x0200, i, (i % 7) + 1, i);
  let known = 0;
  for (let i = 0; i < 400; i++) {
    const port = table.portOf(0x0200, i, 1000);
    assert.ok(port === 0 || port === (i % 7) + 1);
    if (port !== 0) known++;
  }
  assert.ok(known > 390);
  assert.is(table.portOf(0x0201, 5, 1000), 0);
  table.forget(1);
  for (let i = 0; i < 400; i += 7) assert.is(table.portOf(0x0200, i, 1000), 0);
});

test("a cable brings frames to the other stack's next run, and no more of them than may wait", () => {
  const [one, other] = [makeStack(1), makeStack(2)];
  const cable = new Cable();
  const attributes = { index: 2, name: "eth0", flags: UP, mtu: 1500 };
  const near = new CableDevice(attributes, mac(1), one.core, one.links, cable);
  assert.is(near.txDropped, 0);
  near.sendFrame(frame(one, mac(2), mac(1), "nobody is there"));
  assert.is(near.txDropped, 1);
  const far = new CableDevice(attributes, mac(2), other.core, other.links, cable);
  let told = 0;
  other.core.onFrames = () => told++;
  for (let i = 0; i < 1500; i++) near.sendFrame(frame(one, mac(2), mac(1), "x"));
  assert.is(told, 1);
  assert.is(far.rxDropped, 500);
  assert.is(one.core.pools.used, 1000);
  while (other.run(64));
  assert.is(one.core.pools.used, 0);
  assert.is(far.rxUnknown, 1000);
  far.flags &= ~IFF_UP;
  near.sendFrame(frame(one, mac(2), mac(1), "it is down"));
  far.close();
  near.sendFrame(frame(one, mac(2), mac(1), "it is gone"));
  assert.is(near.txDropped, 3);
  assert.is(one.core.pools.used, 0);
});

test.run();
