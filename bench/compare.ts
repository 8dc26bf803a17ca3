// What has changed since an earlier run: each row on each way by a test that corrects for the number of rows, so that
// twenty rows of noise do not make a finding. Ways of ours are one family of tests, the others another: what has changed
// there is the machine, or a runtime that was updated, and tells what a change of ours is worth.

import type { Unit } from "../src/main/report/units.ts";
import { busyTexts } from "./busy.ts";
import { distanceText, hasMoved, joined } from "./distance.ts";
import { type Change, change, correct, leastProbability, rankTest } from "./rank_test.ts";
import type { Results } from "./results.ts";
import { median } from "./statistics.ts";

/** How often one of all rows may be found that has not changed. */
export const SIGNIFICANCE = 0.05;
const RUNS_MAX = 1000;

/** A row on a way. */
interface Measured {
  readonly suite: string;
  readonly name: string;
  readonly label: string;
  readonly unit: Unit;
  readonly way: string;
  readonly isHere: boolean;
}

export interface Difference extends Measured {
  readonly before: number;
  readonly now: number;
  readonly change: Change;
  /** Corrected for all rows of the family. */
  readonly probability: number;
  readonly isSignificant: boolean;
}

export interface Comparison {
  /** Rows with enough samples on both sides, on each way that both have. */
  readonly differences: readonly Difference[];
  /** Rows of ours of which even the clearest change could not be told among so many, and the runs that would do. */
  readonly blind: { readonly rows: number; readonly runs: number };
  /** Rows that were measured too seldom for any test. */
  readonly untested: readonly string[];
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
  /** Why figures of the two runs may differ without a change of ours. */
  readonly doubts: readonly string[];
}

interface Pair extends Measured {
  readonly old: readonly number[];
  readonly samples: readonly number[];
}

/** Whether samples of these numbers can show the clearest change to one of so many tests. */
export function mayTell(old: number, now: number, tests: number): boolean {
  return leastProbability(old, now) * tests < SIGNIFICANCE;
}

/** Runs that each side needs for one changed row among so many to be told. */
export function runsFor(tests: number): number {
  let runs = 1;
  while (runs < RUNS_MAX && !mayTell(runs, runs, tests)) runs++;
  return runs;
}

function test(family: readonly Pair[]): Difference[] {
  const probabilities = correct(family.map(({ old, samples }) => rankTest(old, samples)));
  return family.map(({ old, samples, ...row }, at) => ({
    ...row,
    before: median(old),
    now: median(samples),
    change: change(old, samples),
    probability: probabilities[at]!,
    isSignificant: probabilities[at]! < SIGNIFICANCE,
  }));
}

const SAME_MACHINE = ["processor", "processors", "memoryBytes", "kernel", "node"] as const;

function doubts(before: Results, now: Results): string[] {
  const texts: string[] = SAME_MACHINE.filter((what) => before.machine[what] !== now.machine[what]).map(
    (what) => `${what}: ${before.machine[what]}, now ${now.machine[what]}`,
  );
  for (const what of ["budgetMs", "libc"] as const)
    if (before.effort[what] !== now.effort[what])
      texts.push(`${what}: ${before.effort[what]}, now ${now.effort[what]}`);
  const [then, later] = [before.meanwhile.distance, now.meanwhile.distance];
  if (then !== null && later !== null && hasMoved(joined(then, later)))
    texts.push(
      `a cache line to another processor and back: ${distanceText(then)}, now ${distanceText(later)}`,
    );
  for (const [when, { before: start, meanwhile, effort }] of [
    ["then", before],
    ["now", now],
  ] as const) {
    const busy = busyTexts(start, meanwhile);
    if (busy.length > 0) texts.push(`the machine was busy ${when}: ${busy.join("; ")}`);
    if (effort.quick) texts.push(`--quick ${when}: the figures mean nothing`);
  }
  return texts;
}

export function compare(before: Results, now: Results): Comparison {
  const pairs: Pair[] = [];
  const onlyNow: string[] = [];
  for (const { suite, row, samples } of now.rows) {
    const earlier = before.rows.find(
      (other) => other.row.name === row.name && (other.row.unit ?? "ns") === (row.unit ?? "ns"),
    );
    if (earlier === undefined) onlyNow.push(row.name);
    else
      for (const { name: way, isHere } of now.ways) {
        const [old, own] = [earlier.samples.get(way) ?? [], samples.get(way) ?? []];
        const { name, label, unit = "ns" } = row;
        if (old.length > 0 && own.length > 0)
          pairs.push({ suite, name, label, unit, way, isHere, old, samples: own });
      }
  }
  const here = new Set(now.rows.map(({ row }) => row.name));
  const isTested = ({ old, samples }: Pair) => mayTell(old.length, samples.length, 1);
  const tested = pairs.filter(isTested);
  const ours = tested.filter(({ isHere }) => isHere);
  const blind = ours.filter(({ old, samples }) => !mayTell(old.length, samples.length, ours.length));
  return {
    differences: [...test(ours), ...test(tested.filter(({ isHere }) => !isHere))],
    blind: { rows: blind.length, runs: runsFor(ours.length) },
    untested: pairs.filter((pair) => pair.isHere && !isTested(pair)).map(({ name }) => name),
    onlyBefore: before.rows.map(({ row }) => row.name).filter((name) => !here.has(name)),
    onlyNow,
    doubts: doubts(before, now),
  };
}

/** Whether any change of ours could be told. */
export function tellsAnything({ differences, blind }: Comparison): boolean {
  return differences.filter(({ isHere }) => isHere).length > blind.rows;
}

/** Ours that are worse by more than so many percent, beyond doubt. */
export function regressions({ differences }: Comparison, thresholdPercent: number): Difference[] {
  return differences.filter(
    ({ isHere, isSignificant, change }) =>
      isHere && isSignificant && change.factor > 1 + thresholdPercent / 100,
  );
}
