// Draws the report that stands in the page as JSON.

import type { Block, Fact, Notice, Report, Section } from "../document.ts";
import { element } from "./dom.ts";
import { flameFigure } from "./flame.ts";
import { histogramFigure } from "./histogram.ts";
import { intervalFigure } from "./intervals.ts";
import { tableView } from "./table.ts";

/** A fact of more characters has a line to itself. */
const LONG = 70;

function notices(notices: readonly Notice[]): HTMLElement {
  const items = notices.map(({ tone, text }) => element("li", { class: tone }, text));
  return element("ul", { class: "notices" }, ...items);
}

function facts(facts: readonly Fact[]): HTMLElement {
  const pairs = facts.map(({ name, value }) =>
    element(
      "div",
      value.length > LONG ? { class: "long" } : {},
      element("dt", {}, name),
      element("dd", {}, value),
    ),
  );
  return element("dl", { class: "facts" }, ...pairs);
}

function view(block: Block): HTMLElement {
  switch (block.kind) {
    case "table":
      return tableView(block);
    case "intervals":
      return intervalFigure(block);
    case "histogram":
      return histogramFigure(block);
    case "flame":
      return flameFigure(block);
    case "notes":
      return notices(block.notes);
  }
}

function section({ id, title, describe, blocks }: Section): HTMLElement {
  return element(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title),
    ...(describe === "" ? [] : [element("p", { class: "describe" }, describe)]),
    ...blocks.map(view),
  );
}

function contents(sections: readonly Section[]): HTMLElement {
  const links = sections.map(({ id, title }) => element("li", {}, element("a", { href: `#${id}` }, title)));
  return element("nav", { "aria-label": "Sections" }, element("ul", {}, ...links));
}

function draw(report: Report): void {
  const place = document.getElementById("report")!;
  place.append(
    element(
      "header",
      {},
      element("h1", {}, report.title),
      element("p", { class: "subtitle" }, report.subtitle),
    ),
    ...(report.notices.length === 0 ? [] : [notices(report.notices)]),
    facts(report.facts),
    ...(report.sections.length > 1 ? [contents(report.sections)] : []),
    ...report.sections.map(section),
  );
}

draw(JSON.parse(document.getElementById("report-data")!.textContent!) as Report);
