// The table and the JSON of `ringfence bench`, made of results that are made up.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { QUIET } from "../../bench/busy.ts";
import { atMost, timesNative, timesRunsc } from "../../bench/goals.ts";
import { resultsJson } from "../../bench/json.ts";
import { Progress } from "../../bench/progress.ts";
import type { Results } from "../../bench/results.ts";
import { align, tableText } from "../../bench/table.ts";

const MACHINE = {
  processor: "A processor",
  processors: 2,
  memoryBytes: 2 ** 34,
  kernel: "6.18",
  node: "26.10.0",
  system: "Debian",
  isVirtual: true,
  governor: "",
  mitigations: [["spectre_v2", "Mitigation: Retpolines"]] as const,
};
const RESULTS: Results = {
  made: "2026-11-27T10:00:00.000Z",
  machine: MACHINE,
  before: { share: 0, queue: 0, load: 0.1 },
  meanwhile: QUIET,
  runs: 3,
  effort: { budgetMs: 200, quick: false, libc: "gnu" },
  ways: [
    { name: "native", version: "", isHere: false },
    { name: "systrap", version: "ringfence 1", isHere: true },
    { name: "runsc", version: "runsc 2", isHere: false },
  ],
  missing: ["crun is not installed: its column is left out"],
  failures: [{ what: "file stat on runsc", why: "ended with 1" }],
  rows: [
    {
      suite: "file",
      row: { name: "stat", label: "stat", goals: [atMost(1500), timesNative(8), timesRunsc(1)] },
      samples: new Map([
        ["native", [250, 260, 240]],
        ["systrap", [2000, 1900, 2500]],
      ]),
      meanwhile: QUIET,
    },
    {
      suite: "idle",
      row: { name: "memory", label: "memory", unit: "bytes" },
      samples: new Map([["systrap", [2 ** 24, 2 ** 24, 2 ** 24]]]),
      meanwhile: QUIET,
    },
    {
      suite: "idle",
      row: { name: "once", label: "once", unit: "bytes" },
      samples: new Map([
        ["systrap", [2 ** 24]],
        ["runsc", [2 ** 23]],
      ]),
      meanwhile: QUIET,
    },
  ],
};

test("the table has a column for each way and ratio, and the goals", () => {
  const lines = tableText(RESULTS).split("\n");
  const cells = (start: string) =>
    lines
      .find((line) => line.startsWith(start))!
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  assert.equal(cells("| file"), [
    "file",
    "native",
    "systrap",
    "runsc",
    "systrap / native",
    "systrap / runsc",
    "goal",
  ]);
  assert.equal(cells("| stat"), [
    "stat",
    "250 ns (240-260) 4 %",
    "2.00 µs (1.90-2.50) 15 %",
    "",
    "8.00 (7.31-10.4)",
    "",
    "≤ 1.5 µs: missed; ≤ 8 × native: met; ≤ runsc",
  ]);
  assert.equal(cells("| memory"), ["memory", "", "16.0 MiB (16.0-16.0) 0 %", "", "", "", ""]);
  // Of one sample nothing is said of how it is spread, however often the others were measured.
  assert.equal(cells("| once"), ["once", "", "16.0 MiB", "8.00 MiB", "", "2.00", ""]);
  assert.ok(lines.includes("goals: 1 met, 1 missed, 1 without a figure to compare with"));
});

test("around the table stands what figures are worth", () => {
  const text = tableText(RESULTS);
  assert.match(text, /^A processor, 2 processors, 16\.0 GiB, virtual; Debian, Linux 6\.18; Node 26\.10\.0$/m);
  assert.match(text, /^systrap: ringfence 1\nrunsc: runsc 2$/m);
  assert.match(
    text,
    /^3 runs, the ways in turn; medians, the interval .* with 75 %, .*; 200 ms for each loop/m,
  );
  assert.match(text, /^the machine was quiet$/m);
  assert.match(text, /^missing: crun is not installed/m);
  assert.match(text, /^failed: file stat on runsc: ended with 1$/m);
  const busy = tableText({ ...RESULTS, before: { share: 1, queue: 3, load: 2 } });
  assert.match(
    busy,
    /^THE MACHINE IS BUSY: before: 100 % of a processor in use, 3\.0 threads running, load 2\.0$/m,
  );
  assert.not.match(text, /cache line|processors apart/);
  const still = tableText({ ...RESULTS, meanwhile: { ...QUIET, distance: [57, 60] } });
  assert.match(still, /^a cache line to another processor and back takes 57\.0 ns to 60\.0 ns$/m);
  assert.not.match(still, /processors apart/);
  const [stat, ...others] = RESULTS.rows;
  const far: Results["meanwhile"] = { ...QUIET, distance: [390, 390] };
  const moved = tableText({
    ...RESULTS,
    meanwhile: { ...QUIET, distance: [57, 390] },
    rows: [{ ...stat!, meanwhile: far }, ...others],
  });
  assert.match(moved, /^THE PROCESSORS HAVE MOVED: a cache line .* takes 57\.0 ns to 390 ns$/m);
  assert.match(moved, /^\| file .* \| processors apart \|$/m);
  assert.match(moved, /^\| stat .* \| 390 ns +\|$/m);
  const quick = tableText({ ...RESULTS, effort: { budgetMs: 1, quick: true, libc: "gnu" }, runs: 1 });
  assert.match(quick, /^quick: .*figures mean nothing$/m);
  assert.match(quick, /^1 run, the ways in turn; medians; /m);
});

test("several platforms have columns of their own, and goals say whose they are", () => {
  const ways = [...RESULTS.ways, { name: "systrap:debug=true", version: "", isHere: true }];
  const [stat] = RESULTS.rows;
  const samples = new Map([...stat!.samples, ["systrap:debug=true", [1000]] as const]);
  const text = tableText({ ...RESULTS, ways, rows: [{ ...stat!, samples }] });
  assert.match(text, /systrap ≤ 1\.5 µs: missed; .*systrap:debug=true ≤ 1\.5 µs: met/);
  assert.match(text, /systrap:debug=true \/ native/);
});

test("a terminal sees how far it is, in one line of its width; nothing else does", () => {
  const said = (isTTY: boolean) => {
    const written: string[] = [];
    const stream = { isTTY, columns: 50, write: (text: string) => written.push(text) > 0 };
    const progress = new Progress(4, stream as unknown as NodeJS.WriteStream);
    progress.step("first");
    progress.step("second, of which there is much to be told");
    progress.end();
    return written;
  };
  const bar = (filled: number) => `[${"#".repeat(filled)}${".".repeat(24 - filled)}]`;
  assert.equal(said(true), [
    `\r\x1b[K${bar(0)} 0/4 first`,
    `\r\x1b[K${bar(6)} 1/4 second, of which t`,
    "\r\x1b[K",
  ]);
  assert.equal(said(false), []);
});

test("columns are aligned, and Markdown", () => {
  assert.equal(
    align([
      ["a", "bbbb"],
      ["ccccc", "µ"],
    ]),
    ["| a     | bbbb |", "|-------|------|", "| ccccc | µ    |"],
  );
});

test("the JSON has every sample, ratios, and goals with their outcome", () => {
  const json = JSON.parse(JSON.stringify(resultsJson(RESULTS)));
  assert.is(json.form, 2);
  assert.equal(json.machine, MACHINE);
  assert.equal(json.busy.texts, []);
  const [stat] = json.rows;
  assert.equal(stat.samples, { native: [250, 260, 240], systrap: [2000, 1900, 2500] });
  assert.is(stat.summaries.systrap.median, 2000);
  assert.equal(stat.summaries.systrap.interval, { low: 1900, high: 2500, confidence: 0.75 });
  const [ratio] = stat.ratios;
  assert.equal([ratio.way, ratio.against, ratio.ratio], ["systrap", "native", 8]);
  assert.equal([ratio.low, ratio.high], [1900 / 260, 2500 / 240]);
  assert.equal(stat.goals, [
    { way: "systrap", text: "≤ 1.5 µs", atMost: 1500, met: false },
    { way: "systrap", text: "≤ 8 × native", atMost: 8, against: "native", met: true },
    { way: "systrap", text: "≤ runsc", atMost: 1, against: "runsc" },
  ]);
});

test.run();
