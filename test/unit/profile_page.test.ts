// The report of a profile: what is in it, and that every figure of it is one. The page that is made of it is tried in a browser
// by e2e/report_page.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { profileReport } from "../../src/main/profile/page.ts";
import { cpuTree, guestTree } from "../../src/main/profile/page_trees.ts";
import type { Block, Frame, Table } from "../../src/main/report/document.ts";
import { embeddedJson } from "../../src/main/report/html.ts";
import {
  type CallTimes,
  type CpuNode,
  type Histogram,
  PROFILE_FORMAT,
  PROFILE_VERSION,
  type Profile,
} from "../../src/shared/profile.ts";

const HOSTILE = "</script><!--";

function histogram(count: number): Histogram {
  const buckets: Histogram["buckets"] = count === 0 ? [] : [[1000, 1100, count]];
  const at = count === 0 ? 0 : 1050;
  const quantiles = { p50Ns: at, p90Ns: at, p99Ns: at, p999Ns: at };
  return { count, sumNs: count * at, minNs: at, maxNs: at, ...quantiles, buckets };
}

function times(count: number): CallTimes {
  const [full, none] = [histogram(count), histogram(0)];
  return {
    count,
    errors: 1,
    queue: full,
    service: full,
    work: full,
    waitEvent: none,
    waitStub: none,
    waitHost: none,
    reply: full,
    guest: full,
  };
}

function call(name: string, count: number) {
  return {
    ...times(count),
    nr: 0,
    name,
    byThread: { "0": count },
    passed: 0,
    trapped: count,
    errnos: { ENOENT: 1 },
    bytes: 4096,
    small: 0,
    chosen: 0,
    chosenBytes: 0,
  };
}

const node = (parent: number, name: string, selfNs: number): CpuNode => ({
  parent,
  name,
  source: "src/workers/loop.ts",
  line: 7,
  selfSamples: 1,
  selfNs,
});

const PROFILE: Profile = {
  format: PROFILE_FORMAT,
  version: PROFILE_VERSION,
  ringfence: "0.1.0",
  startedAt: "2026-11-29T07:00:00.000Z",
  durationNs: 5e9,
  subject: { kind: "command", command: ["cat", HOSTILE], exitCode: 0 },
  sandbox: { platform: "systrap", workers: "net", patch: "on" },
  threads: [],
  calls: [call("read", 10), call("openat", 30)],
  total: times(40),
  callers: 1,
  sites: [
    {
      pid: 2,
      traps: 5,
      address: "0x1234",
      file: HOSTILE,
      offset: 16,
      symbol: "",
      symbolOffset: 0,
      state: "too short",
      calls: { read: 5 },
    },
  ],
  top: {
    paths: [{ name: HOSTILE, count: 7, error: 1, sumNs: 100, bytes: 0 }],
    sockets: [],
    futexes: [],
    hostWaits: [],
    ...{ lookups: [], missing: [], smallReads: [], smallWrites: [] },
  },
  guestStacks: {
    samples: 3,
    shallow: 1,
    whole: 0,
    frames: [
      { file: "/bin/cat", offset: 16, symbol: "main", symbolOffset: 4 },
      { file: HOSTILE, offset: 32, symbol: "", symbolOffset: 0 },
    ],
    stacks: [
      { frames: [0, 1], call: "read", count: 2, sumNs: 2e6 },
      { frames: [0], call: "read", count: 1, sumNs: 1e6 },
      { frames: [9], call: "write", count: 1, sumNs: 1e6 },
    ],
  },
  advice: [{ rule: "trap", text: "Half of all calls trap.", figure: 0.5 }],
  dropped: { stacks: 3 },
};

function blocks(profile: Profile): Block[] {
  return profileReport(profile).sections.flatMap(({ blocks }) => blocks);
}

test("calls, sites and what is heaviest have a table each; what is empty has none", () => {
  const tables = blocks(PROFILE).filter((block): block is Table => block.kind === "table");
  assert.equal(
    tables.map(({ caption }) => caption),
    ["All calls", "Call sites that still trap", "Paths"],
  );
  for (const { columns, rows } of tables) for (const row of rows) assert.is(row.length, columns.length);
  const [calls, sites, paths] = tables as [Table, Table, Table];
  assert.equal(
    calls.rows.map(([name, count]) => [name!.text, count!.value]),
    [
      ["read", 10],
      ["openat", 30],
    ],
  );
  assert.equal(sites.rows[0]![0], { text: "0x1234", detail: `${HOSTILE}+0x10` });
  assert.is(paths.rows[0]![0]!.text, HOSTILE);
});

test("what was not recorded and what is advised stand above", () => {
  assert.equal(profileReport(PROFILE).notices, [
    { tone: "warning", text: "Not recorded, since bounds were reached: stacks 3" },
    { tone: "note", text: "Half of all calls trap." },
  ]);
});

test("a tree of samples has at each frame its own time and that of all below", () => {
  const nodes = [node(-1, "(root)", 0), node(0, "loop", 1e6), node(1, "serve", 2e6), node(0, "", 4e6)];
  assert.equal(cpuTree({ intervalNs: 1e6, samples: 7, nodes }), {
    name: "(root) src/workers/loop.ts:7",
    value: 7,
    children: [
      { name: "(anonymous) src/workers/loop.ts:7", value: 4, children: [] },
      {
        name: "loop src/workers/loop.ts:7",
        value: 3,
        children: [{ name: "serve src/workers/loop.ts:7", value: 2, children: [] }],
      },
    ],
  });
  assert.is(cpuTree({ intervalNs: 1e6, samples: 0, nodes: [] }), undefined);
  // A parent that does not stand before its child is none.
  const astray = cpuTree({ intervalNs: 1, samples: 2, nodes: [node(-1, "(root)", 0), node(5, "a", 1)] });
  assert.is(astray!.value, 0);
});

test("stacks of guests are one tree, with the call as its leaf", () => {
  const names = ({ name, value, children = [] }: Frame): unknown[] => [name, value, ...children.map(names)];
  assert.equal(names(guestTree(PROFILE.guestStacks)), [
    "guests",
    4,
    ["main", 3, [`${HOSTILE}+0x20`, 2, ["read", 2]], ["read", 1]],
    ["?", 1, ["write", 1]],
  ]);
});

test("a profile of nothing is a report, too, and every figure of a report is one", () => {
  const nothing: Profile = {
    ...PROFILE,
    calls: [],
    total: times(0),
    sites: [],
    top: {
      ...{ paths: [], sockets: [], futexes: [], hostWaits: [] },
      ...{ lookups: [], missing: [], smallReads: [], smallWrites: [] },
    },
    guestStacks: { samples: 0, shallow: 0, whole: 0, frames: [], stacks: [] },
  };
  assert.equal(
    blocks(nothing).map(({ kind }) => kind),
    ["intervals"],
  );
  for (const profile of [PROFILE, nothing])
    JSON.stringify(profileReport(profile), (key, value: unknown) => {
      if (typeof value === "number") assert.ok(Number.isFinite(value), key);
      return value;
    });
  const embedded = embeddedJson(profileReport(PROFILE));
  assert.not.match(embedded, /[<>&]/);
  assert.equal(JSON.parse(embedded), profileReport(PROFILE));
});

test.run();
