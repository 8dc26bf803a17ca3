// A device on an Ethernet: frames that are for this host go to IP or ARP without their header, others are dropped; what
// is sent gets the link address of its next hop, or waits for it with the neighbour (neigh/cache.ts).

import { type DeviceAttributes, NetDevice, type Receiver } from "../device.ts";
import { isMulticast } from "../ip_address.ts";
import { type Packet, TO_BROADCAST, TO_HOST, TO_MULTICAST } from "../packet.ts";
import type { AddressRow } from "../route/rows.ts";
import { OUTGOING, TO_OTHER } from "../tap.ts";
import * as F from "./format.ts";

/** A bridge, as its ports know it. */
export interface Bridge {
  /** A frame that came in at a port, its header at its head; it is the bridge's now. */
  frameFrom(port: EthernetDevice, frame: Packet): void;
}

/** What a device asks for next to IP: the stack's neighbours. */
export interface LinkLayer {
  /** The link address of a packet's next hop; null: it is not known, and the packet is not the caller's any more. */
  resolve(packet: Packet, device: EthernetDevice): Uint8Array | null;
  /** An ARP packet, its head behind the frame's header; it is the link layer's now. */
  arpCame(packet: Packet, device: EthernetDevice): void;
  /** The device has other addresses, or another state. */
  changed(device: EthernetDevice): void;
}

export abstract class EthernetDevice extends NetDevice {
  readonly core: Receiver;
  readonly links: LinkLayer;
  readonly mac: Uint8Array;
  /** It is a port of that: what comes in there is the bridge's. */
  bridge: Bridge | null = null;
  /** Frames that were not for this host, and such as nobody here reads. */
  rxOthers = 0;
  rxUnknown = 0;
  rxErrors = 0;

  constructor(
    attributes: DeviceAttributes,
    mac: Uint8Array,
    core: Receiver,
    links: LinkLayer,
    completesChecksums: boolean,
  ) {
    super(attributes, completesChecksums);
    this.mac = Uint8Array.from(mac.subarray(0, F.ADDRESS));
    this.core = core;
    this.links = links;
  }

  /** Sends a frame, whose header stands at the packet's head; the packet is the device's now. */
  protected abstract transmit(frame: Packet): void;

  override output(packet: Packet): void {
    const type = packet.isV6 ? F.TYPE_IP6 : F.TYPE_IP;
    if (isMulticast(packet.nextHop0, packet.nextHop1, packet.nextHop2, packet.nextHop3)) {
      F.writeToGroup(packet, this.mac, type);
      this.sendFrame(packet);
    } else if (packet.delivery === TO_BROADCAST) this.sendTo(packet, F.BROADCAST, type);
    else {
      const mac = this.links.resolve(packet, this);
      if (mac !== null) this.sendTo(packet, mac, type);
    }
  }

  /** Sends what stands at the packet's head to a link address. */
  sendTo(packet: Packet, mac: Uint8Array, type: number): void {
    F.write(packet, mac, this.mac, type);
    this.sendFrame(packet);
  }

  override sendFrame(frame: Packet): void {
    if (!this.isUp) {
      this.txDropped++;
      frame.release();
      return;
    }
    this.countSent(frame);
    const { tap } = this.core;
    if (tap !== null) tap.frame(frame, this, OUTGOING, frame.head, frame.head + F.HEADER);
    this.transmit(frame);
  }

  override get linkAddress(): Uint8Array {
    return this.mac;
  }

  #deliveryOf(bytes: Uint8Array, at: number): number {
    if ((bytes[at]! & 1) === 0) return F.isSameAddress(this.mac, bytes, at) ? TO_HOST : TO_OTHER;
    return F.isSameAddress(F.BROADCAST, bytes, at) ? TO_BROADCAST : TO_MULTICAST;
  }

  /** A frame that came in, its header at the packet's head. */
  frameCame(packet: Packet): void {
    const { bytes, view, head } = packet;
    if (packet.length < F.HEADER) {
      this.rxErrors++;
      packet.release();
      return;
    }
    const { tap } = this.core;
    if (tap !== null && this.isUp)
      tap.frame(packet, this, this.#deliveryOf(bytes, head), head, head + F.HEADER);
    if (this.bridge !== null) {
      this.rxPackets++;
      this.rxBytes += packet.length - F.HEADER;
      this.bridge.frameFrom(this, packet);
      return;
    }
    const type = view.getUint16(head + F.TYPE);
    const isToGroup = (bytes[head]! & 1) !== 0;
    const isOurs = isToGroup
      ? F.isSameAddress(F.BROADCAST, bytes, head) || F.isGroupOf(view, head, type)
      : F.isSameAddress(this.mac, bytes, head);
    // Nobody sends from a group, and what comes from this host has gone round.
    const isStrange =
      !F.isHostAddress(bytes, head + F.SOURCE) || F.isSameAddress(this.mac, bytes, head + F.SOURCE);
    if (!isOurs || isStrange) {
      this.rxOthers++;
      packet.release();
      return;
    }
    packet.head = head + F.HEADER;
    switch (type) {
      case F.TYPE_IP:
      case F.TYPE_IP6:
        // IP goes by the version in its header: a frame that says another is nobody's.
        if (packet.length === 0 || view.getUint8(packet.head) >> 4 !== (type === F.TYPE_IP ? 4 : 6)) break;
        this.core.receive(packet, this);
        return;
      case F.TYPE_ARP:
        if (!this.isUp) break;
        this.rxPackets++;
        this.rxBytes += packet.length;
        this.links.arpCame(packet, this);
        return;
    }
    this.rxUnknown++;
    packet.release();
  }

  override stateChanged(linkAddress: Uint8Array): void {
    if (F.isHostAddress(linkAddress)) this.mac.set(linkAddress.subarray(0, F.ADDRESS));
    this.links.changed(this);
  }

  override setAddresses(rows: Iterable<AddressRow>): void {
    super.setAddresses(rows);
    this.links.changed(this);
  }
}
