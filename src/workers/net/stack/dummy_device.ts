// `ip link add type dummy`: what is sent there is gone. It looks like an Ethernet on which nobody has to be asked for his
// address.

import { type DeviceAttributes, NetDevice, type Receiver } from "./device.ts";
import * as Ethernet from "./eth/format.ts";
import { isMulticast } from "./ip_address.ts";
import type { Packet } from "./packet.ts";
import { NO_LINK, OUTGOING } from "./tap.ts";

export class DummyDevice extends NetDevice {
  readonly #mac: Uint8Array;
  readonly #core: Receiver;

  constructor(attributes: DeviceAttributes, mac: Uint8Array, core: Receiver) {
    super(attributes, true);
    this.#mac = Uint8Array.from(mac);
    this.#core = core;
  }

  override get linkAddress(): Uint8Array {
    return this.#mac;
  }

  override writeLinkHeader(packet: Packet, at: number, type: number): void {
    const { nextHop0, nextHop1, nextHop2, nextHop3 } = packet;
    if (isMulticast(nextHop0, nextHop1, nextHop2, nextHop3)) Ethernet.groupAddress(packet, at, type);
    else packet.bytes.set(this.#mac, at);
    packet.bytes.set(this.#mac, at + Ethernet.SOURCE);
    packet.view.setUint16(at + Ethernet.TYPE, type);
  }

  override output(packet: Packet): void {
    this.countSent(packet);
    this.#core.tap?.frame(packet, this, OUTGOING, NO_LINK, packet.head);
    packet.release();
  }

  override sendFrame(frame: Packet): void {
    this.countSent(frame);
    this.#core.tap?.frame(frame, this, OUTGOING, frame.head, frame.head + Ethernet.HEADER);
    frame.release();
  }

  override stateChanged(linkAddress: Uint8Array): void {
    if (Ethernet.isHostAddress(linkAddress)) this.#mac.set(linkAddress.subarray(0, Ethernet.ADDRESS));
  }
}
