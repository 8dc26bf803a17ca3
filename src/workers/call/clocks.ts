// Clocks as deadlines count them, in nanoseconds, and times as guests give and get them. Guest clocks are
// host clocks plus an offset of the sandbox, which is zero until a checkpoint is restored.

import { EINVAL } from "../../shared/abi/errno.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import { NSEC_PER_SEC } from "../../shared/abi/time.ts";
import type { Native } from "../native.ts";

export const TIMESPEC_SIZE = 16;
/** A time that never comes. */
export const NEVER = Number.POSITIVE_INFINITY;
const TWO_63 = 2 ** 63;
const US_NS = 1000;

/** A clock's value, for differences: a double loses some of CLOCK_REALTIME's last digits. */
export function clockNs({ native }: { readonly native: Native }, clock: number): number {
  native.clockGettime(clock);
  return readI64(native.scratchView, 0) * NSEC_PER_SEC + readI64(native.scratchView, 8);
}

/** The time on CLOCK_MONOTONIC, by which the kernel's timers run, when a clock shows `atNs`. */
export function deadlineOf(kernel: { readonly native: Native }, clock: number, atNs: number): number {
  return kernel.native.monotonicNs() + atNs - clockNs(kernel, clock);
}

/** A timespec in nanoseconds, or -EINVAL. */
export function readTimespec(view: DataView, at: number): number {
  const seconds = readI64(view, at);
  const ns = readI64(view, at + 8);
  if (seconds < 0 || ns < 0 || ns >= NSEC_PER_SEC) return -EINVAL;
  return Math.min(seconds * NSEC_PER_SEC + ns, TWO_63);
}

/** A timeval in nanoseconds, or -EINVAL. */
export function readTimeval(view: DataView, at: number): number {
  const seconds = readI64(view, at);
  const us = readI64(view, at + 8);
  if (seconds < 0 || us < 0 || us >= NSEC_PER_SEC / US_NS) return -EINVAL;
  return Math.min(seconds * NSEC_PER_SEC + us * US_NS, TWO_63);
}

export function writeTimespec(view: DataView, at: number, ns: number): void {
  write64(view, at, Math.floor(ns / NSEC_PER_SEC));
  write64(view, at + 8, ns % NSEC_PER_SEC);
}

export function writeTimeval(view: DataView, at: number, ns: number): void {
  write64(view, at, Math.floor(ns / NSEC_PER_SEC));
  write64(view, at + 8, Math.floor((ns % NSEC_PER_SEC) / US_NS));
}
