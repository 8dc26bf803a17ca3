// The table of applications, in Markdown.

import type { Way } from "../ways.ts";
import type { Application } from "./application.ts";
import type { Verdict } from "./compare.ts";

export interface Cell {
  readonly verdict: Verdict;
  readonly seconds: number;
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
const escaped = (text: string): string => text.replaceAll("|", "\\|");

function duration(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}

export function heading(kind: string, ways: readonly Way[]): string {
  const columns = ways.flatMap(({ name, isHere }) => [isHere ? "here" : name, "× native"]);
  const cells = ["application", "version", "work", "native", ...columns];
  return `\n### ${kind}\n\n${line(cells)}|${"---|".repeat(cells.length)}\n`;
}

export function row(
  app: Application,
  version: string,
  nativeSeconds: number,
  cells: readonly Cell[],
): string {
  const columns = cells.flatMap(({ verdict, seconds }) => [
    escaped(verdict.text),
    seconds === 0 ? "" : (seconds / nativeSeconds).toFixed(1),
  ]);
  return line([app.name, version, escaped(app.does), duration(nativeSeconds), ...columns]);
}
