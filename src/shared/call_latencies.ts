// How long system calls take, as a kernel thread tells it (ThreadReport.latencies): a few classes of calls, and for each how
// many took how long, in buckets that metrics have as they are (docs/metrics.md). Both are few, since every sandbox of a host
// has a series for each pair.

import { SYSCALLS } from "./abi/syscalls.ts";
import { MADE_TO_WAIT } from "./abi/waiting_calls.ts";

/** By who serves a call, which its number says: read is a call on files, also of a socket. */
export const CALL_CLASSES = ["file", "network", "memory", "process", "wait"] as const;
export type CallClass = (typeof CALL_CLASSES)[number];

/** Nanoseconds that the calls of a bucket take at most, ascending; behind the last is a bucket for all others. */
export const LATENCY_BOUNDS: readonly number[] = [500, 1e3, 2500, 10e3, 100e3, 1e6, 10e6, 100e6];

/** Numbers of a class: how many are in each bucket, and their nanoseconds together. */
export const LATENCY_SUM_AT = LATENCY_BOUNDS.length + 1;
export const LATENCY_WIDTH = LATENCY_SUM_AT + 1;
/** Of all classes, in their order. */
export const LATENCY_NUMBERS = CALL_CLASSES.length * LATENCY_WIDTH;

const WAITS: ReadonlySet<string> = new Set(Object.values(MADE_TO_WAIT).flat());

const BY_OWNER = { vfs: "file", net: "network", mem: "memory", supervisor: "process" } as const;

/** Of each number, the place of its class among CALL_CLASSES; of those that Linux does not know, that of `process`. */
export function classesByNumber(numbers: number): Uint8Array {
  const classes = new Uint8Array(numbers).fill(CALL_CLASSES.indexOf("process"));
  for (const { name, nr, owner } of SYSCALLS)
    classes[nr.x86_64] = CALL_CLASSES.indexOf(WAITS.has(name) ? "wait" : BY_OWNER[owner]);
  return classes;
}
