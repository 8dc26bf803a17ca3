// Where a packet is looked at on its way (Linux's NF_INET_* hooks), if anybody wants to: StackCore.hooks is null until there
// are rules. Whoever calls releases a packet that is not to go on.

import type { NetDevice } from "./device.ts";
import type { Packet } from "./packet.ts";

export interface PacketHooks {
  /** Flows of the family are tracked: fragments are put together before the first hook. */
  tracks(isV6: boolean): boolean;
  /** The RTN_* of the way that a packet takes which output() has let go on. */
  readonly outType: number;

  /** A packet came in, its IP header checked. False: it is not to go on. */
  prerouting(packet: Packet): boolean;
  /** It is for this host. */
  input(packet: Packet): boolean;
  /** It is for others, and leaves by its device. */
  forward(packet: Packet, arrival: NetDevice): boolean;
  /**
   * It is this host's own, with its header, on a way of that type. 0, or a negative errno: it is not to go on. Its device,
   * next hop and addresses may be others behind.
   */
  output(packet: Packet, type: number): number;
  /** It is about to leave. */
  postrouting(packet: Packet): boolean;
}
