// What a sandbox's kernel threads have recorded, as it comes over the control socket in parts (main/control/profile.ts). A
// sandbox is not believed: everything is bounded, has its form, and names are escaped again.

import type { ProfiledSandbox } from "../../shared/profile.ts";
import type { ProfileOptions, ThreadRecord } from "../../shared/profile_record.ts";
import type { ControlClient } from "../cli/control_client.ts";
import { integer, list, map, object, type Reader, SchemaError } from "../oci/schema.ts";
import { readThread } from "../usage/thread_reports.ts";
import { clean } from "./names.ts";

const THREADS_MAX = 64;
const PARTS_MAX = 100_000;
/** Names are looked for in files, a piece at a time beside whatever else the kernel does. */
const STOP_MS = 60_000;
const NUMBERS_MAX = 1024;
const ITEMS_MAX = 200_000;
const COUNT = integer(0, Number.MAX_SAFE_INTEGER);

const amount: Reader<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new SchemaError(`${at} is no number`);
  return value;
};
const name: Reader<string> = (value, at) => {
  if (typeof value !== "string") throw new SchemaError(`${at} is no text`);
  return clean(value);
};
const packed = list(amount, NUMBERS_MAX);
const heavy = object({ name, count: COUNT, error: COUNT, sumNs: amount, bytes: amount });
const place = { file: name, offset: amount, symbol: name, symbolOffset: amount };

const LISTS = {
  calls: object({
    nr: integer(-1, 0xffff),
    count: COUNT,
    errors: COUNT,
    errnos: map(COUNT, 4096),
    passed: COUNT,
    trapped: COUNT,
    bytes: amount,
    small: COUNT,
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
    calls: map(COUNT, 1024),
  }),
  paths: heavy,
  sockets: heavy,
  futexes: heavy,
  hostWaits: heavy,
  frames: object(place),
  stacks: object({ frames: list(COUNT, 256), nr: integer(-1, 0xffff), count: COUNT, sumNs: amount }),
  nodes: object({
    parent: integer(-1, ITEMS_MAX),
    name,
    url: name,
    line: COUNT,
    column: COUNT,
    samples: COUNT,
  }),
} satisfies Record<string, Reader<object>>;

const readHead = object({
  durationNs: amount,
  report: readThread,
  cpuNs: amount,
  guestWakes: COUNT,
  allocatedBytes: amount,
  heapUsedBefore: amount,
  heapUsedAfter: amount,
  collections: list(object({ kind: name, count: COUNT, sumNs: amount, maxNs: amount }), 16),
  stacks: object({ samples: COUNT, shallow: COUNT }),
  cpu: (value, at) => (value === null ? null : object({ intervalNs: amount, samples: COUNT })(value, at)),
  dropped: map(COUNT, 64),
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

  add(part: unknown): void {
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
    const read = list(LISTS[named as keyof typeof LISTS] as Reader<object>, ITEMS_MAX)(items, named);
    if (to === undefined || to.length + read.length > ITEMS_MAX)
      throw new SchemaError(`${named} has too much`);
    to.push(...read);
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
