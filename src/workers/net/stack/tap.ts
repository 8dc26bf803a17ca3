// Who sees the frames of devices as they go out and come in: packet sockets. A device asks its stack's one tap, if there is
// one; where there is none, that look is all it costs.

import type { NetDevice } from "./device.ts";
import type { Packet } from "./packet.ts";

/** Beside packet.ts's: PACKET_OTHERHOST, and PACKET_OUTGOING of what is sent. */
export const TO_OTHER = 3;
export const OUTGOING = 4;

/** Of a frame without a link header: the device would have written it, or has taken it off. */
export const NO_LINK = -1;

export interface Tap {
  /**
   * A frame of a device, which stays its owner's: `delivery` says which way it goes, and whom it is for; link and network
   * headers stand at these places of the packet's buffer, and it ends with the packet.
   */
  frame(packet: Packet, device: NetDevice, delivery: number, link: number, network: number): void;
  /** Somebody wants to see of the device of that index what only passes by it, too: PACKET_MR_PROMISC. */
  isPromiscuous(index: number): boolean;
}
