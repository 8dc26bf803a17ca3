// A ring of blocks (TPACKET_V3): frames of any length one behind the other in a block, which is given to the guest when it
// is full, or some time after its first frame. Where the next block is not free, frames are lost until it is.

import {
  TP_STATUS_BLK_TMO,
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TPACKET_V3,
} from "../../../shared/abi/packet.ts";
import { write64 } from "../../../shared/abi/struct.ts";
import type { Timer, Timers } from "../../call/timers.ts";
import type { Native } from "../../native.ts";
import type { Time } from "../../vfs/inode.ts";
import { NAME_SIZE } from "./names.ts";
import { networkOffset, type ReceiveRing, type RingFrame } from "./ring.ts";
import type { RingMemory } from "./ring_memory.ts";
import { BLOCK_HEADER, blockStart, FRAME_HEADERS, type RingRequest } from "./ring_request.ts";
import type { RingUser } from "./socket_ring.ts";

const STATUS_AT = 8;
const FRAME_ALIGNMENT = 8;
/** DEFAULT_PRB_RETIRE_TOV */
const RETIRE_MS = 8;
/** Longer is as good as never; timers count in doubles all the same. */
const NS_PER_MS = 1e6;
const HEADER = FRAME_HEADERS[TPACKET_V3]!;

function aligned(length: number): number {
  return Math.ceil(length / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

export interface BlockRingContext {
  readonly native: Native;
  readonly timers: Timers;
}

export class RingOfBlocks implements ReceiveRing {
  readonly memory: RingMemory;
  readonly request: RingRequest;
  readonly #context: BlockRingContext;
  readonly #reserve: number;
  readonly #start: number;
  readonly #user: RingUser;
  #block = 0;
  /** The block that frames would go to is the guest's. */
  #isFrozen = false;
  #frames = 0;
  #end: number;
  /** The last frame in the block. */
  #last = 0;
  #firstAt: Time | null = null;
  #lastAt: Time | null = null;
  #sequence = 1;
  #timer: Timer | null = null;

  constructor(
    context: BlockRingContext,
    memory: RingMemory,
    request: RingRequest,
    reserve: number,
    user: RingUser,
  ) {
    this.memory = memory;
    this.request = request;
    this.#context = context;
    this.#reserve = reserve;
    this.#start = blockStart(request.privateSize);
    this.#end = this.#start;
    this.#user = user;
    this.#tellStatus();
  }

  #placeOf(block: number): number {
    return block * this.request.blockSize;
  }

  get #previous(): number {
    return this.#block === 0 ? this.request.blocks - 1 : this.#block - 1;
  }

  #tellStatus(): void {
    this.memory.tellStatusAt(this.#placeOf(this.#previous) + STATUS_AT);
  }

  get isReadable(): boolean {
    return this.memory.readWord(this.#placeOf(this.#previous) + STATUS_AT) !== TP_STATUS_KERNEL;
  }

  put(one: RingFrame): boolean {
    const net = networkOffset(TPACKET_V3, this.#reserve, one);
    let mac = net - one.linkLength;
    const max = this.request.blockSize - this.#start;
    let length = Math.min(one.bytes.length, max - mac);
    if (length < 0) {
      length = 0;
      mac = max;
    }
    if (this.#isFrozen && !this.#thaw()) return false;
    // As on Linux a block is never filled to its last byte; but for one that is as large as a block, which Linux loses.
    if (this.#frames > 0 && this.#end + aligned(mac + length) >= this.request.blockSize) {
      this.#give(0);
      if (this.#isFrozen) return false;
    }
    this.#fill(one, mac, net, length);
    return true;
  }

  #thaw(): boolean {
    if (this.memory.readWord(this.#placeOf(this.#block) + STATUS_AT) !== TP_STATUS_KERNEL) return false;
    this.#isFrozen = false;
    return true;
  }

  #fill(one: RingFrame, mac: number, net: number, length: number): void {
    const { frame, name, bytes, whole, status } = one;
    const at = this.#placeOf(this.#block) + this.#end;
    const next = aligned(mac + length);
    const header = Buffer.alloc(HEADER + NAME_SIZE);
    header.writeUInt32LE(next, 0);
    header.writeUInt32LE(frame.at.sec >>> 0, 4);
    header.writeUInt32LE(frame.at.nsec, 8);
    header.writeUInt32LE(length, 12);
    header.writeUInt32LE(whole, 16);
    header.writeUInt32LE((TP_STATUS_USER | status) >>> 0, 20);
    header.writeUInt16LE(mac & 0xffff, 24);
    header.writeUInt16LE(net & 0xffff, 26);
    header.set(name, HEADER);
    this.memory.write(at, header.subarray(0, Math.min(header.length, this.#room)));
    if (length > 0) this.memory.write(at + mac, bytes.subarray(0, length));
    this.#last = at;
    this.#lastAt = frame.at;
    this.#end += next;
    this.#frames++;
    if (this.#frames > 1) return;
    this.#firstAt = frame.at;
    this.#arm();
  }

  /** Bytes that the block has left. */
  get #room(): number {
    return this.request.blockSize - this.#end;
  }

  #arm(): void {
    const { native, timers } = this.#context;
    const ms = this.request.retireMs || RETIRE_MS;
    this.#timer = timers.add(native.monotonicNs() + ms * NS_PER_MS, () => {
      this.#timer = null;
      this.#give(TP_STATUS_BLK_TMO);
    });
  }

  #disarm(): void {
    if (this.#timer !== null) this.#context.timers.cancel(this.#timer);
    this.#timer = null;
  }

  /** The block is the guest's, as far as it is filled; the next one is in its turn. */
  #give(reason: number): void {
    this.#disarm();
    if (this.#frames === 0) return;
    const at = this.#placeOf(this.#block);
    this.memory.writeWord(this.#last, 0);
    const header = Buffer.alloc(BLOCK_HEADER);
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    header.writeUInt32LE(TPACKET_V3, 0);
    header.writeUInt32LE(BLOCK_HEADER, 4);
    header.writeUInt32LE(this.#frames, 12);
    header.writeUInt32LE(this.#start, 16);
    header.writeUInt32LE(this.#end, 20);
    write64(view, 24, this.#sequence++);
    header.writeUInt32LE(this.#firstAt!.sec >>> 0, 32);
    header.writeUInt32LE(this.#firstAt!.nsec, 36);
    header.writeUInt32LE(this.#lastAt!.sec >>> 0, 40);
    header.writeUInt32LE(this.#lastAt!.nsec, 44);
    this.memory.write(at, header);
    this.memory.writeWord(at + STATUS_AT, TP_STATUS_USER | reason);
    this.#block = this.#block + 1 === this.request.blocks ? 0 : this.#block + 1;
    this.#frames = 0;
    this.#end = this.#start;
    this.#tellStatus();
    // Where the next one is not free, what comes finds that out.
    if (
      this.memory.readWord(this.#placeOf(this.#block) + STATUS_AT) !== TP_STATUS_KERNEL &&
      !this.#isFrozen
    ) {
      this.#isFrozen = true;
      this.#user.frozen();
    }
    this.#user.filled();
  }

  close(): void {
    this.#disarm();
    this.memory.close();
  }
}
