// A sandbox's answer to `metrics`. It is not believed: it is bounded, counters are those that the table has, and labels have
// few values, however long a sandbox lies.

import {
  boolean,
  byteString,
  integer,
  list,
  object,
  optional,
  type Read,
  type Reader,
  SchemaError,
} from "../oci/schema.ts";
import { readThreads } from "../usage/thread_reports.ts";

const TASKS_MAX = 1 << 22;
const CONTAINERS_MAX = 257;
const NET_DEV_MAX = 64 << 10;
const COUNTERS_MAX = 1024;
export const STATUSES: readonly string[] = ["created", "running", "paused", "stopped"];
export const ROLES: readonly string[] = ["supervisor", "net", "data"];

const oneOf =
  (words: readonly string[]): Reader<string> =>
  (value, at) => {
    if (typeof value !== "string" || !words.includes(value))
      throw new SchemaError(`${at} must be one of ${words.join(", ")}`);
    return value;
  };

const netDev: Reader<string> = (value, at) => {
  const text = byteString(value, at);
  if (text.length > NET_DEV_MAX) throw new SchemaError(`${at} must have at most ${NET_DEV_MAX} bytes`);
  return text;
};

/** The numbers that it has; who looks for one asks counterOf. An answer is kept for a while: nothing else of it is. */
const counters: Reader<Readonly<Record<string, number>>> = (value, at) => {
  if (typeof value !== "object" || value === null) throw new SchemaError(`${at} must be an object`);
  const numbers: Record<string, number> = Object.create(null);
  let left = COUNTERS_MAX;
  for (const [name, count] of Object.entries(value))
    if (typeof count === "number" && --left >= 0) numbers[name] = count;
  return numbers;
};

/** One of each number, with roles that there are. */
const threads: Reader<Read<typeof readThreads>> = (value, at) => {
  const all = readThreads(value, at);
  if (new Set(all.map(({ thread }) => thread)).size !== all.length)
    throw new SchemaError(`${at} has a thread twice`);
  for (const { role } of all) oneOf(ROLES)(role, at);
  return all;
};

/** Throws a SchemaError. */
export const readAnswer = object({
  counters,
  threads,
  netDev,
  containers: list(
    object({
      id: byteString,
      status: oneOf(STATUSES),
      tasks: integer(0, TASKS_MAX),
      tasksLimit: integer(0, TASKS_MAX),
    }),
    CONTAINERS_MAX,
  ),
  /** It says when this is no more so. */
  isWatched: optional(boolean, false),
});

export type Answer = Read<typeof readAnswer>;
export type ToldContainer = Answer["containers"][number];

/** undefined: this sandbox, an older one perhaps, does not count it. */
export function counterOf({ counters }: Answer, name: string): number | undefined {
  const value = Object.hasOwn(counters, name) ? counters[name] : undefined;
  return typeof value === "number" && value >= 0 && value < Number.MAX_SAFE_INTEGER ? value : undefined;
}
