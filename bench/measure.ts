// Measures: each subject as often as asked for, on all ways in turn (A B C A B C ...), so that what the machine does
// meanwhile meets all of them alike.

import { Watch, type While } from "./busy.ts";
import { distanceLook } from "./distance.ts";
import { BenchError } from "./error.ts";
import { Progress } from "./progress.ts";
import type { Failure, Measured } from "./results.ts";
import type { Subject } from "./subject.ts";
import type { Chosen } from "./suites.ts";
import type { Way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

interface Found {
  readonly rows: Measured[];
  readonly failures: Failure[];
  readonly meanwhile: While;
}

/** What fails on a way is not tried there again. */
async function measureSubject(
  { suite, subject, rows }: Chosen,
  place: Workplace,
  runs: number,
  whole: Watch,
  progress: Progress,
): Promise<{ rows: Measured[]; failures: Failure[] }> {
  const watch = whole.part();
  const names = rows.map(({ name }) => name);
  const samples = new Map(names.map((name) => [name, new Map<string, number[]>()]));
  const failures: Failure[] = [];
  const failed = new Set<Way>();
  for (let run = 1; run <= runs; run++)
    for (const way of place.ways) {
      if (place.endedBy !== 0) break;
      progress.step(`${suite.name} ${names[0]}... on ${way.name}, run ${run} of ${runs}`);
      if (failed.has(way) || subject.leavesOut?.(way) !== undefined) continue;
      try {
        const figures = await watch.during(() => subject.measure(way, place, names));
        for (const [name, byWay] of samples)
          byWay.set(way.name, [...(byWay.get(way.name) ?? []), figures.get(name)!]);
      } catch (error) {
        if (place.endedBy !== 0) break;
        failed.add(way);
        // What the host refuses (a disk that is full), and a defect of the row's own, cost no figure of others.
        const why = error instanceof BenchError ? error.message : String(error).split("\n")[0]!;
        failures.push({ what: `${suite.name} ${names.join(", ")} on ${way.name}`, why });
      }
    }
  const meanwhile = watch.result;
  return {
    rows: rows.map((row) => ({ suite: suite.name, row, samples: samples.get(row.name)!, meanwhile })),
    failures,
  };
}

/** From so many on the interval of a median holds with 95 % (statistics.ts). */
export const USUAL_RUNS = 6;

/** How often a subject is measured; `asked`: as the command line says, for all. */
export function runsOf({ usualRuns = USUAL_RUNS }: Subject, asked: number | undefined): number {
  return asked ?? usualRuns;
}

export async function measureAll(
  chosen: readonly Chosen[],
  asked: number | undefined,
  place: Workplace,
): Promise<Found> {
  const steps = chosen.reduce((sum, { subject }) => sum + runsOf(subject, asked) * place.ways.length, 0);
  const progress = new Progress(steps);
  const watch = new Watch(distanceLook(() => place.program("cpus")));
  const found: Pick<Found, "rows" | "failures"> = { rows: [], failures: [] };
  for (const each of chosen) {
    if (place.endedBy !== 0) break;
    const { rows, failures } = await measureSubject(
      each,
      place,
      runsOf(each.subject, asked),
      watch,
      progress,
    );
    found.rows.push(...rows);
    found.failures.push(...failures);
  }
  progress.end();
  if (place.endedBy !== 0) {
    const left = chosen.flatMap(({ rows }) => rows).length - found.rows.length;
    found.failures.push({ what: "the run", why: `ended by a signal: ${left} rows were not measured` });
  }
  return { ...found, meanwhile: watch.result };
}
