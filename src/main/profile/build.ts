// From what kernel threads have recorded to a Profile: calls of all threads are added up, and numbers get their names.

import { errnoName } from "../../shared/abi/errno_text.ts";
import { syscallByNumber } from "../../shared/abi/syscalls.ts";
import { DurationHistogram } from "../../shared/histogram.ts";
import {
  type CallProfile,
  type CallTimes,
  type CpuProfile,
  CUT_SYMBOL,
  type GuestStacks,
  type Heavy,
  type Histogram,
  type Profile,
  type SiteProfile,
  type ThreadProfile,
} from "../../shared/profile.ts";
import {
  type RecordedCall,
  type RecordedCpu,
  type RecordedTimes,
  STACK_FRAMES_MAX,
  type ThreadRecord,
  type Use,
} from "../../shared/profile_record.ts";

type Times = Record<keyof RecordedTimes, DurationHistogram>;

const PARTS = [
  "queue",
  "service",
  "work",
  "waitEvent",
  "waitStub",
  "waitHost",
  "reply",
  "guest",
] as const satisfies readonly (keyof RecordedTimes)[];
const TOP = 50;

/** Where a function of the kernel's own code is in its sources. */
export type SourceOf = (url: string, line: number, column: number) => { source: string; line: number };

export function callName(nr: number): string {
  return syscallByNumber(nr)?.name ?? "unknown";
}

function emptyTimes(): Times {
  return Object.fromEntries(PARTS.map((part) => [part, new DurationHistogram()])) as Times;
}

function histogram(of: DurationHistogram): Histogram {
  return {
    count: of.count,
    sumNs: of.sum,
    minNs: of.count === 0 ? 0 : of.min,
    maxNs: of.max,
    p50Ns: of.quantile(0.5),
    p90Ns: of.quantile(0.9),
    p99Ns: of.quantile(0.99),
    p999Ns: of.quantile(0.999),
    buckets: of.buckets(),
  };
}

function timesOf(times: Times, count: number, errors: number): CallTimes {
  const parts = Object.fromEntries(PARTS.map((part) => [part, histogram(times[part])]));
  return { count, errors, ...(parts as Record<keyof RecordedTimes, Histogram>) };
}

interface Sum {
  readonly times: Times;
  readonly byThread: Record<string, number>;
  readonly errnos: Map<number, number>;
  count: number;
  errors: number;
  passed: number;
  trapped: number;
  bytes: number;
  small: number;
  chosen: number;
  chosenBytes: number;
}

const SUMS = ["count", "errors", "passed", "trapped", "bytes", "small", "chosen", "chosenBytes"] as const;

function add(sum: Sum, call: RecordedCall): void {
  for (const part of PARTS) sum.times[part].addPacked(call[part]);
  for (const name of SUMS) sum[name] += call[name];
  for (const [errno, times] of Object.entries(call.errnos))
    sum.errnos.set(Number(errno), (sum.errnos.get(Number(errno)) ?? 0) + times);
}

function newSum(): Sum {
  return {
    times: emptyTimes(),
    byThread: {},
    errnos: new Map(),
    count: 0,
    errors: 0,
    passed: 0,
    trapped: 0,
    bytes: 0,
    small: 0,
    chosen: 0,
    chosenBytes: 0,
  };
}

function callsOf(records: readonly ThreadRecord[]): { calls: CallProfile[]; total: CallTimes } {
  const sums = new Map<number, Sum>();
  const total = newSum();
  for (const { report, calls } of records)
    for (const call of calls) {
      const sum = sums.get(call.nr) ?? newSum();
      sums.set(call.nr, sum);
      add(sum, call);
      add(total, call);
      if (call.count > 0) sum.byThread[report.thread] = (sum.byThread[report.thread] ?? 0) + call.count;
    }
  const calls = [...sums].map(
    ([
      nr,
      { times, count, errors, byThread, passed, trapped, errnos, bytes, small, chosen, chosenBytes },
    ]) => ({
      nr,
      name: callName(nr),
      ...timesOf(times, count, errors),
      byThread,
      passed,
      trapped,
      errnos: Object.fromEntries([...errnos].sort((a, b) => b[1] - a[1]).map(([e, n]) => [errnoName(e), n])),
      bytes,
      small,
      chosen,
      chosenBytes,
    }),
  );
  calls.sort((a, b) => b.service.sumNs - a.service.sumNs);
  return { calls, total: timesOf(total.times, total.count, total.errors) };
}

/** V8 tells native entries apart by what calls them all, and so gives each the name of one. */
const IS_NATIVE = /^rf_/;
/** Callers of a function; each costs every form of a profile room. */
const DEPTH_MAX = 256;
const SLEEP = "src/workers/sleep_set.ts";

function cpuOf({ intervalNs, samples, nodes }: RecordedCpu, sourceOf: SourceOf): CpuProfile {
  const made: CpuProfile["nodes"] = [];
  const depths: number[] = [];
  for (const { parent: above, name, url, line, column, samples: selfSamples } of nodes) {
    const given = above < made.length ? above : -1;
    // What is deeper stands beside what it is in.
    const parent = given >= 0 && depths[given]! >= DEPTH_MAX ? made[given]!.parent : given;
    depths.push(parent < 0 ? 0 : depths[parent]! + 1);
    const place = sourceOf(url, line, column);
    const isNative = url === "" && IS_NATIVE.test(name);
    const asleep = isNative && made[parent]?.source === SLEEP;
    made.push({
      parent,
      name: asleep ? "(idle)" : isNative ? "(native)" : name === "" ? "(anonymous)" : name,
      ...place,
      selfSamples,
      selfNs: selfSamples * intervalNs,
    });
  }
  return { intervalNs, samples, nodes: made };
}

function sitesOf(records: readonly ThreadRecord[]): SiteProfile[] {
  const sites = new Map<string, SiteProfile>();
  for (const { calls, ...site } of records.flatMap((record) => record.sites)) {
    // The same place in several processes is one.
    const key = site.file === "" ? `${site.pid} ${site.address}` : `${site.file} ${site.offset}`;
    const known = sites.get(key);
    const one = known ?? { ...site, traps: 0, calls: {} };
    if (known === undefined) sites.set(key, one);
    one.traps += site.traps;
    if (one.state === "") one.state = site.state;
    for (const [nr, count] of Object.entries(calls)) {
      const name = callName(Number(nr));
      one.calls[name] = (one.calls[name] ?? 0) + count;
    }
  }
  return [...sites.values()].sort((a, b) => b.traps - a.traps);
}

function threadOf(record: ThreadRecord, sourceOf: SourceOf): ThreadProfile {
  const { durationNs, report, collections, cpu } = record;
  const { cpu: _now, queued: _queued, unsent: _unsent, ...figures } = report;
  const { cpuNs, guestWakes, allocatedBytes, heapUsedBefore, heapUsedAfter } = record;
  return {
    ...figures,
    durationNs,
    cpuNs,
    guestWakes,
    allocatedBytes,
    heapUsedBefore,
    heapUsedAfter,
    collections: collections as ThreadProfile["collections"],
    cpuProfile: cpu === null ? null : cpuOf(cpu, sourceOf),
  };
}

/** What several threads have served is one. */
function heaviest(
  records: readonly ThreadRecord[],
  kind: "paths" | "sockets" | "futexes" | "hostWaits" | Use,
): Heavy[] {
  const all = new Map<string, Heavy>();
  for (const { name, count, error, sumNs, bytes } of records.flatMap((record) => record[kind])) {
    // Of a socket one thread may know more than the other.
    const key = kind === "sockets" ? name.replace(/ .*$/, "") : name;
    const one = all.get(key) ?? { name, count: 0, error: 0, sumNs: 0, bytes: 0 };
    all.set(key, one);
    if (name.length > one.name.length) one.name = name;
    one.count += count;
    one.error += error;
    one.sumNs += sumNs;
    one.bytes += bytes;
  }
  return [...all.values()].sort((a, b) => b.count - a.count).slice(0, TOP);
}

function guestStacks(records: readonly ThreadRecord[]): GuestStacks {
  const all: GuestStacks = { samples: 0, shallow: 0, whole: 0, frames: [], stacks: [] };
  let cut = -1;
  for (const { stacks: recorded } of records) {
    const { samples, shallow, whole, frames, stacks } = recorded;
    const first = all.frames.length;
    all.samples += samples;
    all.shallow += shallow;
    all.whole += whole;
    for (const frame of frames) all.frames.push(frame);
    for (const { frames: places, nr, count, sumNs } of stacks) {
      const known = places.filter((at) => at < frames.length).map((at) => first + at);
      // Else an inner function would be taken for the one that all began with.
      if (places.length === STACK_FRAMES_MAX) {
        if (cut < 0) cut = all.frames.push({ file: "", offset: 0, symbol: CUT_SYMBOL, symbolOffset: 0 }) - 1;
        known.push(cut);
      }
      all.stacks.push({ frames: known.reverse(), call: callName(nr), count, sumNs });
    }
  }
  all.stacks.sort((a, b) => b.count - a.count);
  return all;
}

function sum(records: readonly ThreadRecord[]): Record<string, number> {
  const all = new Map<string, number>();
  for (const { dropped } of records)
    for (const [name, count] of Object.entries(dropped))
      if (count > 0) all.set(name, (all.get(name) ?? 0) + count);
  return Object.fromEntries(all);
}

/** All but what only the one who asked for it knows. */
export type Recorded = Omit<
  Profile,
  "format" | "version" | "ringfence" | "startedAt" | "subject" | "sandbox" | "advice"
>;

export function buildProfile(records: readonly ThreadRecord[], sourceOf: SourceOf): Recorded {
  return {
    durationNs: Math.max(0, ...records.map(({ durationNs }) => durationNs)),
    threads: records.map((record) => threadOf(record, sourceOf)),
    ...callsOf(records),
    callers: Math.max(0, ...records.map(({ callers }) => callers)),
    sites: sitesOf(records),
    top: {
      paths: heaviest(records, "paths"),
      sockets: heaviest(records, "sockets"),
      futexes: heaviest(records, "futexes"),
      hostWaits: heaviest(records, "hostWaits"),
      lookups: heaviest(records, "lookups"),
      missing: heaviest(records, "missing"),
      smallReads: heaviest(records, "smallReads"),
      smallWrites: heaviest(records, "smallWrites"),
    },
    guestStacks: guestStacks(records),
    dropped: sum(records),
  };
}
