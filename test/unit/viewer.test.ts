// What a viewer says of the host's links (native/keeper/), and what one that somebody has taken over could say instead:
// nothing but rows comes of it, as many as guests may have, and no descriptor of its stays.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET } from "../../src/shared/abi/socket.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import { Keeper, type KeeperContext } from "../../src/workers/net/link/keeper.ts";
import { MessageWriter } from "../../src/workers/net/netlink/message.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";

const [CONFIGURATION, LINK, READY, RESOLVER, SOCKET] = [1, 2, 4, 5, 6] as const;
const DEVICES_MAX = 40;
const [TUNNEL, INFINIBAND] = [65534, 32];

interface Said {
  readonly word: number;
  readonly text: Buffer;
  readonly fd: number;
}

class World {
  readonly counters: Counters = new Counters();
  readonly devices: Devices;
  readonly said: Said[] = [];
  readonly closed: number[] = [];
  readonly logged: string[] = [];
  #ready: () => void = () => {};

  constructor() {
    const { counters, said, closed, logged } = this;
    const scratchView = new DataView(new ArrayBuffer(8));
    const native = {
      monotonicNs: () => 0,
      scratchView,
      pollOne: () => (said.length > 0 ? 1 : 0),
      close: (fd: number) => closed.push(fd),
      keeperReceive: (_fd: number, bytes: Buffer) => {
        const next = said.shift();
        if (next === undefined) return -11;
        scratchView.setInt32(0, next.fd, true);
        bytes.writeUInt32LE(next.word, 0);
        return 4 + next.text.copy(bytes, 4);
      },
    };
    const heap = { hasRoom: () => counters.netDevices < DEVICES_MAX };
    const context = { counters, heap, timers: new Timers(), native };
    this.devices = new Devices(context as unknown as ConstructorParameters<typeof Devices>[0]);
    this.devices.isHosts = true;
    const kernel = {
      ...context,
      rootCredentials: {},
      log: (_level: string, text: string) => logged.push(text),
      sleep: {
        add: (_fd: number, _events: number, then: () => void) => (this.#ready = then),
        remove: () => {},
      },
      // Nobody touches a stack.
      network: {
        devices: this.devices,
        inet: {
          get stack(): never {
            throw new Error("there is no stack");
          },
        },
      },
    };
    this.say(READY);
    new Keeper(kernel as unknown as KeeperContext, 3);
  }

  say(word: number, text: Buffer = Buffer.alloc(0), fd = -1): void {
    this.said.push({ word, text, fd });
  }

  hear(): void {
    while (this.said.length > 0) this.#ready();
  }

  link(index: number, name: string, type: number, mac: Uint8Array, flags: number): Buffer {
    const body = Buffer.alloc(16);
    body.writeUInt16LE(type, 2);
    body.writeInt32LE(index, 4);
    body.writeUInt32LE(flags >>> 0, 8);
    const writer = new MessageWriter(0, 0).begin(N.RTM_NEWLINK, 0, body).text(N.IFLA_IFNAME, name);
    if (mac.length > 0) writer.attribute(N.IFLA_ADDRESS, mac);
    writer.u32(N.IFLA_MTU, 1400).end();
    return Buffer.from(writer.bytes);
  }

  address(index: number, ...address: number[]): Buffer {
    const body = Buffer.alloc(8);
    body.set([AF_INET, 24, 0, 0]);
    body.writeUInt32LE(index, 4);
    const writer = new MessageWriter(0, 0).begin(N.RTM_NEWADDR, 0, body);
    writer.attribute(N.IFA_LOCAL, Uint8Array.from(address)).end();
    return Buffer.from(writer.bytes);
  }
}

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 7);
const UP = N.IFF_UP | N.IFF_RUNNING;

test("links of all kinds are rows, as they are told", () => {
  const world = new World();
  world.say(CONFIGURATION, world.link(1, "lo", N.ARPHRD_LOOPBACK, new Uint8Array(6), UP | N.IFF_LOOPBACK));
  world.say(CONFIGURATION, world.link(7, "eth0", N.ARPHRD_ETHER, MAC, UP | N.IFF_BROADCAST));
  world.say(CONFIGURATION, world.link(8, "tun0", TUNNEL, new Uint8Array(0), N.IFF_UP | N.IFF_NOARP));
  world.say(CONFIGURATION, world.link(9, "ib0", INFINIBAND, new Uint8Array(20).fill(9), 0));
  world.say(CONFIGURATION, world.address(7, 10, 1, 1, 1));
  world.say(CONFIGURATION, world.address(66, 10, 1, 1, 2));
  world.hear();
  const { devices } = world;
  assert.equal(
    devices.all.map(({ name, index, mtu, flags }) => `${name} ${index} ${mtu} ${flags.toString(16)}`),
    ["lo 1 1400 49", "eth0 7 1400 43", "tun0 8 1400 81", "ib0 9 1400 0"],
  );
  assert.equal(
    devices.byIndex(7)!.inet.map(({ address }) => [...address]),
    [[10, 1, 1, 1]],
  );
  // Again, and with another name and state.
  world.say(CONFIGURATION, world.link(7, "lan", N.ARPHRD_ETHER, MAC, N.IFF_BROADCAST));
  world.hear();
  assert.equal(
    devices.all.map(({ name, flags }) => `${name} ${flags & UP}`),
    ["lo 65", "lan 0", "tun0 1", "ib0 0"],
  );
});

test("what only a keeper says does nothing, and descriptors are closed", () => {
  const world = new World();
  const before = world.devices.all.length;
  for (const [i, word] of [LINK, RESOLVER, SOCKET, READY, CONFIGURATION, 0, 99].entries())
    world.say(word, word === CONFIGURATION ? Buffer.alloc(0) : world.link(7, "eth0", 1, MAC, UP), 100 + i);
  world.hear();
  assert.is(world.devices.all.length, before);
  assert.equal(world.closed, [100, 101, 102, 103, 104, 105, 106]);
});

test("messages that are not what they should be", () => {
  const world = new World();
  const random = seededRandom(7);
  const number = (below: number): number => Math.floor(random() * below);
  for (let i = 0; i < 20_000; i++) {
    const text =
      number(2) === 0
        ? world.link(number(100), `l${number(100)}`, number(3), new Uint8Array(number(24)), number(1 << 16))
        : world.address(number(100), number(256), number(256), number(256), number(256));
    for (let changes = number(4); changes > 0; changes--) text[number(text.length)] = number(256);
    if (number(10) === 0) text.writeUInt16LE(N.NLMSG_MIN_TYPE + number(60), 4);
    world.say(CONFIGURATION, text.subarray(0, number(8) === 0 ? number(text.length) : text.length));
    world.hear();
    assert.ok(world.devices.all.length <= DEVICES_MAX);
  }
  assert.ok(world.devices.all.length > 10);
});

test.run();
