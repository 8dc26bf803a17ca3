// What a sandbox says of its kernel threads (the control methods `threads` and `metrics`). It is not believed: all of it is
// bounded, and names are of our form.

import { LATENCY_NUMBERS } from "../../shared/call_latencies.ts";
import {
  byteString,
  integer,
  list,
  object,
  optional,
  type Read,
  type Reader,
  SchemaError,
} from "../oci/schema.ts";

const THREADS_MAX = 64;
const COUNT = integer(0, Number.MAX_SAFE_INTEGER);
const ROLE = /^[a-z]{1,16}$/;
/** Sums of all that threads wait for go beyond whole numbers in months: thousands of them by days. */
const DURATION_MAX_NS = 1e24;

/** Its form alone: it is printed as it is. */
export const role: Reader<string> = (value, at) => {
  const text = byteString(value, at);
  if (!ROLE.test(text)) throw new SchemaError(`${at} is no role of a thread`);
  return text;
};

/** Nanoseconds: no whole number, since they are sums. */
const duration: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !(value >= 0 && value < DURATION_MAX_NS))
    throw new SchemaError(`${at} is no duration`);
  return Math.round(value);
};

/** Throws a SchemaError. */
export const readThread = object({
  thread: integer(0, THREADS_MAX),
  role,
  tid: COUNT,
  cpu: COUNT,
  workNs: duration,
  spinNs: duration,
  sleepNs: duration,
  requests: COUNT,
  passedOut: COUNT,
  passedIn: COUNT,
  forwards: COUNT,
  queued: COUNT,
  queuedMax: COUNT,
  unsent: COUNT,
  sleeps: COUNT,
  doorbells: COUNT,
  longTurns: COUNT,
  longestTurnMs: duration,
  /** A sandbox of before has none. */
  latencies: optional(list(duration, LATENCY_NUMBERS), []),
});

export const readThreads = list(readThread, THREADS_MAX);

export type Thread = Read<typeof readThreads>[number];
