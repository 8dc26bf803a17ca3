// Results as JSON, for machines: everything that the table says, and every sample. json_read.ts reads it.

import { busyTexts } from "./busy.ts";
import { analyse, type Results } from "./results.ts";

/** Grows when the form changes in a way that readers must know of. */
export const FORM = 2;

export function resultsJson(results: Results): object {
  const { made, machine, ways, runs, effort, before, meanwhile, missing, failures, rows } = results;
  return {
    form: FORM,
    made,
    machine,
    busy: { before, meanwhile, texts: busyTexts(before, meanwhile) },
    runs,
    effort,
    ways,
    missing,
    failures,
    rows: rows.map((measured) => {
      const { unit, summaries, ratios, goals } = analyse(measured, ways);
      return {
        suite: measured.suite,
        name: measured.row.name,
        label: measured.row.label,
        unit,
        meanwhile: measured.meanwhile,
        samples: Object.fromEntries(measured.samples),
        summaries: Object.fromEntries(summaries),
        ratios,
        goals: [...goals].flatMap(([way, judged]) =>
          judged.map(({ goal: { on: _on, ...goal }, text, met }) => ({
            way,
            text,
            ...goal,
            ...(met !== undefined && { met }),
          })),
        ),
      };
    }),
  };
}
