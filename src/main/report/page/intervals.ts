// Values with their intervals, a row each: points on a logarithmic axis, where a bar would have no beginning, or bars from
// zero on a linear one.

import * as Plot from "@observablehq/plot";
import type { IntervalChart, IntervalValue } from "../document.ts";
import { colour, figure, shape } from "./figure.ts";

const ROW = 12;
const ROW_PADDING = 14;
const LABEL_ABOVE = 18;
/** Narrower, and labels stand above their rows. */
const WIDE = 640;
const CHARACTER = 6.9;
const LABELS_MOST = 330;
/** Of Plot's measure of texts, with room for fonts that are wider than it thinks. */
const EM = 14;

interface Mark extends IntervalValue {
  readonly label: string;
  readonly style: number;
  /** Pixels from the top. */
  readonly y: number;
}

interface Layout {
  readonly marks: readonly Mark[];
  readonly labels: readonly { readonly label: string; readonly y: number }[];
  readonly lines: readonly number[];
  readonly height: number;
}

function layout({ rows, series }: IntervalChart, isWide: boolean): Layout {
  const marks: Mark[] = [];
  const labels: { label: string; y: number }[] = [];
  const lines: number[] = [];
  let top = 0;
  for (const { label, values } of rows) {
    const above = isWide ? 0 : LABEL_ABOVE;
    const lanes = Math.max(1, series.length);
    const height = ROW_PADDING + lanes * ROW + above;
    const first = top + above + ROW_PADDING / 2 + ROW / 2;
    for (const value of values) {
      const { style } = series[value.series]!;
      marks.push({ ...value, label, style, y: first + value.series * ROW });
    }
    labels.push({ label, y: isWide ? top + height / 2 : top + above / 2 + 4 });
    lines.push(top);
    top += height;
  }
  return { marks, labels, lines, height: top };
}

/** Powers of ten, and what lies between where there are few of them: 1, 2, 5, 10; in less than a decade so many round numbers. */
function logarithmicTicks([least, most]: readonly [number, number], room: number): number[] | number {
  if (most / least < 10) return room;
  const first = Math.floor(Math.log10(least));
  const decades = Math.ceil(Math.log10(most)) - first;
  const steps = decades * 3 <= room ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / Math.max(1, room)));
  const found: number[] = [];
  for (let decade = 0; decade <= decades; decade += every)
    for (const step of steps) found.push(Number(`${step}e${first + decade}`));
  return found.filter((tick) => tick >= least && tick <= most);
}

function tick(value: number): string {
  return value >= 1 ? value.toLocaleString("en") : String(value);
}

/** Room for all values, and for the line that they are compared with. */
function domain({ rows, scale, reference }: IntervalChart): [number, number] {
  const values = rows.flatMap((row) => row.values.flatMap(({ low, high, value }) => [low, high, value]));
  if (reference !== undefined) values.push(reference.value);
  const finite = values.filter((value) => Number.isFinite(value) && (scale === "linear" || value > 0));
  if (finite.length === 0) return scale === "linear" ? [0, 1] : [0.5, 2];
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  if (scale === "linear") return [0, most === 0 ? 1 : most * 1.04];
  return [least / 1.25, most * 1.25];
}

/** What has a place at the axis; intervals end where that does, if they have no end there. */
function drawable(
  marks: readonly Mark[],
  scale: IntervalChart["scale"],
  [least, most]: readonly [number, number],
): Mark[] {
  const hasPlace = (value: number) => Number.isFinite(value) && (scale === "linear" || value > 0);
  return marks
    .filter(({ value }) => hasPlace(value))
    .map((mark) => ({
      ...mark,
      low: hasPlace(mark.low) ? mark.low : least,
      high: hasPlace(mark.high) ? mark.high : most,
      samples: (mark.samples ?? []).filter(hasPlace),
    }));
}

function points(marks: readonly Mark[]): Plot.Markish[] {
  const ticks = marks.flatMap((mark) => (mark.samples ?? []).map((value) => ({ ...mark, value })));
  return [
    Plot.dot(ticks, {
      x: "value",
      y: "y",
      r: 1.5,
      fill: ({ style }: Mark) => colour(style),
      fillOpacity: 0.45,
    }),
    Plot.link(marks, {
      x1: "low",
      x2: "high",
      y1: "y",
      y2: "y",
      stroke: ({ style }: Mark) => colour(style),
      strokeWidth: 2,
    }),
    Plot.dot(marks, {
      x: "value",
      y: "y",
      r: 4,
      symbol: ({ style }: Mark) => shape(style),
      fill: ({ style }: Mark) => colour(style),
      title: ({ label, text }: Mark) => `${label}: ${text}`,
    }),
  ];
}

function bars(marks: readonly Mark[]): Plot.Markish[] {
  return [
    Plot.rect(marks, {
      x1: 0,
      x2: "value",
      y1: ({ y }: Mark) => y - ROW / 2 + 1,
      y2: ({ y }: Mark) => y + ROW / 2 - 1,
      fill: ({ style }: Mark) => colour(style),
      title: ({ label, text }: Mark) => `${label}: ${text}`,
    }),
    Plot.link(
      marks.filter(({ low, high }) => low < high),
      { x1: "low", x2: "high", y1: "y", y2: "y", stroke: "var(--text)", strokeWidth: 1.5 },
    ),
  ];
}

function draw(chart: IntervalChart, width: number): Element {
  const isWide = width >= WIDE;
  const longest = Math.max(...chart.rows.map(({ label }) => label.length), 0);
  const marginLeft = isWide ? Math.min(LABELS_MOST, Math.ceil(longest * CHARACTER) + 16) : 2;
  const { marks, labels, lines, height } = layout(chart, isWide);
  const marginTop = chart.reference === undefined ? 10 : 24;
  const { reference } = chart;
  const room = Math.max(2, Math.floor((width - marginLeft) / 80));
  const range = domain(chart);
  const kept = drawable(marks, chart.scale, range);
  return Plot.plot({
    className: "plot",
    width,
    height: height + marginTop + 40,
    marginLeft,
    marginRight: 20,
    marginTop,
    marginBottom: 40,
    x: {
      type: chart.scale,
      domain: range,
      label: chart.axis,
      labelAnchor: "right",
      tickFormat: tick,
      ticks: chart.scale === "log" ? logarithmicTicks(range, room) : room,
      grid: true,
    },
    y: { type: "linear", domain: [0, height], range: [marginTop, marginTop + height], axis: null },
    color: { type: "identity" },
    symbol: { type: "identity" } as Plot.ScaleOptions,
    marks: [
      Plot.ruleY(lines, { stroke: "var(--line)" }),
      ...(reference === undefined
        ? []
        : [
            Plot.ruleX([reference.value], { stroke: "var(--text)", strokeDasharray: "3,3" }),
            Plot.text([reference.label], {
              x: reference.value,
              frameAnchor: "top",
              dy: -12,
              fill: "var(--text)",
            }),
          ]),
      Plot.text(labels, {
        y: "y",
        text: "label",
        frameAnchor: "left",
        textAnchor: isWide ? "end" : "start",
        dx: isWide ? -10 : 0,
        fill: "var(--text)",
        // What is behind it does not cross it.
        stroke: "var(--background)",
        strokeWidth: 4,
        // Long labels end in an ellipsis.
        lineWidth: (isWide ? LABELS_MOST : width) / EM,
        textOverflow: "ellipsis-end",
        title: "label",
      }),
      ...(chart.scale === "log" ? points(kept) : bars(kept)),
    ],
  });
}

export function intervalFigure(chart: IntervalChart): HTMLElement {
  const words = `${chart.caption}, ${chart.rows.length} rows: ${chart.series.map(({ name }) => name).join(", ")}. The table has the same figures.`;
  return figure(chart.caption, words, chart.series, (width) => draw(chart, width));
}
