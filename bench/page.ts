// Results as a report, of which one page is made: for each suite a chart of what is measured natively as well, as a multiple of
// that, a chart of what has no native figure, and a table of everything.

import { join } from "node:path";
import type { Block, Cell, IntervalChart, IntervalRow, Notice, Report } from "../src/main/report/document.ts";
import { readPageParts, reportHtml } from "../src/main/report/html.ts";
import { digits, rangeText, scaleFor, type Unit, withUnit } from "../src/main/report/units.ts";
import { busyTexts, isBusy, percent } from "./busy.ts";
import type { Comparison } from "./compare.ts";
import { type Distance, distanceText, distanceTexts, hasMoved } from "./distance.ts";
import { comparisonSection } from "./page_compare.ts";
import { checkout } from "./paths.ts";
import { analyse, type Measured, pairs, type Results } from "./results.ts";
import { pairedRatio, type Ratio, summarize } from "./statistics.ts";
import { SUITES } from "./suites.ts";
import { goalCounts, methodText, spread } from "./table.ts";

const NATIVE = "native";

/** The median and its interval below it. */
function figureCell(unit: Unit, samples: readonly number[]): Cell {
  const summary = summarize(samples);
  if (summary === undefined) return { text: "", value: null };
  const { median, interval } = summary;
  const detail = `${rangeText(unit, median, interval.low, interval.high)} · ${percent(spread(summary))}`;
  return { text: withUnit(unit, median), value: median, ...(samples.length > 1 && { detail }) };
}

function ratioCell(found: Ratio | undefined): Cell {
  if (found === undefined) return { text: "", value: null };
  const { ratio, low, high } = found;
  return {
    text: digits(ratio),
    value: ratio,
    ...(low !== high && { detail: `${digits(low)}–${digits(high)}` }),
  };
}

function goalCell(measured: Measured, ways: Results["ways"]): Cell {
  const ours = ways.filter(({ isHere }) => isHere).length;
  const judged = [...analyse(measured, ways).goals].flatMap(([way, goals]) =>
    goals.map((goal) => ({ ...goal, way })),
  );
  const missed = judged.filter(({ met }) => met === false).length;
  const met = judged.filter(({ met }) => met === true).length;
  if (judged.length === 0) return { text: "", value: null };
  const text = met + missed === 0 ? "open" : missed === 0 ? "met" : met === 0 ? "missed" : "met in part";
  const detail = judged
    .map(({ way, text, met }) => {
      const mark = met === undefined ? "?" : met ? "✓" : "✗";
      return `${mark} ${ours > 1 ? `${way} ` : ""}${text}`;
    })
    .join("\n");
  const tone = met + missed === 0 ? "muted" : missed === 0 ? "good" : "bad";
  return { text, detail, tone, value: missed === 0 ? met - 1000 : missed };
}

/** A row's label, without the marks of Markdown. */
const label = ({ row }: Pick<Measured, "row">): string => row.label.replaceAll("`", "");

const distanceCell = (distance: Distance | null): Cell =>
  distance === null ? { text: "", value: null } : { text: distanceText(distance), value: distance[1] };

function suiteTable(
  title: string,
  rows: readonly Measured[],
  { ways: all, meanwhile: whole }: Results,
): Block {
  const ways = all.filter(({ name }) => rows.some(({ samples }) => (samples.get(name) ?? []).length > 0));
  const columns = pairs(ways);
  const someBusy = rows.some(({ meanwhile }) => isBusy(meanwhile));
  const someMoved = hasMoved(whole.distance);
  const someGoals = rows.some(({ row }) => (row.goals ?? []).length > 0);
  return {
    kind: "table",
    caption: `${title}: medians`,
    columns: [
      { label: "row", isNumber: false },
      ...ways.map(({ name, version }) => ({ label: name, isNumber: true, hint: version })),
      ...columns.map(({ way, against }) => ({
        label: `${way} /\n${against}`,
        isNumber: true,
        hint: "median of the rounds' ratios, and its interval",
      })),
      ...(someGoals ? [{ label: "goal", isNumber: false }] : []),
      ...(someBusy
        ? [{ label: "others used", isNumber: true, hint: "of a processor, while this was measured" }]
        : []),
      ...(someMoved
        ? [{ label: "processors apart", isNumber: true, hint: "a cache line to another and back" }]
        : []),
    ],
    rows: rows.map((measured) => {
      const { row, samples, meanwhile } = measured;
      const used = meanwhile.share + meanwhile.stolen;
      return [
        { text: label(measured) },
        ...ways.map(({ name }) => figureCell(row.unit ?? "ns", samples.get(name) ?? [])),
        ...columns.map(({ way, against }) =>
          ratioCell(pairedRatio(samples.get(way) ?? [], samples.get(against) ?? [])),
        ),
        ...(someGoals ? [goalCell(measured, ways)] : []),
        ...(someBusy ? [{ text: isBusy(meanwhile) ? percent(used) : "", value: used }] : []),
        ...(someMoved ? [distanceCell(meanwhile.distance)] : []),
      ];
    }),
  };
}

/** One style for one way in all charts; native's is the first, which is grey. */
function styleOf(name: string, ways: Results["ways"]): number {
  const others = ways.filter((way) => way.name !== NATIVE);
  return others.findIndex((way) => way.name === name) + 1;
}

/** What each way took as a multiple of what it takes natively. */
function ratioChart(title: string, rows: readonly Measured[], { ways }: Results): IntervalChart {
  const series = ways.map(({ name }) => name).filter((name) => name !== NATIVE);
  return {
    kind: "intervals",
    caption: `${title}: as a multiple of native, each round against its own`,
    scale: "log",
    axis: "times native",
    reference: { value: 1, label: NATIVE },
    series: series.map((name) => ({ name, style: styleOf(name, ways) })),
    rows: rows.map((measured): IntervalRow => {
      const { samples } = measured;
      const native = samples.get(NATIVE) ?? [];
      const values = series.flatMap((name, at) => {
        const own = samples.get(name) ?? [];
        const found = pairedRatio(own, native);
        if (found === undefined) return [];
        const { ratio, low, high } = found;
        const rounds = own.slice(0, native.length).map((value, round) => value / native[round]!);
        const text = `${name} ${digits(ratio)} × native`;
        return [{ series: at, value: ratio, low, high, text, samples: rounds }];
      });
      return { label: label(measured), values };
    }),
  };
}

/** Figures by themselves, in one unit for all rows. */
function plainChart(title: string, unit: Unit, rows: readonly Measured[], { ways }: Results): IntervalChart {
  const present = ways.filter(({ name }) => rows.some(({ samples }) => (samples.get(name) ?? []).length > 0));
  const medians = rows.flatMap(({ samples }) =>
    [...samples.values()].map((values) => summarize(values)?.median ?? 0),
  );
  const [name, size] = scaleFor(unit, Math.max(0, ...medians));
  return {
    kind: "intervals",
    caption: `${title}: ${unit === "ns" ? "time" : unit === "bytes" ? "memory" : "number"}`,
    scale: "linear",
    axis: name,
    series: present.map(({ name }) => ({ name, style: styleOf(name, ways) })),
    rows: rows.map(({ row, samples }) => ({
      label: label({ row }),
      values: present.flatMap(({ name }, series) => {
        const summary = summarize(samples.get(name) ?? []);
        if (summary === undefined) return [];
        const { median, interval } = summary;
        const text = `${name} ${withUnit(unit, median)}`;
        return [{ series, value: median / size, low: interval.low / size, high: interval.high / size, text }];
      }),
    })),
  };
}

function charts(title: string, rows: readonly Measured[], results: Results): Block[] {
  const isNative = ({ samples }: Measured) => (samples.get(NATIVE) ?? []).length > 0;
  const others = results.ways.some(({ name }) => name !== NATIVE);
  const made: Block[] = [];
  const withNative = rows.filter(isNative);
  if (withNative.length > 0 && others) made.push(ratioChart(title, withNative, results));
  const without = rows.filter((row) => !isNative(row));
  for (const unit of new Set(without.map(({ row }) => row.unit ?? "ns")))
    made.push(
      plainChart(
        title,
        unit,
        without.filter(({ row }) => (row.unit ?? "ns") === unit),
        results,
      ),
    );
  return made;
}

/** The mean of factors, each of which counts alike, whichever way it points. */
function geometricMean(factors: readonly number[]): number {
  return Math.exp(factors.reduce((sum, factor) => sum + Math.log(factor), 0) / factors.length);
}

function overview(results: Results): Block {
  const { rows, ways } = results;
  const columns = pairs(ways);
  const suites = [...new Set(rows.map(({ suite }) => suite))];
  return {
    kind: "table",
    caption: "Ratios over all rows of a suite: geometric means",
    columns: [
      { label: "suite", isNumber: false },
      { label: "rows", isNumber: true },
      ...columns.map(({ way, against }) => ({
        label: `${way} /\n${against}`,
        isNumber: true,
        hint: "geometric mean of the rows' ratios; below it the least and the most",
      })),
      { label: "goals met", isNumber: true },
      { label: "goals missed", isNumber: true },
    ],
    rows: suites.map((suite) => {
      const own = rows.filter((row) => row.suite === suite);
      const analysed = own.map((row) => analyse(row, ways));
      const goals = analysed.flatMap(({ goals }) => [...goals.values()].flat());
      const count = (outcome: boolean): Cell => {
        const number = goals.filter(({ met }) => met === outcome).length;
        return { text: String(number), value: number };
      };
      return [
        { text: suite },
        { text: String(own.length), value: own.length },
        ...columns.map((pair): Cell => {
          const factors = analysed.flatMap(({ ratios }) =>
            ratios
              .filter(({ way, against, ratio }) => way === pair.way && against === pair.against && ratio > 0)
              .map(({ ratio }) => ratio),
          );
          if (factors.length === 0) return { text: "", value: null };
          const mean = geometricMean(factors);
          const detail = `${digits(Math.min(...factors))}–${digits(Math.max(...factors))}`;
          return { text: digits(mean), value: mean, detail };
        }),
        count(true),
        count(false),
      ];
    }),
  };
}

function notices({ effort, before, meanwhile, missing, failures }: Results): Notice[] {
  const busy = busyTexts(before, meanwhile);
  return [
    ...(effort.quick
      ? [{ tone: "warning", text: "Quick: it shows that everything runs, the figures mean nothing" } as const]
      : []),
    ...(busy.length === 0
      ? []
      : [{ tone: "warning", text: `The machine was busy: ${busy.join("; ")}` } as const]),
    ...(hasMoved(meanwhile.distance)
      ? distanceTexts(meanwhile.distance).map((text): Notice => ({ tone: "warning", text }))
      : []),
    ...failures.map(({ what, why }): Notice => ({ tone: "warning", text: `Failed: ${what}: ${why}` })),
    ...missing.map((text): Notice => ({ tone: "note", text: `Missing: ${text}` })),
  ];
}

export interface Earlier {
  readonly earlier: Results;
  readonly comparison: Comparison;
}

export function resultsReport(results: Results, earlier?: Earlier): Report {
  const { made, machine, ways, rows } = results;
  const mitigations = machine.mitigations.map(([name, measure]) => `${name}: ${measure}`);
  const facts: [string, string][] = [
    ["Processor", `${machine.processor}, ${machine.processors}${machine.isVirtual ? ", virtual" : ""}`],
    ["Memory", withUnit("bytes", machine.memoryBytes)],
    ["System", [machine.system, `Linux ${machine.kernel}`].filter(Boolean).join(", ")],
    ["Node", machine.node],
    ["Frequency governor", machine.governor],
    ["Processors apart", results.meanwhile.distance === null ? "" : distanceText(results.meanwhile.distance)],
    ...ways.map(({ name, version }): [string, string] => [name, version]),
    ["Method", methodText(results)],
    ["Against faults of the processor", mitigations.join("; ")],
  ];
  const suites = [...new Set(rows.map(({ suite }) => suite))];
  return {
    title: "Ringfence benchmark",
    subtitle: [made.slice(0, 16).replace("T", " "), goalCounts(results)].filter(Boolean).join(" · "),
    facts: facts.filter(([, value]) => value !== "").map(([name, value]) => ({ name, value })),
    notices: notices(results),
    sections: [
      ...(earlier === undefined ? [] : [comparisonSection(earlier.earlier, earlier.comparison)]),
      ...(suites.length > 1
        ? [{ id: "overview", title: "Overview", describe: "", blocks: [overview(results)] }]
        : []),
      ...suites.map((suite, at) => {
        const own = rows.filter((row) => row.suite === suite);
        const describe = (SUITES.find(({ name }) => name === suite)?.describe ?? "").replaceAll("`", "");
        const blocks = [...charts(suite, own, results), suiteTable(suite, own, results)];
        return { id: `suite-${at}`, title: suite, describe, blocks };
      }),
    ],
  };
}

export function resultsPage(results: Results, earlier?: Earlier): string {
  return reportHtml(resultsReport(results, earlier), readPageParts(join(checkout, "build/js")));
}
