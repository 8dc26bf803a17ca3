// Results as a table of aligned columns, which is Markdown as well, and what is to be known about them around it.

import { busyTexts } from "./machine.ts";
import { analyse, type Measured, type Results } from "./results.ts";
import type { Summary } from "./statistics.ts";
import { digits, type Unit, withRange, withUnit } from "./units.ts";

function figure(unit: Unit, summary: Summary | undefined, runs: number): string {
  if (summary === undefined) return "";
  const { median, least, most } = summary;
  return runs === 1 ? withUnit(unit, median) : withRange(unit, median, least, most);
}

/** Lines with columns of equal width. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)];
}

function suiteTable(suite: string, rows: readonly Measured[], { ways, runs }: Results): string[] {
  const ours = ways.filter(({ isHere }) => isHere);
  const others = ways.filter(({ isHere }) => !isHere);
  const pairs = ours.flatMap((way) => others.map((against) => ({ way: way.name, against: against.name })));
  const head = [
    suite,
    ...ways.map(({ name }) => name),
    ...pairs.map(({ way, against }) => `${way} / ${against}`),
    "goal",
  ];
  const lines = rows.map((measured) => {
    const { unit, summaries, ratios, goals } = analyse(measured, ways);
    const ratio = (pair: { way: string; against: string }) =>
      ratios.find(({ way, against }) => way === pair.way && against === pair.against)?.ratio;
    const judged = ours.flatMap(({ name }) =>
      goals.get(name)!.map(({ text, met }) => {
        const outcome = met === undefined ? "" : met ? ": met" : ": missed";
        return `${ours.length > 1 ? `${name} ` : ""}${text}${outcome}`;
      }),
    );
    return [
      measured.row.label,
      ...ways.map(({ name }) => figure(unit, summaries.get(name), runs)),
      ...pairs.map((pair) => {
        const value = ratio(pair);
        return value === undefined ? "" : digits(value);
      }),
      judged.join("; "),
    ];
  });
  return align([head, ...lines]);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function goalCounts({ rows, ways }: Results): string {
  const judged = rows.flatMap((row) => [...analyse(row, ways).goals.values()].flat());
  const met = judged.filter((goal) => goal.met === true).length;
  const missed = judged.filter((goal) => goal.met === false).length;
  const open = judged.length - met - missed;
  return `goals: ${met} met, ${missed} missed${open === 0 ? "" : `, ${open} without a figure to compare with`}`;
}

/** All of it, as it is printed. */
export function tableText(results: Results): string {
  const { machine, ways, runs, effort, before, meanwhile, missing, failures, rows } = results;
  const versions = ways
    .filter(({ version }) => version !== "")
    .map(({ name, version }) => `${name}: ${version}`);
  const lines = [
    `${machine.processor}, ${count(machine.processors, "processor")}, ${withUnit("bytes", machine.memoryBytes)}; ` +
      `Linux ${machine.kernel}; Node ${machine.node}`,
    ...versions,
    `${count(runs, "run")}, the ways in turn; medians${runs === 1 ? "" : ", and the range"}; ` +
      `${effort.budgetMs} ms for each loop; programs linked with ${effort.libc} libc`,
  ];
  if (effort.quick) lines.push("quick: it shows that everything runs, the figures mean nothing");
  const busy = busyTexts(before, meanwhile);
  lines.push(busy.length === 0 ? "the machine was quiet" : `THE MACHINE IS BUSY: ${busy.join("; ")}`);
  lines.push(...missing.map((text) => `missing: ${text}`));
  lines.push(...failures.map(({ what, why }) => `failed: ${what}: ${why}`));
  for (const suite of new Set(rows.map((row) => row.suite))) {
    const own = rows.filter((row) => row.suite === suite);
    lines.push("", ...suiteTable(suite, own, results));
  }
  lines.push("", goalCounts(results));
  return `${lines.join("\n")}\n`;
}
