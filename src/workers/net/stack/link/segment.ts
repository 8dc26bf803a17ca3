// A simulated Ethernet segment, which joins the devices of several stacks: a frame goes to all others, as on a hub, lost,
// delayed, doubled or corrupted by a seed. Its time is its owner's.

import type { DeviceAttributes } from "../device.ts";
import { EthernetDevice, type LinkLayer } from "../eth/device.ts";
import type { Packet } from "../packet.ts";
import { type Faults, type Side, seededRandom } from "./pair_link.ts";

interface InFlight {
  readonly atUs: number;
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly to: SegmentPort;
}

export class SegmentPort extends EthernetDevice {
  readonly segment: Segment;
  readonly side: Side;

  constructor(segment: Segment, attributes: DeviceAttributes, mac: Uint8Array, side: Side, links: LinkLayer) {
    super(attributes, mac, side, links, false);
    this.segment = segment;
    this.side = side;
    segment.ports.push(this);
  }

  protected override transmit(frame: Packet): void {
    this.segment.send(frame.data(), this);
    frame.release();
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
    this.frameCame(packet);
  }
}

export class Segment {
  faults: Faults;
  readonly ports: SegmentPort[] = [];
  /** Changes what is sent: what a hostile link does. Null: nothing. */
  mutate: ((bytes: Uint8Array) => Uint8Array) | null = null;
  /** Sees each frame as it was sent. */
  tap: ((bytes: Uint8Array, from: SegmentPort | null) => void) | null = null;
  lost = 0;
  readonly #random: () => number;
  #inFlight: InFlight[] = [];
  #sent = 0;
  #nowUs = 0;

  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.#random = seededRandom(seed);
  }

  /** A frame goes to everybody but its sender; null: it is nobody's here. */
  send(data: Uint8Array, from: SegmentPort | null): void {
    this.tap?.(data, from);
    for (const port of this.ports) if (port !== from) this.#deliver(data, port);
  }

  #deliver(data: Uint8Array, to: SegmentPort): void {
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
