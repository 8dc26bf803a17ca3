// Which addresses a guest can mean (docs/hardening.md, F12): below TASK_SIZE and outside the stub window.
// The filter compares high words with a carry to spare (filter.def, OUTSIDE), so the last 8 GiB below
// the window are reserved as well.

import { TASK_SIZE, WINDOW_BASE, WINDOW_END } from "../../shared/ring/layout.ts";

export const RESERVED_BASE = WINDOW_BASE - 0x200000000;
export const RESERVED_END = WINDOW_END;

/** Lowest address that a mapping may have (vm.mmap_min_addr). */
export const MMAP_MIN_ADDR = 0x10000;

/** Whether [address, address + length) lies in memory that a guest can have. */
export function isGuestRange(address: number, length: number): boolean {
  const end = address + length;
  return address >= 0 && end <= TASK_SIZE && (end <= RESERVED_BASE || address >= RESERVED_END);
}
