// How values are spread: bins of one series or several, above each other so that none hides another.

import * as Plot from "@observablehq/plot";
import type { Histogram } from "../document.ts";
import { limitText } from "../units.ts";
import { colour, figure } from "./figure.ts";

const HEIGHT = 110;
const TITLE = 16;

function draw({ series, scale, unit, marks }: Histogram, width: number): Element {
  const bins = series.flatMap(({ name, style, bins }) => {
    const all = bins.reduce((sum, { count }) => sum + count, 0);
    const held = bins.filter(({ count }) => count > 0);
    return held.map((bin) => ({ ...bin, name, style, share: (100 * bin.count) / all }));
  });
  const edges = bins.flatMap(({ from, to }) => [from, to]).filter((edge) => scale === "linear" || edge > 0);
  const [least, most] = edges.length === 0 ? [1, 10] : [Math.min(...edges), Math.max(...edges)];
  const tickFormat = (value: number) => limitText(unit, value);
  const names = series.map(({ name }) => ({ name }));
  return Plot.plot({
    className: "plot",
    width,
    height: series.length * (HEIGHT + TITLE) + 50,
    marginLeft: 56,
    marginRight: 20,
    marginTop: 24,
    marginBottom: 40,
    x: { type: scale, domain: [least, most], label: null, tickFormat, ticks: Math.floor(width / 90) },
    y: { label: "% of values", grid: true, ticks: 4 },
    fy: { label: null, axis: null, domain: names.map(({ name }) => name), padding: 0.2 },
    color: { type: "identity" },
    marks: [
      Plot.rectY(bins, {
        x1: ({ from }: (typeof bins)[number]) => (scale === "log" ? Math.max(from, least) : from),
        x2: "to",
        y1: 0,
        y2: "share",
        fy: "name",
        fill: ({ style }: (typeof bins)[number]) => colour(style),
        inset: 0.5,
        title: ({ from, to, count }: (typeof bins)[number]) =>
          `${tickFormat(from)} to ${tickFormat(to)}: ${count}`,
      }),
      Plot.ruleY([0], { stroke: "var(--text)" }),
      Plot.ruleX(marks, { x: "value", stroke: "var(--text)", strokeDasharray: "3,3", title: "label" }),
      Plot.text(marks, { x: "value", text: "label", frameAnchor: "top", dy: -10, lineWidth: width / 28 }),
      ...(series.length > 1
        ? [
            Plot.text(names, {
              fy: "name",
              text: "name",
              frameAnchor: "top-right",
              dy: -10,
              lineWidth: width / 28,
              textOverflow: "ellipsis-end",
              title: "name",
            }),
          ]
        : []),
    ],
  });
}

export function histogramFigure(chart: Histogram): HTMLElement {
  const total = chart.series.flatMap(({ bins }) => bins).reduce((sum, { count }) => sum + count, 0);
  const words = `${chart.caption}: ${total} values of ${chart.series.map(({ name }) => name).join(", ")}`;
  return figure(chart.caption, words, [], (width) => draw(chart, width));
}
