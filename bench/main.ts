// `ringfence bench`: the same programs natively, here and in other runtimes, in turn; what has changed since an earlier
// run; a table, JSON and a page of it. The command line loads this file when it is asked for; it runs from the sources.

import { OutputFiles, say } from "../src/main/cli/output.ts";
import { installed, workingWays } from "./available.ts";
import { lookBefore } from "./busy.ts";
import { type Comparison, compare, mayTell, regressions, runsFor, tellsAnything } from "./compare.ts";
import { comparisonNotes, comparisonText } from "./compare_text.ts";
import { BenchError } from "./error.ts";
import { resultsJson } from "./json.ts";
import { readResults } from "./json_read.ts";
import { listText } from "./list.ts";
import { machine } from "./machine.ts";
import { measureAll, runsOf, USUAL_RUNS } from "./measure.ts";
import { resultsPage } from "./page.ts";
import type { Results } from "./results.ts";
import { choose, SUITES } from "./suites.ts";
import { tableText } from "./table.ts";
import { type WaysAsked, waysAsked } from "./ways_asked.ts";
import { type Effort, Workplace } from "./workplace.ts";

const BUDGET_MS = 200;
/** json_read.ts takes no more samples of a row. */
const RUNS_MAX = 1000;

/** The command line, as yargs gives it (src/main/cli/options.ts). */
interface Words extends WaysAsked {
  readonly suite?: readonly string[];
  readonly runs?: string;
  readonly json?: string;
  readonly html?: string;
  readonly from?: string;
  readonly compare?: string;
  readonly threshold?: string;
  readonly quick: boolean;
  readonly list: boolean;
  readonly libc: string;
}

async function measure(
  words: Words,
  asked: number | undefined,
): Promise<{ results: Results; endedBy: number }> {
  const effort: Effort = { budgetMs: words.quick ? 1 : BUDGET_MS, quick: words.quick, libc: words.libc };
  const missing: string[] = [];
  const chosen = installed(choose(words.suite ?? []), missing);
  const place = new Workplace(effort);
  try {
    const made = new Date().toISOString();
    // Before anything of ours may still be ending.
    const before = await lookBefore();
    place.ways = await workingWays(waysAsked(words), place, missing);
    if (place.ways.length === 0)
      throw new BenchError(`there is nothing to run programs by: ${missing.join("; ") || "none is named"}`);
    const found = await measureAll(chosen, asked, place);
    const runs = asked ?? USUAL_RUNS;
    const ways = place.ways.map(({ name, version, isHere }) => ({ name, version, isHere }));
    const results = { made, machine: machine(), before, runs, effort, ways, missing, ...found };
    return { results, endedBy: place.endedBy };
  } finally {
    place.clear();
  }
}

/** What is measured for an hour is not to be told afterwards that its threshold could not have been passed. */
function refuseBlindThreshold(earlier: Results, words: Words, asked: number | undefined): void {
  const ours = waysAsked(words).filter((way) =>
    earlier.ways.some(({ name, isHere }) => isHere && name === way),
  );
  const tests = choose(words.suite ?? []).flatMap(({ subject, rows }) =>
    rows.flatMap(({ name }) => {
      const samples = earlier.rows.find(({ row }) => row.name === name)?.samples;
      const now = runsOf(subject, asked);
      return ours.map((way) => [samples?.get(way)?.length ?? 0, now] as const);
    }),
  );
  const possible = tests.filter(([before, now]) => mayTell(before, now, 1));
  if (possible.some(([before, now]) => mayTell(before, now, possible.length))) return;
  throw new BenchError(
    `--threshold: so few runs, now and in ${words.compare}, show no change among so many rows; ` +
      `--runs ${runsFor(Math.max(1, tests.length))} then and now would do, or fewer rows`,
  );
}

function runsAsked(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1 || runs > RUNS_MAX)
    throw new BenchError(`--runs is a number of runs, up to ${RUNS_MAX}: ${text}`);
  return runs;
}

function threshold(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text)) throw new BenchError(`--threshold is a number of percent: ${text}`);
  return Number(text);
}

interface Compared {
  readonly earlier: Results;
  readonly comparison: Comparison;
  readonly limit: number | undefined;
}

/** What has taken an hour to measure is told wherever there is room for it. Throws an OutputError where there was none. */
function tell(words: Words, files: OutputFiles, results: Results, compared: Compared | undefined): void {
  const table = () => {
    if (compared === undefined) return tableText(results);
    const { earlier, comparison, limit } = compared;
    return `${tableText(results)}\n${comparisonText(words.compare!, earlier, comparison, limit)}`;
  };
  if (words.json !== "-") files.say(table);
  files.write(words.json, () => `${JSON.stringify(resultsJson(results), null, 2)}\n`);
  files.write(words.html, () => resultsPage(results, compared));
  files.check();
}

async function run(words: Words): Promise<number> {
  if (words.list) {
    say(listText(SUITES));
    return 0;
  }
  const asked = runsAsked(words.runs);
  const limit = threshold(words.threshold);
  if (limit !== undefined && words.compare === undefined)
    throw new BenchError("--threshold needs a run to compare with: --compare FILE");
  const earlier = words.compare === undefined ? undefined : readResults(words.compare);
  if (earlier !== undefined && limit !== undefined && words.from === undefined)
    refuseBlindThreshold(earlier, words, asked);
  const files = new OutputFiles([words.json, words.html]);
  try {
    const { results, endedBy } =
      words.from === undefined
        ? await measure(words, asked)
        : { results: readResults(words.from), endedBy: 0 };
    const comparison = earlier && compare(earlier, results);
    tell(words, files, results, comparison && { earlier: earlier!, comparison, limit });
    if (endedBy !== 0) return 128 + endedBy;
    // What could not fail has not passed.
    if (comparison && limit !== undefined && !tellsAnything(comparison))
      throw new BenchError(
        `--threshold: of ${words.compare} no row here can be compared: ${comparisonNotes(comparison).join("; ")}`,
      );
    const isWorse = comparison && limit !== undefined && regressions(comparison, limit).length > 0;
    return results.failures.length === 0 && !isWorse ? 0 : 1;
  } finally {
    files.close();
  }
}

/** Runs the bench; resolves with the exit code. A command line that cannot be carried out rejects with a BenchError. */
export function bench(words: Readonly<Record<string, unknown>>): Promise<number> {
  return run(words as unknown as Words);
}
