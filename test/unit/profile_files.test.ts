// A profile as other programs read it: built of what threads tell, then as text, for speedscope and for pprof, which are
// read again here.

import { gunzipSync } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { partsOf } from "../../src/main/control/profile.ts";
import { SchemaError } from "../../src/main/oci/schema.ts";
import { buildProfile, type SourceOf } from "../../src/main/profile/build.ts";
import { Collected } from "../../src/main/profile/collect.ts";
import { pprof } from "../../src/main/profile/pprof.ts";
import { speedscope } from "../../src/main/profile/speedscope.ts";
import { profileText } from "../../src/main/profile/text.ts";
import { PROFILE_FORMAT, PROFILE_VERSION, type Profile } from "../../src/shared/profile.ts";
import type { RecordedNode, ThreadRecord } from "../../src/shared/profile_record.ts";
import { call, record } from "./profile_sample.ts";

const sourceOf: SourceOf = (url, line) => ({ source: url.replace("/js/", "src/"), line });

const node = (parent: number, name: string, samples: number, url = "/js/a.ts"): RecordedNode => ({
  parent,
  name,
  url,
  line: 3,
  column: 1,
  samples,
});

const heavy = (name: string) => [{ name, count: 3, error: 0, sumNs: 9, bytes: 12 }];

const THREADS: ThreadRecord[] = [
  record({
    callers: 3,
    lookups: heavy("/looked"),
    missing: heavy("/missing"),
    smallReads: heavy("/read"),
    smallWrites: heavy("/written"),
    cpu: {
      intervalNs: 1e6,
      samples: 12,
      nodes: [
        node(-1, "(root)", 0, ""),
        node(0, "loop", 1),
        node(1, "serve", 4),
        node(1, "wait", 0, "/js/workers/sleep_set.ts"),
        node(3, "rf_getcpu", 5, ""),
        node(2, "rf_getcpu", 2, ""),
      ],
    },
    sites: [
      {
        pid: 1,
        traps: 9,
        address: "0x10",
        file: "/lib/c",
        offset: 16,
        symbol: "read",
        symbolOffset: 2,
        state: "",
        calls: { 0: 9 },
      },
      {
        pid: 2,
        traps: 5,
        address: "0x20",
        file: "/lib/c",
        offset: 16,
        symbol: "read",
        symbolOffset: 2,
        state: "patched",
        calls: { 0: 4, 1: 1 },
      },
    ],
    stacks: {
      samples: 3,
      shallow: 0,
      whole: 0,
      frames: [
        { file: "/lib/c", offset: 16, symbol: "read", symbolOffset: 2 },
        { file: "/bin/x", offset: 99, symbol: "", symbolOffset: 0 },
      ],
      stacks: [{ frames: [0, 1], nr: 0, count: 3, sumNs: 9000 }],
    },
    dropped: { stacks: 2, sites: 0 },
  }),
  record({
    report: { ...record().report, thread: 1, role: "net" },
    calls: [call(0, 5, { errors: 1, errnos: { 11: 1 } })],
  }),
];

const profile: Profile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  ringfence: "0",
  startedAt: "2026-01-02T03:04:05.000Z",
  subject: { kind: "command", command: ["x", "y"], exitCode: 0 },
  sandbox: { platform: "systrap", workers: "net", patch: "on" },
  ...buildProfile(THREADS, sourceOf),
  advice: [{ rule: "r", text: "Do less.", figure: 1 }],
};

test("calls of threads are added up", () => {
  const read = profile.calls.find(({ name }) => name === "read")!;
  assert.equal(
    [read.count, read.errors, read.byThread, read.errnos],
    [15, 1, { "0": 10, "1": 5 }, { EAGAIN: 1 }],
  );
  assert.is(read.service.count, 15);
  assert.is(profile.total.count, 19);
  assert.is(profile.callers, 3);
  const { lookups, missing, smallReads, smallWrites } = profile.top;
  assert.equal(
    [lookups, missing, smallReads, smallWrites].map(([one]) => one?.name),
    ["/looked", "/missing", "/read", "/written"],
  );
  assert.is(profile.calls[0], read);
  assert.equal(profile.dropped, { stacks: 2 });
  assert.is(profile.sites.length, 1);
  assert.equal(
    [profile.sites[0]!.traps, profile.sites[0]!.state, profile.sites[0]!.calls],
    [14, "patched", { read: 13, write: 1 }],
  );
  const [thread] = profile.threads;
  assert.equal(
    thread!.cpuProfile!.nodes.map(({ name }) => name),
    ["(root)", "loop", "serve", "wait", "(idle)", "(native)"],
  );
});

test("what crosses the control socket in parts is the same", () => {
  const collected = new Collected();
  for (const part of partsOf(THREADS)) collected.add(JSON.parse(JSON.stringify(part)));
  assert.equal(collected.records, THREADS);
  assert.equal(
    JSON.parse(JSON.stringify(buildProfile(collected.records, sourceOf))),
    JSON.parse(JSON.stringify(buildProfile(THREADS, sourceOf))),
  );
});

test("parts are small", () => {
  const many = record({ calls: Array.from({ length: 300 }, (_none, nr) => call(nr, 50)) });
  const lengths = [...partsOf([many])].map((part) => JSON.stringify(part).length);
  assert.ok(lengths.length > 3 && Math.max(...lengths) < 80_000, String(lengths));
});

test("a sandbox that lies is found out, or does no harm", () => {
  const [head] = partsOf(THREADS);
  const wrong: unknown[] = [
    {},
    { thread: 3, head: {} },
    { thread: 0, head: { durationNs: "x" } },
    { thread: 0, list: "calls", items: [] },
    { thread: 0, list: "__proto__", items: [] },
  ];
  for (const part of wrong)
    assert.throws(
      () => new Collected().add(part),
      (error: Error) => error instanceof SchemaError,
    );
  const collected = new Collected();
  collected.add(head);
  assert.throws(() => collected.add({ thread: 0, list: "toString", items: [] }));
  assert.throws(() => collected.add({ thread: 0, list: "paths", items: [{ name: 3 }] }));
  const heavy = { count: 1, error: 0, sumNs: 0, bytes: 0 };
  collected.add({ thread: 0, list: "paths", items: [{ name: "\x1b[2J/é", ...heavy }] });
  assert.is(collected.records[0]!.paths[0]!.name, "\\x1b[2J/\\xe9");
});

test("keys of a sandbox that lies are known ones, and figures are some", () => {
  const refused = (change: object) => {
    const [head] = partsOf([record(change)]);
    assert.throws(
      () => new Collected().add(JSON.parse(JSON.stringify(head))),
      (error: Error) => error instanceof SchemaError,
      JSON.stringify(change),
    );
  };
  refused({ dropped: { "\x1b[2J": 1 } });
  refused({ dropped: { stacks: -1 } });
  refused({ cpuNs: 1e300 });
  const taken = (list: string, item: object) => {
    const collected = new Collected();
    collected.add([...partsOf(THREADS)][0]);
    collected.add(JSON.parse(JSON.stringify({ thread: 0, list, items: [item] })));
  };
  const site = THREADS[0]!.sites[0]!;
  for (const [list, right, ...wrong] of [
    [
      "calls",
      call(0, 1, { errnos: { 4095: 1 } }),
      call(0, 1, { errnos: { "\x1b[2J": 1 } }),
      call(0, 1, { errnos: { 0: 1 } }),
      call(512, 1),
      call(0, 1, { work: [1, 1, 1, 0.5, 1] }),
      call(0, 1, { work: [1, 1, 1, -1, 1] }),
    ],
    ["sites", { ...site, calls: { "-1": 1, 511: 1 } }, { ...site, calls: { 512: 1 } }],
  ] as const) {
    taken(list, right);
    for (const item of wrong) assert.throws(() => taken(list, item), undefined, JSON.stringify(item));
  }
  // A name of ours that all objects have a member of is a name.
  assert.equal(buildProfile([record({ dropped: { constructor: 2 } as never })], sourceOf).dropped, {
    constructor: 2,
  });
});

test("lists are as long as they can be where they are recorded, all threads' together too", () => {
  const collected = new Collected();
  const heads = [...partsOf(THREADS)].filter((part) => "head" in part);
  for (const head of heads) collected.add(head);
  const stack = { frames: [], nr: 0, count: 1, sumNs: 1 };
  const stacks = (thread: number, count: number) =>
    collected.add({ thread, list: "stacks", items: new Array(count).fill(stack) });
  stacks(0, 2000);
  assert.throws(() => stacks(0, 100), /too much/);
  assert.throws(() => stacks(1, 100), /too much/);
  stacks(1, 48);
  assert.throws(() => collected.add({ thread: 1, list: "sites", items: new Array(101).fill({}) }));
  const name = "x".repeat(32 << 20);
  assert.throws(() => {
    for (let i = 0; i < 3; i++)
      collected.add({
        thread: 0,
        list: "paths",
        items: [{ name, count: 1, error: 0, sumNs: 0, bytes: 0 }],
      });
  }, /too large/);
});

test("a tree that is too deep goes on beside itself", () => {
  const nodes = Array.from({ length: 20_000 }, (_none, i) => node(i - 1, `f${i}`, 1));
  const deep = record({ cpu: { intervalNs: 1e9, samples: Number.MAX_SAFE_INTEGER, nodes } });
  nodes[5]!.samples = Number.MAX_SAFE_INTEGER;
  const built = { ...profile, ...buildProfile([deep], sourceOf) };
  const depths: number[] = [];
  for (const { parent } of built.threads[0]!.cpuProfile!.nodes)
    depths.push(parent < 0 ? 0 : depths[parent]! + 1);
  assert.is(Math.max(...depths), 256);
  // No figure is too large for any form.
  assert.ok(pprof(built).length > 0);
  assert.is(speedscope(built).profiles[0]!.samples.length, 20_000);
});

test("text has the heaviest of everything", () => {
  const text = profileText(profile);
  for (const line of [
    /^Profile of a command: 1\.00s, 19 calls of the kernel, 5\.3% with an error \(systrap, --workers=net\)$/m,
    /^ {2}1 net +60\.0%/m,
    /^ {2}read +15 +1 /m,
    /^ {2}14 +patched +read,write {2}\/lib\/c\+0x10 \(read\+0x2\)$/m,
    /^ {2}6 +18ns +24B +\/a$/m,
    /^ {2}57\.1% +4 +serve {2}src\/a\.ts:3$/m,
    /^ {2}28\.6% +2 +\(native\) for serve {2}src\/a\.ts$/m,
    /^ {2}3 x read$/m,
    /^ {6}\/bin\/x\+0x63$/m,
    /^ {2}- Do less\.$/m,
    /2 stacks/,
  ])
    assert.match(text, line);
  assert.not.match(text, /\(idle\)/);
});

test("speedscope gets weighed stacks", () => {
  const { shared, profiles } = speedscope(profile);
  assert.is(profiles.length, 2);
  const [kernel, guests] = profiles;
  const named = (stack: number[]) => stack.map((at) => shared.frames[at]!.name);
  assert.equal(
    kernel!.samples.map((stack, i) => [named(stack), kernel!.weights[i]]),
    [
      [["loop"], 1e6],
      [["loop", "serve"], 4e6],
      [["loop", "serve", "(native)"], 2e6],
    ],
  );
  assert.is(kernel!.endValue, 7e6);
  assert.equal(guests!.samples.map(named), [["/bin/x+0x63", "read", "read"]]);
  assert.equal(guests!.weights, [9000]);
  for (const frame of shared.frames) assert.ok(frame.name.length > 0);
});

/** Fields of a message: numbers, and bytes of what is within. */
function fields(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const reader = new BinaryReader(bytes);
  const found = new Map<number, (number | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = type === WireType.Varint ? Number(reader.int64()) : reader.bytes();
    found.set(field, [...(found.get(field) ?? []), value]);
  }
  return found;
}

test("pprof gets samples with locations, functions and strings", () => {
  const whole = fields(gunzipSync(pprof(profile)));
  const within = (field: number) => (whole.get(field) ?? []).map((bytes) => fields(bytes as Uint8Array));
  const strings = whole.get(6)!.map((bytes) => Buffer.from(bytes as Uint8Array).toString());
  assert.is(strings[0], "");
  const text = (at: unknown) => strings[Number(at ?? 0)];
  assert.equal(
    within(1).map((type) => [text(type.get(1)?.[0]), text(type.get(2)?.[0])]),
    [
      ["samples", "count"],
      ["cpu", "nanoseconds"],
      ["guest_calls", "count"],
      ["guest_service", "nanoseconds"],
    ],
  );
  const functions = new Map(within(5).map((one) => [one.get(1)![0], text(one.get(2)?.[0])]));
  const locations = new Map(
    within(4).map((one) => [one.get(1)![0], functions.get(fields(one.get(4)![0] as Uint8Array).get(1)![0]!)]),
  );
  assert.equal(
    within(2).map((sample) => [sample.get(1)!.map((id) => locations.get(id)), sample.get(2)]),
    [
      [["loop"], [1, 1e6, 0, 0]],
      [
        ["serve", "loop"],
        [4, 4e6, 0, 0],
      ],
      [
        ["(native)", "serve", "loop"],
        [2, 2e6, 0, 0],
      ],
      [
        ["read", "read", "/bin/x+0x63"],
        [0, 0, 3, 9000],
      ],
    ],
  );
  assert.is(whole.get(9)![0], Date.parse(profile.startedAt) * 1e6);
  assert.is(whole.get(10)![0], 1e9);
  assert.is(text(whole.get(14)![0]), "cpu");
});

test("a function that calls itself is one line of a stack", () => {
  const { guestStacks } = profile;
  const stacks = [{ frames: [1, 0, 0, 0, 1, 0], call: "read", count: 1, sumNs: 1 }];
  const text = profileText({ ...profile, guestStacks: { ...guestStacks, stacks } });
  assert.match(text, /1 x read\n.*read\S*\)\n.*\/bin\/x\+0x63\n.*read\S*\), 3 times\n.*\/bin\/x\+0x63\n/);
});

test("a stack that is cut off says so, in place of an outermost function that is none", () => {
  const frames = [{ file: "/bin/x", offset: 9, symbol: "again", symbolOffset: 1 }];
  const deep = (depth: number) => ({ frames: Array<number>(depth).fill(0), nr: 0, count: 1, sumNs: 1 });
  const stacks = { samples: 2, shallow: 0, whole: 1, frames, stacks: [deep(128), deep(127)] };
  const built = buildProfile([record({ stacks }), record({ stacks })], (source, line) => ({ source, line }));
  const outermost = built.guestStacks.stacks.map(({ frames: [at] }) => built.guestStacks.frames[at!]!.symbol);
  assert.equal(outermost.sort(), ["(further callers)", "(further callers)", "again", "again"]);
  const text = profileText({ ...profile, ...built });
  assert.match(text, /1 x read\n.*again\S*\), 128 times\n {6}\(further callers\)\n/);
});

test.run();
