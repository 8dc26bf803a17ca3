// A link that joins two stacks in one process, for simulation: it loses, delays, doubles, reorders and corrupts by a
// seed, so that a run can be repeated to the last byte. Its time is its owner's.

import { IFF_RUNNING, IFF_UP } from "../../../../shared/abi/netlink.ts";
import { NetDevice, type Receiver } from "../device.ts";
import type { Packet, PacketPools } from "../packet.ts";

/** What happens to packets: chances from 0 to 1, and times in µs. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly corruption: number;
  /** Each packet takes between these: those that take less overtake others. */
  readonly delayMinUs: number;
  readonly delayMaxUs: number;
}

export const NO_FAULTS: Faults = { loss: 0, duplication: 0, corruption: 0, delayMinUs: 10, delayMaxUs: 10 };

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A side of the link: the stack whose device it is. */
export interface Side extends Receiver {
  readonly pools: PacketPools;
}

interface InFlight {
  readonly atUs: number;
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly to: PairDevice;
}

export class PairDevice extends NetDevice {
  readonly link: PairLink;
  readonly side: Side;
  peer: PairDevice | null = null;

  constructor(link: PairLink, side: Side, index: number, name: string, mtu: number) {
    super({ index, name, flags: IFF_UP | IFF_RUNNING, mtu }, false);
    this.link = link;
    this.side = side;
  }

  override output(packet: Packet): void {
    this.countSent(packet);
    this.link.send(packet.data(), this.peer!);
    packet.release();
  }

  /** What arrives: bytes of another's memory. */
  arrive(bytes: Uint8Array): void {
    const packet = this.side.pools.take(bytes.length);
    if (packet === null || bytes.length > packet.limit - packet.head) {
      packet?.release();
      this.rxDropped++;
      return;
    }
    packet.bytes.set(bytes, packet.head);
    packet.end = packet.head + bytes.length;
    this.side.receive(packet, this);
  }
}

export class PairLink {
  faults: Faults;
  readonly first: PairDevice;
  readonly second: PairDevice;
  /** Changes what is sent: what a hostile link does. Null: nothing. */
  mutate: ((bytes: Uint8Array) => Uint8Array) | null = null;
  lost = 0;
  readonly #random: () => number;
  #inFlight: InFlight[] = [];
  #sent = 0;
  #nowUs = 0;

  constructor(
    first: Side,
    second: Side,
    index: number,
    name: string,
    mtu: number,
    faults: Faults,
    seed: number,
  ) {
    this.faults = faults;
    this.#random = seededRandom(seed);
    this.first = new PairDevice(this, first, index, name, mtu);
    this.second = new PairDevice(this, second, index, name, mtu);
    this.first.peer = this.second;
    this.second.peer = this.first;
  }

  send(data: Uint8Array, to: PairDevice): void {
    const { loss, duplication, corruption, delayMinUs, delayMaxUs } = this.faults;
    const copies = this.#random() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.#random() < loss) {
        this.lost++;
        continue;
      }
      let bytes: Uint8Array = data.slice();
      if (bytes.length > 0 && this.#random() < corruption)
        bytes[Math.floor(this.#random() * bytes.length)]! ^= 1 << Math.floor(this.#random() * 8);
      if (this.mutate !== null) bytes = this.mutate(bytes);
      const atUs = this.#nowUs + delayMinUs + Math.floor(this.#random() * (delayMaxUs - delayMinUs + 1));
      this.#inFlight.push({ atUs, number: this.#sent++, bytes, to });
    }
  }

  get count(): number {
    return this.#inFlight.length;
  }

  get nextDeadlineUs(): number {
    return this.#inFlight.reduce((soonest, { atUs }) => Math.min(soonest, atUs), Number.POSITIVE_INFINITY);
  }

  /** It is that late: what is due arrives. */
  advance(nowUs: number): void {
    this.#nowUs = nowUs;
    const due = this.#inFlight.filter(({ atUs }) => atUs <= nowUs);
    if (due.length === 0) return;
    this.#inFlight = this.#inFlight.filter(({ atUs }) => atUs > nowUs);
    due.sort((a, b) => a.atUs - b.atUs || a.number - b.number);
    for (const { to, bytes } of due) to.arrive(bytes);
  }
}
