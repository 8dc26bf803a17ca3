// A chart with its caption and legend, which is drawn again when its place becomes wider or narrower.

import type { Series } from "../document.ts";
import { element, svgElement } from "./dom.ts";

/** Colours (report.css) and shapes of series: who cannot tell colours apart, or prints in grey, has the shapes. */
const SHAPES = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "times"] as const;

export const colour = (style: number): string => `var(--series-${style % SHAPES.length})`;
export const shape = (style: number): (typeof SHAPES)[number] => SHAPES[style % SHAPES.length]!;

const WIDEST = 1100;
const NARROWEST = 240;

/** Outlines of the shapes in a box of 12 by 12, as Plot draws them, nearly. */
const OUTLINES: Readonly<Record<(typeof SHAPES)[number], string>> = {
  circle: "M6 2a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
  square: "M2.5 2.5h7v7h-7z",
  triangle: "M6 1.5l4.6 8h-9.2z",
  diamond: "M6 1l3.4 5-3.4 5-3.4-5z",
  star: "M6 1l1.2 3.4h3.6l-2.9 2.2 1.1 3.6L6 8.1l-3 2.1 1.1-3.6L1.2 4.4h3.6z",
  cross: "M4.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
  wye: "M6 6V1.5M6 6l-4 3M6 6l4 3",
  times: "M2.5 2.5l7 7M9.5 2.5l-7 7",
};

function legend(series: readonly Series[]): HTMLElement {
  const items = series.map(({ name, style }) => {
    const outline = shape(style);
    const isLine = outline === "wye" || outline === "times";
    const path = svgElement("path", {
      d: OUTLINES[outline],
      fill: isLine ? "none" : colour(style),
      stroke: colour(style),
      "stroke-width": isLine ? "2" : "0",
    });
    const mark = svgElement("svg", {
      viewBox: "0 0 12 12",
      width: "12",
      height: "12",
      "aria-hidden": "true",
    });
    mark.append(path);
    return element("li", {}, mark, name);
  });
  return element("ul", { class: "legend" }, ...items);
}

/** `draw` gets the width in pixels. `words` says what is seen, to those who do not see it. */
export function figure(
  caption: string,
  words: string,
  series: readonly Series[],
  draw: (width: number) => Element,
): HTMLElement {
  const place = element("div", { class: "chart", role: "img", "aria-label": words });
  const made = element("figure", {}, element("figcaption", {}, caption));
  if (series.length > 1) made.append(legend(series));
  made.append(place);
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(Math.min(WIDEST, Math.max(NARROWEST, entry!.contentRect.width)));
    if (width === drawn) return;
    drawn = width;
    const chart = draw(width);
    // Plot's own rules, which the page's policy does not know, are in report.css.
    for (const style of chart.querySelectorAll("style")) style.remove();
    place.replaceChildren(chart);
  }).observe(place);
  return made;
}
