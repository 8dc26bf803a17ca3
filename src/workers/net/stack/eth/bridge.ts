// A bridge (ip-link(8), Linux's net/bridge): a device whose ports are other devices. What comes in at a port goes to the port
// behind which its receiver was seen, to this host, or to all; what this host sends by the bridge likewise. There is no
// spanning tree: ports forward while they are up.

import { IFF_PROMISC } from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { DeviceAttributes } from "../device.ts";
import { GSO_ECN } from "../offload/segments.ts";
import type { Packet } from "../packet.ts";
import { TO_OTHER } from "../tap.ts";
import { type Bridge, EthernetDevice, type LinkLayer } from "./device.ts";
import * as F from "./format.ts";
import { ForwardingTable } from "./forwarding_table.ts";

const ALL_SEGMENTS = -1;
/** What a frame may be longer than its device's MTU: header and a tag. */
const OVERHEAD = F.HEADER + 4;

export class BridgeDevice extends EthernetDevice implements Bridge {
  readonly #core: StackCore;
  readonly #ports = new Map<number, EthernetDevice>();
  readonly #table: ForwardingTable;

  constructor(attributes: DeviceAttributes, mac: Uint8Array, core: StackCore, links: LinkLayer) {
    super(attributes, mac, core, links, true);
    this.segments = ALL_SEGMENTS;
    this.#core = core;
    this.#table = new ForwardingTable(core.host.random32());
  }

  attach(port: EthernetDevice): void {
    port.bridge = this;
    this.#ports.set(port.index, port);
  }

  detach(port: EthernetDevice): void {
    port.bridge = null;
    this.#ports.delete(port.index);
    this.#table.forget(port.index);
  }

  override close(): void {
    for (const port of [...this.#ports.values()]) this.detach(port);
  }

  /** What this host sends. */
  protected override transmit(frame: Packet): void {
    this.#forward(frame, null);
  }

  frameFrom(port: EthernetDevice, frame: Packet): void {
    const { bytes, view, head } = frame;
    if (!this.isUp || !port.isUp || !F.isHostAddress(bytes, head + F.SOURCE)) {
      port.rxDropped++;
      frame.release();
      return;
    }
    this.#table.learn(
      view.getUint16(head + F.SOURCE),
      view.getInt32(head + F.SOURCE + 2),
      port.index,
      this.#core.nowUs,
    );
    this.#forward(frame, port);
  }

  /** `from`: null: this host. */
  #forward(frame: Packet, from: EthernetDevice | null): void {
    const { bytes, view, head } = frame;
    if ((bytes[head]! & 1) !== 0) {
      this.#flood(frame, from, from !== null);
      return;
    }
    if (from !== null && F.isSameAddress(this.mac, bytes, head)) {
      this.frameCame(frame);
      return;
    }
    if (from !== null) this.#showPassing(frame);
    const index = this.#table.portOf(view.getUint16(head), view.getInt32(head + 2), this.#core.nowUs);
    const port = index === 0 ? undefined : this.#ports.get(index);
    if (port === undefined) this.#flood(frame, from, false);
    else if (port === from) frame.release();
    else this.#sendBy(port, frame);
  }

  /** What is not for this host is seen by whoever wants all of the bridge. */
  #showPassing(frame: Packet): void {
    const { tap } = this.#core;
    if (tap === null || ((this.flags & IFF_PROMISC) === 0 && !tap.isPromiscuous(this.index))) return;
    tap.frame(frame, this, TO_OTHER, frame.head, frame.head + F.HEADER);
  }

  /** To all ports but the one that it came from; and to this host. */
  #flood(frame: Packet, from: EthernetDevice | null, isForUs: boolean): void {
    for (const port of this.#ports.values()) {
      if (port === from || !port.isUp) continue;
      this.#core.extraWork++;
      const copy = this.#core.pools.copy(frame);
      if (copy === null) port.txDropped++;
      else this.#sendBy(port, copy);
    }
    if (isForUs) this.frameCame(frame);
    else frame.release();
  }

  #sendBy(port: EthernetDevice, frame: Packet): void {
    const isLong = frame.gsoSize === 0 && frame.length > port.mtu + OVERHEAD;
    const isUncut = frame.gsoSize !== 0 && (port.segments & (1 << (frame.gsoType & ~GSO_ECN))) === 0;
    if (isLong || isUncut) {
      port.txDropped++;
      frame.release();
      return;
    }
    port.sendFrame(frame);
  }
}
