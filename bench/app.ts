// Other people's programs, where they are installed. A script runs in the sandbox and prints a line `name ns` for each
// figure: what `timed` (guest/timed.c) took of a command, without the start of the sandbox, or what a load generator
// says of itself.

import { existsSync } from "node:fs";
import { runCommand } from "./command.ts";
import { parseFigures } from "./output.ts";
import { find } from "./paths.ts";
import type { Row, Subject } from "./subject.ts";
import type { Workplace } from "./workplace.ts";

const DEADLINE_MS = 300_000;

interface App {
  readonly row: Row;
  /** Programs, or directories, and the packages that have them. */
  readonly needs: readonly (readonly [probe: string, packageName: string])[];
  /** Script of bash: $1 is `timed`, the others are the arguments. */
  readonly script: string;
  readonly arguments: (place: Workplace) => readonly string[];
}

function isThere(probe: string): boolean {
  return probe.startsWith("/") ? existsSync(probe) : find(probe) !== undefined;
}

export function app({ row, needs, script, arguments: args }: App): Subject {
  return {
    rows: [row],
    missing() {
      const missing = needs.filter(([probe]) => !isThere(probe)).map(([, packageName]) => packageName);
      return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
    },
    async measure(way, place, names) {
      const argv = ["bash", "-c", `set -e; ${script}`, "bash", place.program("timed"), ...args(place)];
      const command = way.run([find("bash")!, ...argv.slice(1)], place, false);
      // What a script that is killed leaves in a sandbox goes with that; natively it goes with the bench's directory.
      const env = way.name === "native" ? { ...process.env, TMPDIR: place.temporary() } : undefined;
      const { stdout } = await runCommand(command, { deadlineMs: DEADLINE_MS, ...(env && { env }) });
      return parseFigures(stdout, names);
    },
  };
}

/** One way to say that a part of the whole is enough. */
export const amount = (whole: number, part: number) => (place: Workplace) => [
  String(place.effort.quick ? part : whole),
];
