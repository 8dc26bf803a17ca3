// `ringfence bench`: the same programs natively, here and in other runtimes, in turn. The command line loads this
// file when it is asked for; it runs from the sources.

import { writeFileSync } from "node:fs";
import { runCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { resultsJson } from "./json.ts";
import { listText } from "./list.ts";
import { lookBefore, machine, Watch } from "./machine.ts";
import { find } from "./paths.ts";
import { Progress } from "./progress.ts";
import type { Failure, Measured, Results } from "./results.ts";
import { type Chosen, choose, SUITES } from "./suites.ts";
import { tableText } from "./table.ts";
import { type Way, way } from "./ways.ts";
import { type Effort, Workplace } from "./workplace.ts";

const PROBE_DEADLINE_MS = 60_000;
const BUDGET_MS = 200;

/** The command line, as yargs gives it (src/main/cli/options.ts). */
interface Words {
  readonly suite?: readonly string[];
  readonly against: string;
  readonly platform: string;
  readonly runs: string;
  readonly json?: string;
  readonly quick: boolean;
  readonly list: boolean;
  readonly libc: string;
}

function list(text: string): string[] {
  return text.split(",").filter((word) => word !== "");
}

/** The ways that work; `missing` gets a line for each that does not. Ringfence itself must. */
async function workingWays(names: readonly string[], place: Workplace, missing: string[]): Promise<Way[]> {
  const ways: Way[] = [];
  for (const name of new Set(names)) {
    const found = way(name);
    if (found === undefined) {
      missing.push(`${name} is not installed: its column is left out`);
      continue;
    }
    try {
      const probe = found.run([find("true")!], place, false);
      await runCommand(probe, { deadlineMs: PROBE_DEADLINE_MS });
      ways.push(found);
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
      if (found.isHere) throw new BenchError(`${name} runs nothing here: ${error.message}`);
      missing.push(`${name} runs nothing here: its column is left out (${error.message})`);
    }
  }
  return ways;
}

/** Subjects whose programs are installed; `missing` gets a line for each other. */
function installed(chosen: readonly Chosen[], missing: string[]): Chosen[] {
  return chosen.filter(({ suite, subject, rows }) => {
    const what = subject.missing?.();
    if (what !== undefined) missing.push(`${suite.name} ${rows.map(({ name }) => name).join(", ")}: ${what}`);
    return what === undefined;
  });
}

async function measureAll(chosen: readonly Chosen[], ways: readonly Way[], runs: number, place: Workplace) {
  const watch = new Watch();
  const runsOf = ({ subject }: Chosen) => Math.min(runs, subject.runsAtMost ?? runs);
  const steps = chosen.reduce((sum, each) => sum + runsOf(each) * ways.length, 0);
  const progress = new Progress(steps);
  const failures: Failure[] = [];
  const rows: Measured[] = [];
  for (const each of chosen) {
    const { suite, subject, rows: wanted } = each;
    const ownRuns = runsOf(each);
    const samples = new Map(wanted.map(({ name }) => [name, new Map<string, number[]>()]));
    const names = wanted.map(({ name }) => name);
    const failed = new Set<Way>();
    for (let run = 1; run <= ownRuns; run++)
      for (const way of ways) {
        progress.step(`${suite.name} ${names[0]}... on ${way.name}, run ${run} of ${ownRuns}`);
        if (failed.has(way) || subject.leavesOut?.(way) !== undefined) continue;
        try {
          const figures = await watch.during(() => subject.measure(way, place, names));
          for (const name of names) {
            const byWay = samples.get(name)!;
            byWay.set(way.name, [...(byWay.get(way.name) ?? []), figures.get(name)!]);
          }
        } catch (error) {
          if (!(error instanceof BenchError)) throw error;
          failed.add(way);
          failures.push({ what: `${suite.name} ${names.join(", ")} on ${way.name}`, why: error.message });
        }
      }
    for (const row of wanted) rows.push({ suite: suite.name, row, samples: samples.get(row.name)! });
  }
  progress.end();
  return { rows, failures, meanwhile: watch.result };
}

function print(results: Results, json: string | undefined): void {
  const text = json === undefined ? "" : `${JSON.stringify(resultsJson(results), null, 2)}\n`;
  if (json === "-") {
    process.stdout.write(text);
    return;
  }
  if (json !== undefined) writeFileSync(json, text);
  process.stdout.write(tableText(results));
}

async function run(words: Words): Promise<number> {
  if (words.list) {
    process.stdout.write(listText(SUITES));
    return 0;
  }
  const runs = Number(words.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new BenchError(`--runs is a number of runs: ${words.runs}`);
  const effort: Effort = { budgetMs: words.quick ? 1 : BUDGET_MS, quick: words.quick, libc: words.libc };
  const missing: string[] = [];
  const chosen = installed(choose(words.suite ?? []), missing);
  const place = new Workplace(effort);
  try {
    // Before anything of ours may still be ending.
    const before = await lookBefore();
    const against = list(words.against);
    const names = [
      ...against.filter((name) => name === "native"),
      ...list(words.platform),
      ...against.filter((name) => name !== "native"),
    ];
    const ways = await workingWays(names, place, missing);
    place.ways = ways;
    const found = await measureAll(chosen, ways, runs, place);
    const columns = ways.map(({ name, version, isHere }) => ({ name, version, isHere }));
    print({ machine: machine(), before, runs, effort, ways: columns, missing, ...found }, words.json);
    return found.failures.length === 0 ? 0 : 1;
  } finally {
    place.clear();
  }
}

/** Runs the bench; resolves with the exit code. A command line that cannot be carried out rejects with a BenchError. */
export function bench(words: Readonly<Record<string, unknown>>): Promise<number> {
  return run(words as unknown as Words);
}
