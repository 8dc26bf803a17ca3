// PACKET_VNET_HDR: the header before each frame that a socket receives, which says what is left to do of its checksum and
// whether it stands for many segments.

import { TP_STATUS_CSUM_VALID } from "../../../shared/abi/packet.ts";
import type { KeptFrame } from "./frame.ts";

const NEEDS_CHECKSUM = 1;
const DATA_VALID = 2;

/** struct virtio_net_hdr of a frame, from where a socket looks on. */
export function virtioOf(frame: KeptFrame, start: number, size: number): Buffer {
  const { checksumStart, checksumOffset, gsoSize, gsoType, network } = frame;
  const bytes = Buffer.alloc(size);
  if (checksumStart >= 0) {
    bytes[0] = NEEDS_CHECKSUM;
    bytes.writeUInt16LE(checksumStart - start, 6);
    bytes.writeUInt16LE(checksumOffset, 8);
  } else if ((frame.status & TP_STATUS_CSUM_VALID) !== 0) bytes[0] = DATA_VALID;
  if (gsoSize === 0) return bytes;
  bytes[1] = gsoType;
  bytes.writeUInt16LE(Math.max(checksumStart, network) - start, 2);
  bytes.writeUInt16LE(gsoSize, 4);
  return bytes;
}
