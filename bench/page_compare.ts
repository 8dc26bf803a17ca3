// What has changed since an earlier run, as a section of the page.

import type { Cell, IntervalRow, Section } from "../src/main/report/document.ts";
import { withUnit } from "../src/main/report/units.ts";
import type { Comparison, Difference } from "./compare.ts";
import { changeText, comparisonNotes, outcome, probabilityText, sums } from "./compare_text.ts";
import type { Results } from "./results.ts";

function tone({ isSignificant, isHere, change }: Difference): Pick<Cell, "tone"> {
  if (!isSignificant || !isHere) return { tone: "muted" };
  return { tone: change.factor > 1 ? "bad" : "good" };
}

function tableRow(difference: Difference): Cell[] {
  const { label, way, unit, before, now, change, probability } = difference;
  return [
    { text: label.replaceAll("`", "") },
    { text: way },
    { text: withUnit(unit, before), value: before },
    { text: withUnit(unit, now), value: now },
    {
      text: changeText(change.factor),
      value: change.factor,
      detail: `${changeText(change.low)} to ${changeText(change.high)}`,
      ...tone(difference),
    },
    { text: probabilityText(probability), value: probability },
    { text: outcome(difference), ...tone(difference) },
  ];
}

function chartRow({ label, way, change }: Difference): IntervalRow {
  const { factor, low, high } = change;
  return {
    label: `${label.replaceAll("`", "")}, ${way}`,
    values: [{ series: 0, value: factor, low, high, text: changeText(factor) }],
  };
}

/** First what has changed. */
const inOrder = (differences: readonly Difference[]): Difference[] =>
  [...differences].sort((a, b) => Number(b.isSignificant) - Number(a.isSignificant));

export function comparisonSection(earlier: Results, comparison: Comparison): Section {
  const { differences } = comparison;
  const told = differences.filter(({ isSignificant }) => isSignificant);
  const ours = differences.filter(({ isHere }) => isHere);
  const then =
    earlier.made === "" ? "an earlier run" : `the run of ${earlier.made.slice(0, 16).replace("T", " ")}`;
  return {
    id: "comparison",
    title: "Since the earlier run",
    describe: `Compared with ${then}, here: ${sums(ours)}. Mann-Whitney, corrected for the number of rows (Holm).`,
    blocks: [
      {
        kind: "notes",
        notes: comparisonNotes(comparison).map((text) => ({ tone: "note", text })),
      },
      ...(told.length === 0
        ? []
        : [
            {
              kind: "intervals",
              caption: "What has changed, as a multiple of what it was",
              scale: "log",
              axis: "times the earlier run",
              reference: { value: 1, label: "no change" },
              series: [{ name: "change", style: 1 }],
              rows: told.map(chartRow),
            } as const,
          ]),
      {
        kind: "table",
        caption: "All rows that could be compared",
        columns: [
          { label: "row", isNumber: false },
          { label: "way", isNumber: false },
          { label: "before", isNumber: true },
          { label: "now", isNumber: true },
          { label: "change", isNumber: true, hint: "median over all pairs of samples, and its interval" },
          { label: "p", isNumber: true, hint: "corrected for the number of rows" },
          { label: "outcome", isNumber: false },
        ],
        rows: inOrder(differences).map(tableRow),
      },
    ],
  };
}
