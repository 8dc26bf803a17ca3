// What of all that is asked for can be measured on this machine: ways that run a program, subjects whose programs are
// installed. Everything else is told in a line.

import { runCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { find } from "./paths.ts";
import type { Chosen } from "./suites.ts";
import { type Way, way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

const PROBE_DEADLINE_MS = 60_000;

/** The ways that work; `missing` gets a line for each that does not. Ringfence itself must. */
export async function workingWays(
  names: readonly string[],
  place: Workplace,
  missing: string[],
): Promise<Way[]> {
  const ways: Way[] = [];
  for (const name of names) {
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
export function installed(chosen: readonly Chosen[], missing: string[]): Chosen[] {
  return chosen.filter(({ suite, subject, rows }) => {
    const what = subject.missing?.();
    if (what !== undefined) missing.push(`${suite.name} ${rows.map(({ name }) => name).join(", ")}: ${what}`);
    return what === undefined;
  });
}
