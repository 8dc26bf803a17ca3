// What can be measured: suites, and the names, labels and goals of their rows.

import { goalText } from "./goals.ts";
import type { Suite } from "./subject.ts";

function goalList({ rows }: Suite["subjects"][number]): string[][] {
  return rows.map(({ name, label, unit, goals }) => {
    const texts = (goals ?? []).map((goal) => {
      const text = goalText(goal, unit ?? "ns");
      return goal.on === undefined ? text : `${goal.on} ${text}`;
    });
    return [name, label, texts.join("; ")];
  });
}

export function listText(suites: readonly Suite[]): string {
  const rows = suites.map((suite) => suite.subjects.flatMap(goalList));
  const width = (column: number) => Math.max(...rows.flat().map((row) => row[column]!.length));
  const widths = [width(0), width(1)];
  const lines = suites.flatMap(({ name, describe }, at) => [
    `${name}: ${describe}`,
    ...rows[at]!.map(([row, label, goals]) =>
      `  ${row!.padEnd(widths[0]!)}  ${label!.padEnd(widths[1]!)}  ${goals}`.trimEnd(),
    ),
  ]);
  return `${lines.join("\n")}\n`;
}
