// The arithmetic of `ringfence bench`: samples, units, goals, what guest programs print, what a command line selects.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { busyTexts, type ProcessTime, QUIET, usedByOthers, Watch } from "../../bench/busy.ts";
import { distanceLook } from "../../bench/distance.ts";
import { BenchError } from "../../bench/error.ts";
import { atMost, fasterThanRunsc, goalText, judge, on, timesNative, timesRunsc } from "../../bench/goals.ts";
import { runsOf } from "../../bench/measure.ts";
import { parseFigures } from "../../bench/output.ts";
import { summarize } from "../../bench/statistics.ts";
import { choose, SUITES } from "../../bench/suites.ts";
import { way } from "../../bench/ways.ts";
import { waysAsked } from "../../bench/ways_asked.ts";
import { limitText, withRange, withUnit } from "../../src/main/report/units.ts";

const isBenchError = (pattern: RegExp) => (error: Error) =>
  error instanceof BenchError && pattern.test(error.message);

test("a summary has the median, the quartiles and the range, in whatever order samples come", () => {
  assert.is(summarize([]), undefined);
  const { interval: _ofOne, ...one } = summarize([7])!;
  assert.equal(one, { median: 7, least: 7, lowerQuartile: 7, upperQuartile: 7, most: 7 });
  const { interval: _ofFour, ...four } = summarize([10, 9, 1, 3])!;
  assert.equal(four, { median: 6, least: 1, lowerQuartile: 2.5, upperQuartile: 9.25, most: 10 });
  assert.is(summarize([5, 100, 4, 6, 3])!.median, 5);
});

test("values have three digits and a unit that suits", () => {
  assert.is(withUnit("ns", 2.4), "2.40 ns");
  assert.is(withUnit("ns", 75.04), "75.0 ns");
  assert.is(withUnit("ns", 3350), "3.35 µs");
  assert.is(withUnit("ns", 139e6), "139 ms");
  assert.is(withUnit("ns", 2.1e9), "2.10 s");
  assert.is(withUnit("ns", 0), "0 ns");
  assert.is(withUnit("bytes", 17 * 2 ** 20), "17.0 MiB");
  assert.is(withUnit("count", 5), "5");
  assert.is(withUnit("count", 5.125), "5.1");
  assert.is(withRange("count", 5, 4, 6), "5 (4-6)");
  assert.is(withRange("ns", 3350, 970, 12_000), "3.35 µs (0.970-12.0)");
  assert.is(limitText("ns", 1500), "1.5 µs");
  assert.is(limitText("bytes", 17 * 2 ** 20), "17 MiB");
});

test("goals say what they ask for", () => {
  assert.is(goalText(atMost(500), "ns"), "≤ 500 ns");
  assert.is(goalText(timesNative(1.8), "ns"), "≤ 1.8 × native");
  assert.is(goalText(fasterThanRunsc(4), "ns"), "≤ 1/4 of runsc");
  assert.is(goalText(timesRunsc(1), "ns"), "≤ runsc");
  assert.is(goalText(timesRunsc(0.9), "ns"), "≤ 0.9 × runsc");
});

test("a goal is met up to its limit, and open where there is nothing to compare with", () => {
  const samples = new Map(Object.entries({ native: [100], systrap: [300], runsc: [1200] }));
  const met = (goals: Parameters<typeof judge>[0]) =>
    judge(goals, "ns", "systrap", samples).map((judged) => judged.met);
  assert.equal(met([atMost(300), atMost(299)]), [true, false]);
  assert.equal(met([timesNative(3), timesNative(2.9)]), [true, false]);
  assert.equal(met([fasterThanRunsc(4), fasterThanRunsc(5)]), [true, false]);
  assert.equal(met([{ atMost: 1, against: "crun" }]), [undefined]);
  const more = (plus: number) => ({ atMost: 1, against: "native", plus });
  assert.equal(met([more(200), more(199)]), [true, false]);
  assert.is(goalText(more(200), "ns"), "≤ native + 200 ns");
  assert.equal(judge([atMost(1)], "ns", "ptrace", samples), []);
});

test("goals are for systrap with any flags, but for ways that have their own", () => {
  const goals = [atMost(500), on("systrap:patch=off", atMost(1800)), on("ptrace", atMost(10_000))];
  const texts = (name: string) => judge(goals, "ns", name, new Map()).map(({ text }) => text);
  assert.equal(texts("systrap"), ["≤ 500 ns"]);
  assert.equal(texts("systrap:debug=true"), ["≤ 500 ns"]);
  assert.equal(texts("systrap:patch=off"), ["≤ 1.8 µs"]);
  assert.equal(texts("ptrace"), ["≤ 10 µs"]);
});

test("what a program prints is figures, all that were asked for, above zero", () => {
  assert.equal(
    [...parseFigures("a 1.50\nb_2 30\n", ["b_2"])],
    [
      ["a", 1.5],
      ["b_2", 30],
    ],
  );
  assert.throws(() => parseFigures("a 1\n", ["b"]), isBenchError(/no figure for b/));
  assert.throws(() => parseFigures("a 0.00\n", ["a"]), isBenchError(/no figure for a/));
  assert.throws(() => parseFigures("a 1\nwarning: b\n", ["a"]), isBenchError(/no figure: "warning: b"/));
  assert.throws(() => parseFigures("a -1\n", []), isBenchError(/no figure/));
});

test("what takes a minute is measured once, unless it is said how often", () => {
  const subject = { rows: [], measure: async () => new Map() };
  assert.equal([runsOf(subject, undefined), runsOf(subject, 9)], [6, 9]);
  const slow = { ...subject, usualRuns: 1 };
  assert.equal([runsOf(slow, undefined), runsOf(slow, 9)], [1, 9]);
});

test("a command line selects suites and rows", () => {
  const names = (words: string[]) => choose(words).flatMap(({ rows }) => rows.map(({ name }) => name));
  assert.equal(names(["stat", "getppid"]), ["getppid", "stat"]);
  assert.ok(names(["memory"]).includes("fault") && !names(["memory"]).includes("fork"));
  assert.ok(names([]).includes("fork") && !names([]).includes("do_true"));
  assert.ok(names(["all"]).includes("do_true"));
  assert.throws(() => choose(["stat", "cooking"]), isBenchError(/neither a suite nor a row: cooking/));
});

test("no two rows and no row and suite have one name", () => {
  const names = SUITES.flatMap(({ name, subjects }) => [
    name,
    ...subjects.flatMap(({ rows }) => rows.map((row) => row.name)),
  ]);
  assert.equal(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
});

test("ways are named by runtime and flags", () => {
  const place = { work: "/nowhere" };
  assert.equal(way("native")!.run(["/bin/true"], place, false), ["/bin/true"]);
  const [, ...args] = way("systrap:debug=true")!.run(["true"], place, false);
  assert.equal(args, ["--platform=systrap", "--debug=true", "do", "--", "true"]);
  assert.ok(way("systrap")!.run(["true"], place, true).includes("--overlay2=none"));
  assert.throws(() => way("gvisor"), isBenchError(/no way to run programs: gvisor \(native, runsc/));
  assert.throws(() => way("systrap:nosuch=1"), isBenchError(/no flag --nosuch/));
  assert.throws(() => way("native:a=b"), isBenchError(/native takes no flags/));
});

test("a command line asks for each platform with each placement and each patching", () => {
  const asked = (words: object) => waysAsked({ against: "native,runsc", platform: "systrap", ...words });
  assert.equal(asked({}), ["native", "systrap", "runsc"]);
  assert.equal(asked({ platform: "systrap,ptrace", patch: "on,off" }), [
    "native",
    "systrap:patch=on",
    "systrap:patch=off",
    "ptrace:patch=on",
    "ptrace:patch=off",
    "runsc",
  ]);
  // A table of kernel threads has commas of its own.
  assert.equal(asked({ against: "native", workers: "solo,2,net,data=2,net" }), [
    "native",
    "systrap:workers=solo",
    "systrap:workers=2",
    "systrap:workers=net,data=2",
    "systrap:workers=net",
  ]);
  assert.equal(asked({ against: "", platform: "systrap:workers=net,data=1,ptrace" }), [
    "systrap:workers=net,data=1",
    "ptrace",
  ]);
  assert.equal(asked({ against: "runsc,runsc,native" }), ["native", "systrap", "runsc"]);
});

test("a runtime that is not installed is no way", () => {
  const path = process.env["PATH"]!;
  process.env["PATH"] = "/nowhere";
  try {
    assert.is(way("runsc"), undefined);
    assert.ok(way("systrap") !== undefined);
  } finally {
    process.env["PATH"] = path;
  }
});

test("a busy machine is told, with who keeps it busy", () => {
  assert.equal(busyTexts({ share: 0.01, queue: 0, load: 0 }, { ...QUIET, share: 0.02 }), []);
  const texts = busyTexts(
    { share: 0.5, queue: 2.25, load: 1.5 },
    { ...QUIET, share: 0.37, stolen: 0.1, most: [["cc1", 0.3]] },
  );
  assert.equal(texts, [
    "before: 50 % of a processor in use, 2.3 threads running, load 1.5",
    "while measuring: 37 % of a processor used by others (cc1 30 %)",
    "10 % of all time stolen by the hypervisor",
  ]);
});

test("how far processors are apart is looked at before each measurement, of a row and of all", async () => {
  const looks = [57, 390, undefined, 58];
  const whole = new Watch(() => looks.shift());
  const rows = [whole.part(), whole.part(), whole.part()];
  const nothing = async () => {};
  for (const row of [rows[0]!, rows[0]!, rows[1]!, rows[2]!]) await row.during(nothing);
  assert.equal(
    rows.map((row) => row.result.distance),
    [[57, 390], null, [58, 58]],
  );
  assert.equal(whole.result.distance, [57, 390]);
  assert.equal(looks, []);
});

test("without a compiler nobody looks how far processors are apart, and rows that need none are measured", () => {
  const none = () => {
    throw new BenchError("gcc is not installed");
  };
  assert.is(distanceLook(none)(), undefined);
  assert.is(distanceLook(() => "/bin/false")(), undefined);
});

test("what others used is told from what they are charged for when a child has ended", () => {
  const at = (name: string, parent: number, ticks: number, began = "1"): ProcessTime => ({
    name,
    began,
    parent,
    ticks,
  });
  const before = new Map([
    [10, at("shell", 1, 100)],
    [11, at("make", 10, 50)],
    [12, at("cc1", 11, 500)],
    [13, at("quiet", 1, 9)],
    [14, at("ended", 1, 70)],
  ]);
  const after = new Map([
    [10, at("shell", 1, 100 + 50 + 500 + 8)],
    [13, at("quiet", 1, 9)],
    [14, at("another", 1, 80, "2")],
    [15, at("ours", 1, 1000)],
  ]);
  assert.equal([...usedByOthers(before, after)], [["shell", 8]]);
});

test.run();
