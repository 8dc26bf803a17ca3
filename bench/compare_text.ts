// A comparison with an earlier run, as it is printed: what has changed, and what could not be told.

import { withUnit } from "../src/main/report/units.ts";
import { type Comparison, type Difference, regressions, SIGNIFICANCE } from "./compare.ts";
import type { Results } from "./results.ts";
import { align, count } from "./table.ts";

/** A factor as a change: `+12 %`, `-3.4 %`. */
export function changeText(factor: number): string {
  const percent = (factor - 1) * 100;
  if (!Number.isFinite(percent)) return "from 0";
  return `${percent < 0 ? "-" : "+"}${Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 1 : 0)} %`;
}

const WORDS = {
  ns: { worse: "slower", better: "faster" },
  bytes: { worse: "more", better: "less" },
  count: { worse: "more", better: "less" },
} as const;

export function outcome({ unit, isSignificant, change }: Difference): string {
  if (!isSignificant) return "";
  return change.factor > 1 ? WORDS[unit].worse : WORDS[unit].better;
}

export function probabilityText(probability: number): string {
  return probability < 0.001 ? "< 0.001" : probability.toFixed(3);
}

function table(differences: readonly Difference[]): string[] {
  const lines = differences.map((difference) => {
    const { label, way, unit, before, now, change, probability } = difference;
    return [
      outcome(difference),
      label,
      way,
      withUnit(unit, before),
      withUnit(unit, now),
      `${changeText(change.factor)} (${changeText(change.low)} to ${changeText(change.high)})`,
      probabilityText(probability),
    ];
  });
  return align([["", "row", "way", "before", "now", "change", "p"], ...lines]);
}

/** What came of a family of tests, in one line. */
export function sums(differences: readonly Difference[]): string {
  const significant = differences.filter(({ isSignificant }) => isSignificant);
  const worse = significant.filter(({ change }) => change.factor > 1).length;
  const better = significant.length - worse;
  return `${worse} worse, ${better} better, ${differences.length - significant.length} without a difference that could be told`;
}

/** What could not be compared, or not well; also for the page. */
export function comparisonNotes(comparison: Comparison): string[] {
  const { blind, untested, onlyBefore, onlyNow, doubts, differences } = comparison;
  const notes = doubts.map((text) => `not alike: ${text}`);
  const others = differences.filter(({ isHere }) => !isHere);
  const changed = others.filter(({ isSignificant }) => isSignificant);
  if (changed.length > 0)
    notes.push(
      `not alike: ${changed.length} of ${others.length} figures of other ways have changed, too: the machine, or what runs there`,
    );
  if (blind.rows > 0)
    notes.push(
      `too few runs: in ${count(blind.rows, "row")} no change could be told among so many; --runs ${blind.runs}, then and now, would do`,
    );
  if (differences.length + untested.length === 0) notes.push("no row is in both on one way");
  if (untested.length > 0) notes.push(`too few runs for any test: ${untested.join(", ")}`);
  if (onlyBefore.length > 0) notes.push(`then alone: ${onlyBefore.join(", ")}`);
  if (onlyNow.length > 0) notes.push(`now alone: ${onlyNow.join(", ")}`);
  return notes;
}

/** `then` names the earlier run. */
export function comparisonText(
  then: string,
  before: Results,
  comparison: Comparison,
  thresholdPercent: number | undefined,
): string {
  const { differences } = comparison;
  const ours = differences.filter(({ isHere }) => isHere);
  const others = differences.filter(({ isHere }) => !isHere);
  const lines = [
    `compared with ${then}${before.made === "" ? "" : ` of ${before.made}`}: ` +
      `Mann-Whitney, p corrected for ${count(ours.length, "row")} (Holm), told below ${SIGNIFICANCE}`,
    ...comparisonNotes(comparison),
    `here: ${sums(ours)}`,
    ...(others.length === 0 ? [] : [`other ways: ${sums(others)}`]),
  ];
  const told = differences.filter(({ isSignificant }) => isSignificant);
  if (told.length > 0) lines.push("", ...table(told));
  if (thresholdPercent !== undefined) {
    const past = regressions(comparison, thresholdPercent);
    lines.push(
      "",
      past.length === 0
        ? `threshold: nothing is worse by more than ${thresholdPercent} %`
        : `THRESHOLD: worse by more than ${thresholdPercent} %: ${past.map(({ name, way }) => `${name} on ${way}`).join(", ")}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
