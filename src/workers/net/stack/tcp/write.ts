// Writing to a connection's stream: bytes are copied into the send buffer as far as it has room (SO_SNDBUF, autotuned), and
// sent as far as they may go (Linux's tcp_sendmsg).

import { EAGAIN } from "../../../../shared/abi/errno.ts";
import type { Pieces } from "../pieces.ts";
import { roomNow } from "./buffers.ts";
import type { Connection } from "./connection.ts";
import { bytesWillGo, NAGLE_CORK, nagleOf, pushPending } from "./output.ts";

/** How many bytes were taken, or -EAGAIN. `hasMore`: more comes at once (MSG_MORE). */
export function writeStream(c: Connection, data: Uint8Array, hasMore: boolean, isUrgent: boolean): number {
  const room = Math.min(roomNow(c), data.length);
  if (room === 0) {
    wantRoom(c);
    return -EAGAIN;
  }
  bytesWillGo(c);
  const taken = c.sendBuffer.write(c.writeSeq, data, 0, room);
  if (taken === 0) {
    c.noSpace = true;
    return -EAGAIN;
  }
  if (taken < data.length) c.noSpace = true;
  wrote(c, taken, hasMore, isUrgent && taken === data.length);
  return taken;
}

/** A writer waits for room. */
export function wantRoom(c: Connection): void {
  c.noSpace = true;
  pushPending(c);
}

/** So many bytes stand behind what was written. */
export function wrote(c: Connection, taken: number, hasMore = false, endsUrgent = false): void {
  c.writeSeq = (c.writeSeq + taken) | 0;
  if (endsUrgent) {
    c.isSendingUrgent = true;
    c.sndUp = c.writeSeq;
  }
  // A writer who has filled half a window lets go of it.
  if (!hasMore || ((c.writeSeq - c.pushedSeq) | 0) > c.maxWindow >> 1) c.pushedSeq = c.writeSeq;
  pushPending(c, nagleOf(c) | (hasMore ? NAGLE_CORK : 0));
}

/** Room for so many bytes at most, behind what was written: how many. What others put there goes by wrote(), or not at all. */
export function reserve(c: Connection, most: number, pieces: Pieces): number {
  const room = Math.min(roomNow(c), most);
  if (room === 0) return 0;
  bytesWillGo(c);
  return c.sendBuffer.reserve(c.writeSeq, room, pieces);
}
