// Which system calls are supported, for people: the text of `ringfence help syscalls`. Rendered from the
// entries of the table, so that it cannot be out of date.

import type { Call, Level } from "./call.ts";
import { SYSCALLS } from "./syscalls.ts";

const MEANING: Readonly<Record<Level, string>> = {
  full: "as Linux does",
  partial: "the note says what differs",
  none: "ends with ENOSYS",
};

export interface SupportFilter {
  /** Part of a name, or a whole number. */
  match?: string;
  level?: Level;
}

export function selectCalls({ match, level }: SupportFilter = {}): Call[] {
  return SYSCALLS.filter(
    (call) =>
      (level === undefined || call.level === level) &&
      (match === undefined || call.name.includes(match) || String(call.nr.x86_64) === match),
  );
}

/** How many calls have which level. */
export function countLevels(calls: readonly Call[]): Record<Level, number> {
  const counts = { full: 0, partial: 0, none: 0 };
  for (const call of calls) counts[call.level]++;
  return counts;
}

/** The text of `ringfence help syscalls`: one line a call, then what the levels mean. */
export function supportText(filter: SupportFilter = {}): string {
  const calls = selectCalls(filter);
  const rows = calls.map((call) => [String(call.nr.x86_64), call.name, call.level, call.owner, call.note]);
  return `${columns([["NUMBER", "NAME", "SUPPORT", "SUBSYSTEM", "NOTE"], ...rows])}\n${summary(calls)}`;
}

/** Left-aligned columns, each as wide as its widest cell. */
function columns(rows: readonly string[][]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function summary(calls: readonly Call[]): string {
  const counts = countLevels(calls);
  const levels = Object.keys(MEANING) as Level[];
  return columns(levels.map((level) => [level, String(counts[level]), MEANING[level]]));
}
