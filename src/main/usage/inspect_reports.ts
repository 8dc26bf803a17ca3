// What a sandbox tells `debug` of its guest threads and its heaps. It is not believed: all of it is bounded.

import type { InspectReport } from "../../shared/inspect_report.ts";
import { TASKS_TOLD } from "../../shared/inspect_report.ts";
import {
  boolean,
  byteString,
  integer,
  list,
  map,
  object,
  optional,
  type Reader,
  SchemaError,
} from "../oci/schema.ts";
import { role } from "./thread_reports.ts";

const COUNT = integer(0, Number.MAX_SAFE_INTEGER);
const TEXT_MAX = 4096 + 64;
const FRAMES_MAX = 64;
const SPACES_MAX = 64;
const COUNTERS_MAX = 1024;
const THREADS_MAX = 64;
const NAME = /^[A-Za-z]\w{0,63}$/;

/** Byte strings as they came: one char a byte. */
const text: Reader<string> = (value, at) => {
  if (typeof value !== "string" || value.length > TEXT_MAX) throw new SchemaError(`${at} is no text`);
  return value;
};

const place = object({
  address: byteString,
  module: optional(text, undefined),
  offset: optional(byteString, undefined),
});

const task = object({
  pid: COUNT,
  tid: COUNT,
  comm: text,
  container: text,
  state: byteString,
  call: optional(byteString, undefined),
  args: optional(list(byteString, 6), undefined),
  file: optional(text, undefined),
  waitsFor: optional(text, undefined),
  stack: optional(list(place, FRAMES_MAX), undefined),
  kernelStack: optional(list(text, FRAMES_MAX), undefined),
});

const heap = object({
  thread: integer(0, THREADS_MAX),
  role,
  used: COUNT,
  total: COUNT,
  limit: COUNT,
  external: COUNT,
  spaces: map(COUNT, SPACES_MAX),
});

/** Throws a SchemaError. */
export const readInspect = object({
  tasks: optional(list(task, TASKS_TOLD), undefined),
  isCut: optional(boolean, false),
  heap: optional(list(heap, THREADS_MAX), undefined),
  strace: boolean,
  kernelStacks: optional(boolean, false),
}) as Reader<InspectReport>;

const count: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new SchemaError(`${at} is no number`);
  return value;
};

const all = map(count, COUNTERS_MAX);

/** Throws a SchemaError. */
export const readCounters: Reader<Record<string, number>> = (value, at) => {
  const counters = all(value, at);
  for (const name of Object.keys(counters))
    if (!NAME.test(name)) throw new SchemaError(`${at} has no such names`);
  return counters;
};
