// What frames lie in between the host and the stack: the stack's own packets, which the host is given a list of, so that
// nothing is copied on the way. Of what comes nobody knows the length before: a long packet waits for each frame, and what
// is short goes on in a short one. One of these serves all links of a kernel thread.

import { Iovecs } from "../../iovecs.ts";
import type { Native } from "../../native.ts";
import { LARGE_SIZE, type Packet, PacketPool, type PacketPools } from "../stack/packet.ts";

/** Frames that one call to the host moves at most. */
export const FRAMES_AT_ONCE = 32;
/** A frame of 65535 bytes behind its headers, and its virtio header: what is longer is cut off by the host. */
export const FRAME_MAX = 65536 + 64;
/** Up to so many bytes, a frame is copied. */
const SHORT = 1024;

export class FrameBuffers {
  readonly #iovecs: Iovecs;
  readonly #pools: PacketPools;
  readonly #listed: (Packet | null)[] = [];
  #count = 0;
  /** Where there are no long packets, one at a time is looked at, and thrown away if it is long. */
  readonly #last = new PacketPool(LARGE_SIZE, 1);

  constructor(native: Pick<Native, "scratchWords" | "addressOf">, pools: PacketPools) {
    this.#iovecs = new Iovecs(native);
    this.#pools = pools;
  }

  /** Lists buffers for up to so many frames that may come: for how many. */
  list(most: number): number {
    this.#count = 0;
    while (this.#count < most) {
      const packet = this.#pools.large.take() ?? (this.#count === 0 ? this.#last.take() : null);
      if (packet === null) break;
      this.#iovecs.put(this.#count, packet.bytes, packet.head, FRAME_MAX);
      this.#listed[this.#count++] = packet;
    }
    return this.#count;
  }

  /** The frame that came into the buffer of that number, as a packet; null: there was no memory for it. */
  take(index: number, length: number): Packet | null {
    const came = this.#listed[index]!;
    if (length <= SHORT) {
      const packet = this.#pools.take(length);
      if (packet === null) return null;
      came.end = came.head + length;
      packet.takeBytes(came);
      return packet;
    }
    if (came.pool === this.#last) return null;
    this.#listed[index] = null;
    came.end = came.head + length;
    return came;
  }

  /** What nothing came to, or was copied, is free again. */
  giveBack(): void {
    for (let i = 0; i < this.#count; i++) {
      this.#listed[i]?.release();
      this.#listed[i] = null;
    }
    this.#count = 0;
  }

  /** The frame to be sent of that number. */
  put(index: number, frame: Packet): void {
    frame.own();
    this.#iovecs.put(index, frame.bytes, frame.head, frame.length);
  }
}
