// Hosts on a simulated Ethernet segment: each a network namespace, a stack in step with it, and a device eth0.

import * as N from "../../src/shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../src/shared/abi/socket.ts";
import type { LongTurns } from "../../src/workers/call/long_turns.ts";
import { Timers } from "../../src/workers/call/timers.ts";
import { Counters } from "../../src/workers/counters.ts";
import { Devices } from "../../src/workers/net/devices/devices.ts";
import type { DevicesContext } from "../../src/workers/net/devices/devices_context.ts";
import { type Device, FOREVER, type Neighbour, type Route } from "../../src/workers/net/devices/rows.ts";
import { type Faults, seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { Segment, SegmentPort } from "../../src/workers/net/stack/link/segment.ts";
import { NamespaceMirror } from "../../src/workers/net/stack/namespace_mirror.ts";
import { Stack } from "../../src/workers/net/stack/stack.ts";
import { ip, route } from "./stack_world.ts";

export const ETHERNET: Faults = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 50, delayMaxUs: 50 };

/** Gives a device an address; `flags`: IFA_F_*, besides being there for ever. */
export function addRow(devices: Devices, device: Device, text: string, flags = 0): void {
  const [address, length] = text.split("/");
  const own = ip(address!);
  const bytes = own.toBytes();
  const row = {
    device,
    family: own.isV4 ? AF_INET : AF_INET6,
    address: bytes,
    peer: bytes,
    broadcast: null,
    prefixLength: Number(length),
    scope: own.isLinkLocal && !own.isV4 ? N.RT_SCOPE_LINK : N.RT_SCOPE_UNIVERSE,
    flags: N.IFA_F_PERMANENT | flags,
    label: device.name,
    protocol: 0,
    metric: 0,
    validSeconds: FOREVER,
    preferredSeconds: FOREVER,
    changedNs: 0,
    madeNs: 0,
  } as const;
  const outcome = own.isV4 ? devices.inet.add({ ...row }, false) : devices.inet6.add({ ...row }, false);
  if (outcome !== 0) throw new Error(`add ${text}: ${JSON.stringify(outcome)}`);
}

export class Host {
  readonly timers = new Timers();
  readonly devices: Devices;
  readonly stack: Stack;
  readonly row: Device;
  readonly port: SegmentPort;

  constructor(world: LinkWorld, number: number) {
    const context = {
      counters: new Counters(),
      heap: { hasRoom: () => true },
      timers: this.timers,
      native: { monotonicNs: () => world.nowUs * 1000 },
    } as unknown as DevicesContext;
    this.devices = new Devices(context);
    const random = seededRandom(number);
    this.stack = new Stack({ random32: () => Math.floor(random() * 4294967296) | 0 });
    let port: SegmentPort | null = null;
    const { core, links } = this.stack;
    new NamespaceMirror(this.stack, this.devices, (row) => {
      if (!row.hasLink) return null;
      port = new SegmentPort(world.segment, row, row.address, core, links);
      return port;
    });
    const row = this.devices.addLink("eth0", Uint8Array.of(2, 0, 0, 0, 0, number), 1500);
    if (typeof row === "number") throw new Error(`addLink: ${row}`);
    this.row = row;
    this.port = port!;
  }

  up(): void {
    this.devices.setFlags(this.row, this.row.flags | N.IFF_UP);
  }

  down(): void {
    this.devices.setFlags(this.row, this.row.flags & ~N.IFF_UP);
  }

  /** `flags`: IFA_F_*, besides being there for ever. */
  add(text: string, flags = 0): void {
    addRow(this.devices, this.row, text, flags);
  }

  /** A default route of the administrator's. */
  via(gateway: string): void {
    const isV6 = gateway.includes(":");
    const row: Route = {
      ...route(isV6 ? "::/0" : "0.0.0.0/0", this.row.index),
      flags: 0,
      preference: 0,
      gateway: ip(gateway).toBytes(),
      device: this.row,
      metric: isV6 ? 1024 : 0,
    };
    this.devices.routes.add(row, 0);
  }

  /** What `ip neigh` shows of one, or null. */
  neighbour(text: string): { state: number; mac: string } | null {
    const address = ip(text);
    const row = this.devices.neighbours.find(
      address.isV4 ? AF_INET : AF_INET6,
      this.row,
      address.toBytes(),
    ) as Neighbour | undefined;
    if (row === undefined) return null;
    return {
      state: row.state,
      mac: row.linkAddress === null ? "" : Buffer.from(row.linkAddress).toString("hex"),
    };
  }

  /** Addresses of IPv6 with their flags. */
  get addresses6(): string[] {
    return this.row.inet6.map(({ address, flags }) => {
      const text = this.port.addresses.find((own) => Buffer.from(own.address.toBytes()).equals(address));
      return `${text?.address} ${flags.toString(16)}`;
    });
  }
}

export class LinkWorld {
  readonly segment: Segment;
  readonly hosts: Host[] = [];
  readonly seen: Buffer[] = [];
  nowUs = 1_000_000;
  readonly #turns = { nr: 0, end: () => {} } as unknown as LongTurns;

  constructor(count: number, faults: Faults = ETHERNET, seed = 1) {
    this.segment = new Segment(faults, seed);
    this.segment.tap = (bytes) => {
      this.seen.push(Buffer.from(bytes));
    };
    for (let i = 1; i <= count; i++) this.hosts.push(new Host(this, i));
    this.settle();
  }

  /** What is due by now is done. */
  settle(): void {
    this.segment.advance(this.nowUs);
    for (const { stack, timers } of this.hosts) {
      stack.advance(this.nowUs);
      while (stack.run(64));
      timers.expire(this.nowUs * 1000, this.#turns);
    }
  }

  get #nextUs(): number {
    return Math.min(
      this.segment.nextDeadlineUs,
      ...this.hosts.map(({ stack, timers }) =>
        Math.min(stack.nextDeadlineUs, timers.nextDeadlineNs() / 1000),
      ),
    );
  }

  /** Time goes on from deadline to deadline, for so long. */
  pass(us: number): void {
    const end = this.nowUs + us;
    for (;;) {
      this.settle();
      const next = this.#nextUs;
      if (next > end) break;
      this.nowUs = Math.max(this.nowUs, next);
    }
    this.nowUs = end;
    this.settle();
  }

  /** How many frames of an Ethernet type have been seen, that a byte pattern in hex is in; they are forgotten. */
  take(type: number, pattern = ""): number {
    const count = this.seen.filter(
      (frame) => frame.readUInt16BE(12) === type && frame.toString("hex").includes(pattern),
    ).length;
    this.seen.length = 0;
    return count;
  }

  /** How many questions for neighbours have been seen, of those how many to everybody; frames are forgotten. */
  takeQuestions(): { all: number; toGroups: number } {
    const questions = this.seen.filter((frame) =>
      frame.readUInt16BE(12) === 0x0806 ? frame[21] === 1 : frame[20] === 58 && frame[54] === 135,
    );
    this.seen.length = 0;
    return { all: questions.length, toGroups: questions.filter((frame) => (frame[0]! & 1) !== 0).length };
  }

  /** Nothing is held by anybody. */
  isEmpty(): boolean {
    return this.segment.count === 0 && this.hosts.every(({ stack }) => stack.core.pools.used === 0);
  }
}
