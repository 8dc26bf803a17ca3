// All suites, and what the words of the command line select of them.

import { BenchError } from "./error.ts";
import type { Row, Subject, Suite } from "./subject.ts";
import { APPS } from "./suite_apps.ts";
import { DENSITY } from "./suite_density.ts";
import { DOCKER } from "./suite_docker.ts";
import { IDLE } from "./suite_idle.ts";
import { NETWORK } from "./suite_network.ts";
import { STARTUP } from "./suite_startup.ts";
import { FILE, MEMORY, NET, PROCESS, SYSCALL } from "./suites_guest.ts";

export const SUITES: readonly Suite[] = [
  SYSCALL,
  FILE,
  PROCESS,
  MEMORY,
  NET,
  STARTUP,
  DOCKER,
  IDLE,
  APPS,
  NETWORK,
  DENSITY,
];

/** What runs when nothing is named. */
const USUAL: readonly string[] = ["syscall", "file", "process", "memory", "net"];

export interface Chosen {
  readonly suite: Suite;
  readonly subject: Subject;
  readonly rows: readonly Row[];
}

/** A word is a suite, a row, or `all`. */
export function choose(words: readonly string[], suites: readonly Suite[] = SUITES): Chosen[] {
  const wanted = new Set(words.length === 0 ? USUAL : words);
  const found = new Set<string>(["all"]);
  const chosen: Chosen[] = [];
  for (const suite of suites)
    for (const subject of suite.subjects) {
      const rows = subject.rows.filter(({ name }) => {
        const names = ["all", suite.name, name].filter((word) => wanted.has(word));
        for (const word of names) found.add(word);
        return names.length > 0;
      });
      if (rows.length > 0) chosen.push({ suite, subject, rows });
    }
  for (const word of wanted)
    if (!found.has(word))
      throw new BenchError(
        `neither a suite nor a row: ${word} (${suites.map(({ name }) => name).join(", ")}, all)`,
      );
  return chosen;
}
