// A link of the host as a device of the stack, with a host that is made up: batches, what the host refuses or does not
// take yet, and frames that lie.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN, ENETDOWN, ENOBUFS } from "../../src/shared/abi/errno.ts";
import { IFF_UP } from "../../src/shared/abi/netlink.ts";
import { PassEnd } from "../../src/workers/call/pass_end.ts";
import type { Native } from "../../src/workers/native.ts";
import { FRAME_MAX, FrameBuffers } from "../../src/workers/net/link/frame_buffers.ts";
import { HostDevice, type HostLinkContext } from "../../src/workers/net/link/host_device.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { makeStack } from "./stack_world.ts";

const FD = 7;
const POLLIN = 1;
const POLLOUT = 4;
const ARRAY = 2 ** 40;
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** The host's side of the link. */
class FakeHost {
  readonly scratchWords = new Int32Array(256);
  readonly sent: Buffer[] = [];
  /** Arrays that have an address: its number, counted from 1, by 2 ** 40. */
  readonly #arrays: Uint8Array[] = [];
  arriving: (Buffer | number)[] = [];
  /** What the next calls that send answer: so many frames, or an error. Then all is taken. */
  answers: number[] = [];
  watched = 0;
  onReady: (events: number) => void = () => {};
  closed = 0;

  readonly context: HostLinkContext;
  readonly passEnd = new PassEnd();
  readonly stack = makeStack();
  readonly device: HostDevice;

  constructor() {
    const native = {
      scratchWords: this.scratchWords,
      addressOf: (bytes: Uint8Array): number => this.#arrays.push(bytes) * ARRAY,
      framesFill: (_fd: number, count: number): number => {
        if (this.arriving.length === 0) return -EAGAIN;
        const [first] = this.arriving;
        if (typeof first === "number") {
          this.arriving.shift();
          return first;
        }
        const batch = this.arriving.splice(0, count) as Buffer[];
        const places = batch.map((_, i) => this.#place(i));
        for (const [i, frame] of batch.entries()) {
          const place = places[i]!;
          assert.is(place.length, FRAME_MAX);
          place.set(frame.subarray(0, FRAME_MAX));
          this.scratchWords[i] = frame.length > FRAME_MAX ? FRAME_MAX | 0x80000000 : frame.length;
        }
        return batch.length;
      },
      framesEmpty: (_fd: number, count: number): number => {
        const answer = this.answers.shift() ?? count;
        for (let i = 0; i < Math.min(answer, count); i++) this.sent.push(Buffer.from(this.#place(i)));
        return Math.min(answer, count);
      },
      close: (): number => ++this.closed,
    };
    const sleep = {
      add: (_fd: number, events: number, onReady: (ready: number) => void): number => {
        this.watched = events;
        this.onReady = onReady;
        return 0;
      },
      modify: (_fd: number, events: number): number => {
        this.watched = events;
        return 0;
      },
      remove: (): void => {
        this.watched = 0;
      },
    };
    this.context = { native, sleep, passEnd: this.passEnd } as unknown as HostLinkContext;
    const { core, links } = this.stack;
    const user = { begin: () => {}, end: () => this.run() };
    const attributes = { index: 2, name: "eth0", flags: IFF_UP, mtu: 1500 };
    this.device = new HostDevice(
      this.context,
      "packet",
      FD,
      attributes,
      MAC,
      core,
      links,
      new FrameBuffers(native as unknown as Native, core.pools),
      user,
    );
    this.stack.addDevice(this.device);
    this.device.setAddresses([{ address: Uint8Array.of(10, 0, 0, 1), prefixLength: 24, scope: 0, flags: 0 }]);
  }

  // The part of an array that an iovec names.
  #place(index: number): Uint8Array {
    const words = this.scratchWords.subarray(4 * index);
    const address = words[1]! * 2 ** 32 + (words[0]! >>> 0);
    const array = this.#arrays[Math.floor(address / ARRAY) - 1]!;
    const offset = address % ARRAY;
    return array.subarray(offset, offset + words[2]!);
  }

  run(): void {
    while (this.stack.run(64));
    this.passEnd.run(true);
  }

  /** Sends so many frames of that length, which begin with their number. */
  send(count: number, length = 100): void {
    for (let i = 0; i < count; i++) {
      const packet = this.stack.core.pools.take(length)!;
      packet.end = packet.head + length;
      packet.view.setUint32(packet.head, i);
      this.device.sendTo(packet, MAC, 0x88b5);
    }
  }

  /** Numbers of the frames that the host got. */
  get numbers(): number[] {
    return this.sent.map((frame) => frame.readUInt32BE(24));
  }
}

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count - from }, (_, i) => i + from);
}

test("frames go out in batches at the end of a pass, with a virtio header", () => {
  const host = new FakeHost();
  host.send(3);
  assert.is(host.sent.length, 0);
  host.run();
  assert.equal(host.numbers, [0, 1, 2]);
  assert.is(host.sent[0]!.toString("hex", 0, 24), `${"00".repeat(10)}02000000000102000000000188b5`);
  host.send(100);
  host.run();
  assert.equal(host.numbers.slice(3), upTo(100));
  assert.is(host.stack.core.pools.used, 0);
});

test("long frames that follow each other wait for one another: some passes, until they are many, or till the thread sleeps", () => {
  const host = new FakeHost();
  const passes = () => {
    let count = 0;
    for (; host.passEnd.any; count++) host.passEnd.run(false);
    return count;
  };
  host.send(1);
  assert.is(passes(), 1, "a short one waits for nobody");
  host.send(1, 40_000);
  const patience = passes();
  assert.ok(patience > 10 && host.sent.length === 2, String(patience));
  host.send(1, 40_000);
  for (let i = 1; i < patience; i++) host.passEnd.run(false);
  host.send(1, 40_000);
  assert.is(passes(), patience, "each is waited for anew");
  host.send(12, 40_000);
  assert.is(passes(), 1);
  host.send(1, 40_000);
  host.passEnd.run(true);
  assert.equal([host.passEnd.any, host.sent.length], [false, 17]);
  assert.is(host.stack.core.pools.used, 0);
});

test("a pass that is long, since others are served, counts for several", () => {
  const host = new FakeHost();
  const passes = (each: number) => {
    host.send(1, 40_000);
    let count = 0;
    for (; host.passEnd.any; count++) host.passEnd.run(false, each);
    return count;
  };
  assert.ok(passes(1) > 4 * passes(10));
  assert.is(passes(1000), 2);
  assert.is(host.sent.length, 3);
});

test("what the host does not take yet waits, in order, and what comes beyond that is dropped", () => {
  const host = new FakeHost();
  host.answers = [2, -EAGAIN];
  host.send(10);
  host.run();
  assert.equal([host.numbers, host.device.waiting, host.watched], [[0, 1], 8, POLLIN | POLLOUT]);
  host.answers = [3, -EAGAIN];
  host.onReady(POLLOUT);
  assert.equal([host.numbers, host.device.waiting], [upTo(5), 5]);
  host.answers = new Array(200).fill(-EAGAIN);
  host.send(100);
  host.run();
  assert.equal([host.device.waiting, host.device.txDropped], [32, 73]);
  host.answers = [];
  host.onReady(POLLOUT);
  assert.equal(host.numbers, [...upTo(10), ...upTo(27)]);
  assert.equal([host.device.waiting, host.watched, host.stack.core.pools.used], [0, POLLIN, 0]);
});

test("a frame that the host refuses does not keep the others", () => {
  const host = new FakeHost();
  host.answers = [1, -ENOBUFS, -ENETDOWN];
  host.send(5);
  host.run();
  assert.equal([host.numbers, host.device.txDropped], [[0, 3, 4], 2]);
});

test("the longest frames: as many as fit wait", () => {
  const host = new FakeHost();
  host.answers = new Array(100).fill(-EAGAIN);
  host.send(40, 65536);
  host.run();
  assert.is(host.device.waiting + host.device.txDropped, 40);
  assert.ok(host.device.waiting >= 31);
  host.answers = [];
  host.onReady(POLLOUT);
  assert.ok(host.sent.every((frame) => frame.length === 65536 + 24));
});

test("frames that are cut off, too short, or lie in their virtio header are counted, and no more", () => {
  const host = new FakeHost();
  const random = seededRandom(3);
  host.arriving = [
    Buffer.alloc(FRAME_MAX + 1),
    Buffer.alloc(0),
    Buffer.alloc(9),
    Buffer.alloc(10),
    Buffer.alloc(23),
  ];
  while (host.arriving.length > 0) host.onReady(POLLIN);
  assert.equal([host.device.rxTruncated, host.device.rxErrors], [1, 5]);
  for (let i = 0; i < 3000; i++) {
    const frame = Buffer.alloc(Math.floor(random() * 200), 0);
    for (let at = 0; at < frame.length; at++) frame[at] = Math.floor(random() * 256);
    if (frame.length > 26 && random() < 0.9) {
      frame.set(MAC, 10);
      frame[16] = 2;
      frame.writeUInt16BE([0x0800, 0x86dd, 0x0806][i % 3]!, 22);
      if (random() < 0.5) frame.fill(0, 0, 10);
      frame[24] = i % 3 === 0 ? 0x45 : 0x60;
    }
    host.arriving.push(frame);
  }
  while (host.arriving.length > 0) host.onReady(POLLIN);
  assert.is(host.stack.core.pools.used, 0);
  assert.ok(host.device.rxErrors > 100 && host.device.rxPackets > 500);
});

test("errors of the link are no frames, and a link that is gone sends nothing", () => {
  const host = new FakeHost();
  host.arriving = [-ENETDOWN];
  host.onReady(POLLIN);
  host.send(2);
  host.answers = [-EAGAIN];
  host.run();
  host.device.close();
  host.device.close();
  assert.equal([host.closed, host.watched, host.device.waiting], [1, 0, 0]);
  host.send(2);
  host.run();
  assert.equal([host.sent.length, host.device.txDropped, host.stack.core.pools.used], [0, 2, 0]);
});

test("what was sent before the link goes is handed over, whatever it waited for", () => {
  const host = new FakeHost();
  host.send(2);
  host.send(1, 40_000);
  host.passEnd.run(false);
  assert.is(host.sent.length, 0);
  host.device.close();
  assert.equal([host.sent.length, host.stack.core.pools.used], [3, 0]);
  host.run();
  assert.equal([host.sent.length, host.passEnd.any], [3, false]);
});

test("long frames lie where they came; where there is no long packet, they are dropped, and short ones go on", () => {
  const host = new FakeHost();
  const { pools } = host.stack.core;
  const long = Buffer.alloc(20_000);
  long.set(MAC, 10);
  long[16] = 2;
  long.writeUInt16BE(0x0800, 22);
  long[24] = 0x45;
  const short = Buffer.from(long.subarray(0, 200));
  host.arriving = [long, short, long];
  host.onReady(POLLIN);
  assert.equal([host.device.rxPackets, host.device.rxDropped, pools.used], [3, 0, 0]);
  const held = [];
  for (let packet = pools.large.take(); packet !== null; packet = pools.large.take()) held.push(packet);
  host.arriving = [long, short, long, short];
  while (host.arriving.length > 0) host.onReady(POLLIN);
  assert.equal([host.device.rxPackets, host.device.rxDropped], [5, 2]);
  for (const packet of held) packet.release();
  assert.is(pools.used, 0);
});

test.run();
