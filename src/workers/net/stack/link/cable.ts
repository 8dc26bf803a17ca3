// A cable between two Ethernet devices, each of a stack of its own or of the same (veth(4)): what one sends comes in at the
// other, as it is: with checksums that are not made yet, and as segments that are not cut.

import type { StackCore } from "../core.ts";
import type { DeviceAttributes } from "../device.ts";
import { EthernetDevice, type LinkLayer } from "../eth/device.ts";
import { type Packet, TO_HOST } from "../packet.ts";

/** All types of segments, as bits. */
const ALL_SEGMENTS = -1;

export class Cable {
  readonly #ends: CableDevice[] = [];

  plug(device: CableDevice): void {
    this.#ends.push(device);
  }

  unplug(device: CableDevice): void {
    const at = this.#ends.indexOf(device);
    if (at >= 0) this.#ends.splice(at, 1);
  }

  /** Null: there is no stack at the other end. */
  otherEnd(device: CableDevice): CableDevice | null {
    return this.#ends.find((end) => end !== device) ?? null;
  }
}

export class CableDevice extends EthernetDevice {
  readonly #core: StackCore;
  readonly #cable: Cable;

  constructor(
    attributes: DeviceAttributes,
    mac: Uint8Array,
    core: StackCore,
    links: LinkLayer,
    cable: Cable,
  ) {
    super(attributes, mac, core, links, true);
    this.segments = ALL_SEGMENTS;
    this.#core = core;
    this.#cable = cable;
    cable.plug(this);
  }

  override close(): void {
    this.#cable.unplug(this);
  }

  protected override transmit(frame: Packet): void {
    const other = this.#cable.otherEnd(this);
    if (other === null || !other.isUp) {
      this.txDropped++;
      frame.release();
      return;
    }
    // Nothing that one stack knows of it is the other's.
    frame.mark = 0;
    frame.delivery = TO_HOST;
    other.#core.receiveFrame(frame, other);
  }
}
