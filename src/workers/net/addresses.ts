// Socket addresses in guest memory: read from a piece or by pointer, written with their length as
// accept(2), getsockname(2) and their like do.

import { EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import type { NetCaller } from "./caller.ts";
import type { Address } from "./socket.ts";

const ADDRESS_MAX = 128; // struct sockaddr_storage

/** The address of `length` bytes in piece 0 or 1 of the call, which stands at `offset` of the slot. */
export function addressInPiece(
  task: NetCaller,
  piece: 0 | 1,
  offset: number,
  length: number,
): Address | number {
  if (length < 0 || length > ADDRESS_MAX) return -EINVAL;
  if (!task.call.inComplete(piece, length)) return -EFAULT;
  const at = task.call.base + offset;
  return Buffer.from(task.call.bytes.subarray(at, at + length)).toString("latin1");
}

export function addressOf(bytes: Buffer): Address {
  return bytes.toString("latin1");
}

/**
 * Writes an address to `to`, as much of it as the caller has room for, and its whole length to
 * `lengthAt`. `room` was read there before.
 */
export function writeAddress(
  task: NetCaller,
  address: Address,
  to: number,
  room: number,
  lengthAt: number,
): void {
  const length = Math.min(room, address.length);
  if (to !== 0 && length > 0)
    task.call.bytes.set(Buffer.from(address, "latin1").subarray(0, length), task.call.out(to, length));
  task.call.view.setInt32(task.call.out(lengthAt, 4), address.length, true);
}
