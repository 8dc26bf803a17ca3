// What a sandbox's kernel threads have recorded, as it comes over the control socket in parts (main/control/profile.ts). A
// sandbox is not believed: everything is bounded, has its form, and names are escaped again.

import type { ProfiledSandbox } from "../../shared/profile.ts";
import { type ProfileOptions, STACK_FRAMES_MAX, type ThreadRecord } from "../../shared/profile_record.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";
import type { ControlClient } from "../cli/control_client.ts";
import { integer, list, map, object, optional, type Reader, SchemaError } from "../oci/schema.ts";
import { readThread } from "../usage/thread_reports.ts";
import { clean } from "./names.ts";

const THREADS_MAX = 64;
const CALLS_MAX = KP_MARSHAL_COUNT + 1;
const PARTS_MAX = 100_000;
/** Names are looked for in files, a piece at a time beside whatever else the kernel does. */
const STOP_MS = 60_000;
/** Of all parts, as JSON. */
const CHARS_MAX = 64 << 20;
/** A packed histogram: three figures, then a bucket and its count in turn (shared/histogram.ts). */
const PACKED_HEAD = 3;
const PACKED_MAX = PACKED_HEAD + 2 * 512;
const HEAVY_MAX = 50;
const NODES_MAX = 20_000;
const ERRNO_MAX = 4095;
const NAME_OF_OURS = /^[A-Za-z]{1,32}$/;
const COUNT = integer(0, Number.MAX_SAFE_INTEGER);

const amount: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !(Math.abs(value) <= Number.MAX_SAFE_INTEGER))
    throw new SchemaError(`${at} is no amount`);
  return value;
};
const name: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw new SchemaError(`${at} is no text`);
  return clean(value);
};
const numbers = list(amount, PACKED_MAX);
const packed: Reader<number[]> = (value, at) => {
  const read = numbers(value, at);
  if (!read.every((one, i) => i < PACKED_HEAD || (one >= 0 && Number.isInteger(one))))
    throw new SchemaError(`${at} is no histogram`);
  return read;
};

/** Counts by names that `isName` says are some: no others get any further. */
function counts(isName: (name: string) => boolean, maximum: number): Reader<Record<string, number>> {
  const read = map(COUNT, maximum);
  return (value, at) => {
    const found = read(value, at);
    if (!Object.keys(found).every(isName)) throw new SchemaError(`${at} has a member of another name`);
    return found;
  };
}

function isInteger(text: string, least: number, most: number): boolean {
  return /^-?\d{1,5}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

const nr = integer(-1, KP_MARSHAL_COUNT - 1);
const heavy = object({ name, count: COUNT, error: COUNT, sumNs: amount, bytes: amount });
const place = { file: name, offset: amount, symbol: name, symbolOffset: amount };

const LISTS = {
  calls: object({
    nr,
    count: COUNT,
    errors: COUNT,
    errnos: counts((text) => isInteger(text, 1, ERRNO_MAX), ERRNO_MAX),
    passed: COUNT,
    trapped: COUNT,
    bytes: amount,
    small: COUNT,
    chosen: optional(COUNT, 0),
    chosenBytes: optional(amount, 0),
    queue: packed,
    service: packed,
    work: packed,
    waitEvent: packed,
    waitStub: packed,
    waitHost: packed,
    reply: packed,
    guest: packed,
  }),
  sites: object({
    ...place,
    pid: COUNT,
    traps: COUNT,
    address: name,
    state: name,
    calls: counts((text) => isInteger(text, -1, KP_MARSHAL_COUNT - 1), CALLS_MAX),
  }),
  paths: heavy,
  sockets: heavy,
  futexes: heavy,
  hostWaits: heavy,
  lookups: heavy,
  missing: heavy,
  smallReads: heavy,
  smallWrites: heavy,
  frames: object(place),
  stacks: object({ frames: list(COUNT, STACK_FRAMES_MAX), nr, count: COUNT, sumNs: amount }),
  nodes: object({
    parent: integer(-1, NODES_MAX),
    name,
    url: name,
    line: COUNT,
    column: COUNT,
    samples: COUNT,
  }),
} satisfies Record<string, Reader<object>>;

/** What each list has at most, of one thread and of all: guests' sites and stacks are thread 0's alone. */
const SIZES: Readonly<Record<keyof typeof LISTS, readonly [ofOne: number, ofAll: number]>> = {
  calls: [CALLS_MAX, CALLS_MAX * THREADS_MAX],
  sites: [100, 100],
  paths: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  sockets: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  futexes: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  hostWaits: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  lookups: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  missing: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  smallReads: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  smallWrites: [HEAVY_MAX, HEAVY_MAX * THREADS_MAX],
  frames: [4096, 4096],
  stacks: [2048, 2048],
  nodes: [NODES_MAX, 5 * NODES_MAX],
};

const readHead = object({
  durationNs: amount,
  callers: optional(COUNT, 0),
  report: readThread,
  cpuNs: amount,
  guestWakes: COUNT,
  allocatedBytes: amount,
  heapUsedBefore: amount,
  heapUsedAfter: amount,
  collections: list(object({ kind: name, count: COUNT, sumNs: amount, maxNs: amount }), 16),
  stacks: object({ samples: COUNT, shallow: COUNT, whole: COUNT }),
  cpu: (value, at) => (value === null ? null : object({ intervalNs: amount, samples: COUNT })(value, at)),
  dropped: counts((text) => NAME_OF_OURS.test(text), 64),
});

function recordOf(value: unknown, at: string): ThreadRecord {
  const { stacks, cpu, ...rest } = readHead(value, at);
  return {
    ...rest,
    calls: [],
    sites: [],
    paths: [],
    sockets: [],
    futexes: [],
    hostWaits: [],
    lookups: [],
    missing: [],
    smallReads: [],
    smallWrites: [],
    stacks: { ...stacks, frames: [], stacks: [] },
    cpu: cpu === null ? null : { ...cpu, nodes: [] },
  } as ThreadRecord;
}

function listOf(record: ThreadRecord, named: string): object[] | undefined {
  if (named === "frames" || named === "stacks") return record.stacks[named];
  if (named === "nodes") return record.cpu?.nodes;
  return record[named as "calls"];
}

/** Puts parts together. Throws a SchemaError. */
export class Collected {
  readonly records: ThreadRecord[] = [];
  readonly #sizes = new Map<string, number>();
  #chars = 0;

  add(part: unknown): void {
    this.#chars += JSON.stringify(part).length;
    if (this.#chars > CHARS_MAX) throw new SchemaError("a profile is too large");
    const { thread, head, list: named, items } = part as Record<string, unknown>;
    const at = integer(0, THREADS_MAX)(thread, "thread");
    if (head !== undefined) {
      if (at !== this.records.length) throw new SchemaError("threads do not come in their order");
      this.records.push(recordOf(head, `thread ${at}`));
      return;
    }
    const record = this.records[at];
    if (record === undefined || typeof named !== "string" || !Object.hasOwn(LISTS, named))
      throw new SchemaError("a part of no thread");
    const to = listOf(record, named);
    const [ofOne, ofAll] = SIZES[named as keyof typeof LISTS];
    const read = list(LISTS[named as keyof typeof LISTS] as Reader<object>, ofOne)(items, named);
    const size = (this.#sizes.get(named) ?? 0) + read.length;
    if (to === undefined || to.length + read.length > ofOne || size > ofAll)
      throw new SchemaError(`${named} has too much`);
    this.#sizes.set(named, size);
    for (const one of read) to.push(one);
  }
}

function oneOf<const T extends string>(values: readonly T[]): Reader<T> {
  return (value, at) => {
    const found = values.find((one) => one === value);
    if (found === undefined) throw new SchemaError(`${at} is none of ${values.join(", ")}`);
    return found;
  };
}

const readSandbox = object({
  platform: oneOf(["systrap", "ptrace"]),
  workers: name,
  patch: oneOf(["on", "off", "eager"]),
});

/** Throws a SchemaError, or what the client does. */
export async function startProfile(client: ControlClient, options: ProfileOptions): Promise<ProfiledSandbox> {
  return readSandbox(await client.askSoon("profile_start", options), "sandbox");
}

/** Throws a SchemaError, or what the client does. */
export async function fetchProfile(client: ControlClient): Promise<ThreadRecord[]> {
  await client.askSoon("profile_stop", undefined, STOP_MS);
  const collected = new Collected();
  for (let parts = 0; parts < PARTS_MAX; parts++) {
    const part = await client.askSoon("profile_part");
    if (part === null) return collected.records;
    if (typeof part !== "object") break;
    collected.add(part);
  }
  throw new SchemaError("a profile has no end");
}
