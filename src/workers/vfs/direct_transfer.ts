// What is longer than the window moves straight between a file and guest memory, in one host call, where both allow it
// (mem/direct_copy.ts). Whatever else there is, and what faults, is left to the rounds of read_write.ts: NOT_AT_ONCE.

import { WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { isDirectSource, isDirectTarget } from "../mem/direct_copy.ts";
import type { VfsCaller } from "./caller.ts";
import { NOT_AT_ONCE, type OpenFile } from "./file.ts";

/** At most so many bytes move at once, while nobody else is served. */
export const DIRECT_MAX = 1 << 20;

/** As OpenFile.readDirectly, of DIRECT_MAX bytes at most. */
export function readDirectly(
  task: VfsCaller,
  file: OpenFile,
  address: number,
  length: number,
  position: number,
): number {
  if (length <= WINDOW_SIZE) return NOT_AT_ONCE;
  const part = Math.min(length, DIRECT_MAX);
  return isDirectTarget(task, address, part) ? file.readDirectly(task, address, part, position) : NOT_AT_ONCE;
}

/** As OpenFile.writeDirectly, of DIRECT_MAX bytes at most. */
export function writeDirectly(
  task: VfsCaller,
  file: OpenFile,
  address: number,
  length: number,
  position: number,
): number {
  if (length <= WINDOW_SIZE) return NOT_AT_ONCE;
  const part = Math.min(length, DIRECT_MAX);
  return isDirectSource(task, address, part)
    ? file.writeDirectly(task, address, part, position)
    : NOT_AT_ONCE;
}
