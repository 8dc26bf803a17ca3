// Handing a packet to its device: what the device does not do itself of checksums and segments is done before.

import { sumOf } from "../checksum.ts";
import type { NetDevice } from "../device.ts";
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type Packet, type PacketPools } from "../packet.ts";
import { GSO_ECN, segment } from "./segments.ts";

/** Writes out a checksum that a device would have completed. */
export function completeChecksum(packet: Packet): void {
  if (packet.checksum !== CHECKSUM_PARTIAL) return;
  packet.own();
  const { view, checksumStart, checksumOffset } = packet;
  const sum = ~sumOf(view, checksumStart, packet.end - checksumStart) & 0xffff;
  view.setUint16(checksumStart + checksumOffset, sum === 0 ? 0xffff : sum);
  packet.checksum = CHECKSUM_NONE;
}

/** Gives a packet, its head at its IP header, to the device; it is the device's then. */
export function handOver(packet: Packet, device: NetDevice, pools: PacketPools): void {
  if (packet.lent !== null && !device.isLoopback) packet.own();
  if (packet.gsoSize !== 0 && (device.segments & (1 << (packet.gsoType & ~GSO_ECN))) === 0) {
    if (!segment(packet, pools, (one) => device.output(one))) device.txDropped++;
    packet.release();
    return;
  }
  if (packet.checksum === CHECKSUM_PARTIAL && !device.completesChecksums) completeChecksum(packet);
  device.output(packet);
}
