// What PACKET_RX_RING asks for (struct tpacket_req, struct tpacket_req3), checked: sizes of blocks and frames, and how many
// there are.

import { EINVAL, ENOMEM } from "../../../shared/abi/errno.ts";
import { TPACKET_ALIGNMENT, TPACKET_V3 } from "../../../shared/abi/packet.ts";
import { NAME_SIZE } from "./names.ts";

const PAGE_SIZE = 4096;
const REQUEST_SIZE = 16;
const REQUEST3_SIZE = 28;
/** More is nobody's honest wish. */
const RING_MAX = 256 << 20;
/** struct tpacket_block_desc, and what its private part is aligned to. */
export const BLOCK_HEADER = 48;
const PRIVATE_ALIGNMENT = 8;

/** Sizes of headers of frames by version, as they are aligned: struct tpacket_hdr, tpacket2_hdr, tpacket3_hdr. */
export const FRAME_HEADERS = [32, 32, 48];

export function frameAlign(bytes: number): number {
  return Math.ceil(bytes / TPACKET_ALIGNMENT) * TPACKET_ALIGNMENT;
}

/** Bytes from the start of a block to its first frame. */
export function blockStart(privateSize: number): number {
  return BLOCK_HEADER + Math.ceil(privateSize / PRIVATE_ALIGNMENT) * PRIVATE_ALIGNMENT;
}

export interface RingRequest {
  readonly blockSize: number;
  readonly blocks: number;
  readonly frameSize: number;
  readonly frames: number;
  /** Of V3: milliseconds until a block that is not full is given up; 0: as usual. */
  readonly retireMs: number;
  readonly privateSize: number;
  readonly features: number;
}

/** Null: the ring is to go. A number: a negative errno. */
export function readRequest(value: Buffer, version: number, reserve: number): RingRequest | null | number {
  const isV3 = version === TPACKET_V3;
  if (value.length < (isV3 ? REQUEST3_SIZE : REQUEST_SIZE)) return -EINVAL;
  const word = (index: number): number => value.readUInt32LE(index * 4);
  const request = {
    blockSize: word(0),
    blocks: word(1),
    frameSize: word(2),
    frames: word(3),
    retireMs: isV3 ? word(4) : 0,
    privateSize: isV3 ? word(5) : 0,
    features: isV3 ? word(6) : 0,
  };
  const { blockSize, blocks, frameSize, frames, privateSize } = request;
  if (blocks === 0) return frames === 0 ? null : -EINVAL;
  if (blockSize === 0 || blockSize > 0x7fffffff || blockSize % PAGE_SIZE !== 0) return -EINVAL;
  const least = FRAME_HEADERS[version]! + NAME_SIZE + reserve;
  if (isV3 && blockSize < blockStart(privateSize) + least) return -EINVAL;
  if (frameSize < least || frameSize % TPACKET_ALIGNMENT !== 0) return -EINVAL;
  const framesPerBlock = Math.floor(blockSize / frameSize);
  if (framesPerBlock === 0 || framesPerBlock * blocks !== frames) return -EINVAL;
  return blockSize * blocks > RING_MAX ? -ENOMEM : request;
}
