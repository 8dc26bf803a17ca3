// Reading a guest's memory for the judgement of a site, in rounds of the stub that made the call: a page that must
// come from a disk makes that guest wait, not the kernel thread (hardening.md, F12).

import { FP, FP_SIZE } from "../../shared/ring/layout.ts";
import type { MemCaller } from "../mem/caller.ts";

/** Bytes that one round brings. Its place in the slot is free while no task is made and no frame loaded. */
export const ROUND_MAX = FP_SIZE;

/** A copy of `length` bytes at an address, or null where they are not all there. */
export function* readText(
  task: MemCaller,
  address: number,
  length: number,
): Generator<void, Uint8Array | null> {
  return yield* readPieces(task, [address], length);
}

/** Copies of pieces of `length` bytes, one behind the other. */
export function* readPieces(
  { call }: MemCaller,
  addresses: readonly number[],
  length: number,
): Generator<void, Uint8Array | null> {
  const total = addresses.length * length;
  for (const [index, address] of addresses.entries()) call.outAt(address, length, FP + index * length);
  if ((yield* call.copyInRound()) < total) return null;
  const start = call.base + FP;
  return call.bytes.slice(start, start + total);
}
