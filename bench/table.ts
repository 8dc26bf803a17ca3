// Results as a table of aligned columns, which is Markdown as well, and what is to be known about them around it.

import { digits, type Unit, withRange, withUnit } from "../src/main/report/units.ts";
import { busyTexts, isBusy, percent } from "./busy.ts";
import { distanceText, distanceTexts, hasMoved } from "./distance.ts";
import { analyse, type Measured, pairs, type Results } from "./results.ts";
import type { Ratio, Summary } from "./statistics.ts";

/** The distance of the quartiles, as a share of the median. */
export function spread({ median, lowerQuartile, upperQuartile }: Summary): number {
  return median === 0 ? 0 : (upperQuartile - lowerQuartile) / median;
}

function figure(unit: Unit, summary: Summary | undefined, samples: number): string {
  if (summary === undefined) return "";
  const { median, interval } = summary;
  if (samples === 1) return withUnit(unit, median);
  return `${withRange(unit, median, interval.low, interval.high)} ${percent(spread(summary))}`;
}

function ratioText({ ratio, low, high }: Ratio, rounds: number): string {
  return rounds === 1 ? digits(ratio) : `${digits(ratio)} (${digits(low)}-${digits(high)})`;
}

/** Lines with columns of equal width. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)];
}

function suiteTable(suite: string, rows: readonly Measured[], { ways, meanwhile: whole }: Results): string[] {
  const ours = ways.filter(({ isHere }) => isHere);
  const columns = pairs(ways);
  const someBusy = rows.some(({ meanwhile }) => isBusy(meanwhile));
  const someMoved = hasMoved(whole.distance);
  const head = [
    suite,
    ...ways.map(({ name }) => name),
    ...columns.map(({ way, against }) => `${way} / ${against}`),
    "goal",
    ...(someBusy ? ["others used"] : []),
    ...(someMoved ? ["processors apart"] : []),
  ];
  const lines = rows.map((measured) => {
    const { row, meanwhile, samples } = measured;
    const taken = (way: string) => samples.get(way)?.length ?? 0;
    const { unit, summaries, ratios, goals } = analyse(measured, ways);
    const judged = ours.flatMap(({ name }) =>
      goals.get(name)!.map(({ text, met }) => {
        const outcome = met === undefined ? "" : met ? ": met" : ": missed";
        return `${ours.length > 1 ? `${name} ` : ""}${text}${outcome}`;
      }),
    );
    return [
      row.label,
      ...ways.map(({ name }) => figure(unit, summaries.get(name), taken(name))),
      ...columns.map((pair) => {
        const found = ratios.find(({ way, against }) => way === pair.way && against === pair.against);
        const rounds = Math.min(taken(pair.way), taken(pair.against));
        return found === undefined ? "" : ratioText(found, rounds);
      }),
      judged.join("; "),
      ...(someBusy ? [isBusy(meanwhile) ? percent(meanwhile.share + meanwhile.stolen) : ""] : []),
      ...(someMoved ? [meanwhile.distance === null ? "" : distanceText(meanwhile.distance)] : []),
    ];
  });
  return align([head, ...lines]);
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function goalCounts({ rows, ways }: Results): string {
  const judged = rows.flatMap((row) => [...analyse(row, ways).goals.values()].flat());
  const met = judged.filter((goal) => goal.met === true).length;
  const missed = judged.filter((goal) => goal.met === false).length;
  const open = judged.length - met - missed;
  return `goals: ${met} met, ${missed} missed${open === 0 ? "" : `, ${open} without a figure to compare with`}`;
}

/** The confidence of most intervals: that of rows with all runs. */
export function confidenceOf({ rows, ways }: Results): number {
  const summaries = rows.flatMap((row) => [...analyse(row, ways).summaries.values()]);
  return Math.max(0, ...summaries.map(({ interval }) => interval.confidence));
}

/** What the figures of the table are. */
export function methodText(results: Results): string {
  const { runs, effort } = results;
  const intervals =
    runs === 1
      ? ""
      : `, the interval that has the median in it with ${percent(confidenceOf(results))}, the quartiles' distance; ratios round by round`;
  return (
    `${count(runs, "run")}, the ways in turn; medians${intervals}; ` +
    `${effort.budgetMs} ms for each loop; programs linked with ${effort.libc} libc`
  );
}

export function machineText({ machine }: Results): string {
  const { processor, processors, memoryBytes, kernel, node, system, isVirtual } = machine;
  return [
    `${processor}, ${count(processors, "processor")}, ${withUnit("bytes", memoryBytes)}${isVirtual ? ", virtual" : ""}`,
    [system, `Linux ${kernel}`].filter(Boolean).join(", "),
    `Node ${node}`,
  ].join("; ");
}

/** All of it, as it is printed. */
export function tableText(results: Results): string {
  const { ways, effort, before, meanwhile, missing, failures, rows } = results;
  const versions = ways
    .filter(({ version }) => version !== "")
    .map(({ name, version }) => `${name}: ${version}`);
  const lines = [machineText(results), ...versions, methodText(results)];
  if (effort.quick) lines.push("quick: it shows that everything runs, the figures mean nothing");
  const busy = busyTexts(before, meanwhile);
  lines.push(busy.length === 0 ? "the machine was quiet" : `THE MACHINE IS BUSY: ${busy.join("; ")}`);
  lines.push(...distanceTexts(meanwhile.distance));
  lines.push(...missing.map((text) => `missing: ${text}`));
  lines.push(...failures.map(({ what, why }) => `failed: ${what}: ${why}`));
  for (const suite of new Set(rows.map((row) => row.suite))) {
    const own = rows.filter((row) => row.suite === suite);
    lines.push("", ...suiteTable(suite, own, results));
  }
  lines.push("", goalCounts(results));
  return `${lines.join("\n")}\n`;
}
