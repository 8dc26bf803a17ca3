// `ringfence bench --compare`, with results that are made up: a row that has changed is found among many, noise is not, and
// what cannot be told is said. And files of results are read as they were written, or refused.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { QUIET } from "../../bench/busy.ts";
import { compare, regressions, runsFor, tellsAnything } from "../../bench/compare.ts";
import { changeText, comparisonNotes, comparisonText } from "../../bench/compare_text.ts";
import { atMost, timesRunsc } from "../../bench/goals.ts";
import { resultsJson } from "../../bench/json.ts";
import { parseResults } from "../../bench/json_read.ts";
import type { Measured, Results } from "../../bench/results.ts";
import { tableText } from "../../bench/table.ts";

const ROWS = 60;

function source(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

interface Made {
  readonly runs?: number;
  /** Row → factor of what it takes here. */
  readonly factors?: Readonly<Record<string, number>>;
  /** Factor of what all rows take natively. */
  readonly native?: number;
  readonly seed?: number;
}

/** So many rows with noise of 5 %. */
function results({ runs = 10, factors = {}, native = 1, seed = 1 }: Made = {}): Results {
  const random = source(seed);
  const samples = (value: number) =>
    Array.from({ length: runs }, () => value * Math.exp((random() + random() - 1) * 0.05));
  const rows = Array.from({ length: ROWS }, (_, at): Measured => {
    const name = `row_${at}`;
    return {
      suite: "file",
      row: { name, label: name, goals: [atMost(1500), timesRunsc(1)] },
      samples: new Map([
        ["native", samples(100 * (at + 1) * native)],
        ["systrap", samples(300 * (at + 1) * (factors[name] ?? 1))],
      ]),
      meanwhile: QUIET,
    };
  });
  return {
    made: "2026-11-29T07:00:00.000Z",
    machine: {
      processor: "A processor",
      processors: 2,
      memoryBytes: 2 ** 34,
      kernel: "6.18",
      node: "26.10.0",
      system: "Debian",
      isVirtual: false,
      governor: "performance",
      mitigations: [["spectre_v2", "Mitigation: Retpolines"]],
    },
    before: { share: 0, queue: 0, load: 0 },
    meanwhile: QUIET,
    runs,
    effort: { budgetMs: 200, quick: false, libc: "gnu" },
    ways: [
      { name: "native", version: "", isHere: false },
      { name: "systrap", version: "ringfence 1", isHere: true },
    ],
    missing: ["crun is not installed: its column is left out"],
    failures: [],
    rows,
  };
}

const found = (before: Results, now: Results) =>
  compare(before, now)
    .differences.filter(({ isSignificant }) => isSignificant)
    .map(({ name, way, change }) => `${name} on ${way} ${change.factor > 1 ? "slower" : "faster"}`);

test("equal runs say nothing", () => {
  const run = results();
  const comparison = compare(run, run);
  assert.is(comparison.differences.length, 2 * ROWS);
  assert.equal(found(run, run), []);
  assert.equal(regressions(comparison, 0), []);
  assert.equal(comparisonNotes(comparison), []);
});

test("noise is not found", () => {
  for (let seed = 2; seed < 12; seed++) assert.equal(found(results(), results({ seed })), [], `${seed}`);
});

test("rows that have changed are found, and which way", () => {
  const now = results({ seed: 20, factors: { row_7: 1.1, row_40: 0.9 } });
  assert.equal(found(results(), now), ["row_7 on systrap slower", "row_40 on systrap faster"]);
  const slower = compare(results(), now).differences.find(({ isSignificant }) => isSignificant)!;
  assert.ok(slower.change.low < 1.1 && 1.1 < slower.change.high);
});

test("a threshold is passed by more than it, beyond chance", () => {
  const now = results({ seed: 21, factors: { row_7: 1.1, row_40: 0.9 } });
  const comparison = compare(results(), now);
  assert.equal(
    regressions(comparison, 5).map(({ name }) => name),
    ["row_7"],
  );
  assert.equal(regressions(comparison, 20), []);
  // What others take is nothing that a change of ours could mend.
  assert.equal(regressions(compare(results(), results({ seed: 22, native: 2 })), 5), []);
});

test("what makes two runs differ without a change of ours is said", () => {
  const before = results();
  const { machine, effort } = before;
  const now: Results = {
    ...results({ seed: 23, native: 1.3 }),
    machine: { ...machine, kernel: "6.19" },
    effort: { ...effort, quick: true },
    before: { share: 1, queue: 2, load: 3 },
  };
  const apart = (distance: readonly [number, number]) => ({ ...QUIET, distance });
  const moved = compare({ ...before, meanwhile: apart([57, 60]) }, { ...now, meanwhile: apart([391, 391]) });
  assert.match(
    comparisonNotes(moved)[1]!,
    /a cache line to another processor and back: 57\.0 ns to 60\.0 ns, now 391 ns/,
  );
  const still = compare({ ...before, meanwhile: apart([57, 60]) }, { ...now, meanwhile: apart([50, 60]) });
  assert.not.match(comparisonNotes(still).join(), /cache line/);
  const notes = comparisonNotes(compare(before, now));
  assert.match(notes[0]!, /kernel: 6\.18, now 6\.19/);
  assert.match(notes[1]!, /the machine was busy now: before: 100 %/);
  assert.match(notes[2]!, /--quick now/);
  assert.match(notes[3]!, /60 of 60 figures of other ways have changed/);
});

test("too few runs are told, with how many would do", () => {
  assert.is(runsFor(1), 4);
  assert.is(runsFor(ROWS), 7);
  const few = compare(results({ runs: 5 }), results({ runs: 5, seed: 2, factors: { row_7: 3 } }));
  assert.equal(few.blind, { rows: ROWS, runs: 7 });
  assert.match(comparisonNotes(few).join("\n"), /in 60 rows no change could be told .*--runs 7,/);
  const once = compare(results({ runs: 1 }), results({ runs: 1 }));
  assert.equal(once.differences, []);
  assert.is(once.untested.length, ROWS);
  assert.match(comparisonNotes(once).join("\n"), /too few runs for any test: row_0, row_1, /);
});

test("where nothing can be compared, that is said", () => {
  const other = (name: string): Results => ({
    ...results(),
    ways: [{ name, version: "", isHere: true }],
    rows: results().rows.map((row) => ({ ...row, samples: new Map([[name, [1, 2, 3]]]) })),
  });
  const nothing = compare(results(), other("ptrace"));
  assert.not(tellsAnything(nothing));
  assert.equal(comparisonNotes(nothing), ["no row is in both on one way"]);
  assert.not(tellsAnything(compare(results({ runs: 5 }), results({ runs: 5 }))));
  assert.ok(tellsAnything(compare(results(), results())));
});

test("rows that one run has alone are named", () => {
  const [first, ...rest] = results().rows;
  const now = { ...results(), rows: rest };
  assert.equal(compare(results(), now).onlyBefore, [first!.row.name]);
  assert.equal(compare(now, results()).onlyNow, [first!.row.name]);
});

test("a comparison is printed: what has changed, then the threshold", () => {
  const now = results({ seed: 20, factors: { row_7: 1.1, row_40: 0.9 } });
  const comparison = compare(results(), now);
  const text = comparisonText("old.json", results(), comparison, 5);
  assert.match(text, /^compared with old\.json of 2026-11-29T07:00:00\.000Z: Mann-Whitney/);
  assert.match(text, /^here: 1 worse, 1 better, 58 without a difference/m);
  assert.match(text, /^\| slower +\| row_7 +\| systrap +\| 2\.\d\d µs \| 2\.\d\d µs/m);
  assert.match(text, /^\| faster +\| row_40 /m);
  assert.match(text, /^THRESHOLD: worse by more than 5 %: row_7 on systrap$/m);
  assert.match(comparisonText("old.json", results(), comparison, 50), /^threshold: nothing is worse/m);
  assert.is(changeText(1.123), "+12 %");
  assert.is(changeText(0.966), "-3.4 %");
});

test("results are read as they were written", () => {
  const [first, ...others] = results({ runs: 3 }).rows;
  const rows = [{ ...first!, meanwhile: { ...QUIET, distance: [57, 390] as const } }, ...others];
  const written = { ...results({ runs: 3 }), meanwhile: { ...QUIET, distance: [57, 391] as const }, rows };
  const text = JSON.stringify(resultsJson(written));
  const read = parseResults(text);
  assert.is(tableText(read), tableText(written));
  assert.ok(JSON.stringify(resultsJson(read)) === text, "the same JSON");
});

test("results of the first form are read, too", () => {
  const { form: _form, made: _made, ...rest } = JSON.parse(JSON.stringify(resultsJson(results())));
  const { system: _system, isVirtual: _is, governor: _governor, mitigations: _m, ...machine } = rest.machine;
  const rows = rest.rows.map(({ meanwhile: _meanwhile, ...row }: Record<string, unknown>) => row);
  const read = parseResults(JSON.stringify({ ...rest, form: 1, machine, rows }));
  assert.is(read.made, "");
  assert.equal(found(read, results({ seed: 20, factors: { row_7: 1.1 } })), ["row_7 on systrap slower"]);
});

const REFUSED: [string, RegExp][] = [
  ["[]", /must be an object/],
  ['{"form":3}', /form must be 1 or 2/],
  ['{"form":2,"machine":{"processor":1}}', /machine\.processor must be a string/],
  ["", /JSON/],
];
for (const [text, why] of REFUSED)
  test(`refused: ${text.slice(0, 30)}`, () => {
    assert.throws(() => parseResults(text), why);
  });

test("samples that are no numbers are refused", () => {
  const json = JSON.parse(JSON.stringify(resultsJson(results())));
  for (const bad of [[-1], ["1"], [null], "1"]) {
    json.rows[3].samples.systrap = bad;
    assert.throws(() => parseResults(JSON.stringify(json)), /rows\[3\]\.samples\.systrap/);
  }
});

test("what a file has for a terminal does not reach it", () => {
  const json = JSON.parse(JSON.stringify(resultsJson(results())));
  json.rows[0].name = "\x1b[2Jrow";
  json.rows[0].samples["\x9bway"] = [1, 2];
  const read = parseResults(JSON.stringify(json));
  assert.is(read.rows[0]!.row.name, "\ufffd[2Jrow");
  assert.not.match(tableText(read), /[\x1b\x9b]/);
});

test.run();
