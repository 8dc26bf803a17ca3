// docs/metrics.md and the dashboard say of metrics what their tables say: every metric with its kind, labels and help; and no
// name or label in a query that is not exported.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { metricTables } from "../../scripts/metrics_doc.ts";
import { commands, type Flag, globalFlags, nodeCommands } from "../../src/main/cli/options.ts";
import { DEFAULT_PREFIX, GROUPS } from "../../src/main/metrics/table.ts";
import { checkout } from "../spawn.ts";

const document = readFileSync(join(checkout, "docs/metrics.md"), "utf8");
const dashboard = JSON.parse(readFileSync(join(checkout, "docs/grafana/ringfence.json"), "utf8"));

/** What a Prometheus adds by itself. */
const OF_PROMETHEUS = ["instance", "job"];
/** Words of PromQL in the queries. */
const WORDS = ["sum", "count", "rate", "increase", "by", "and", "on", "label_values", "histogram_quantile"];
/** Of a histogram, what stands behind its name, and the label that its buckets have. */
const PARTS = [["_bucket", "le"], ["_sum"], ["_count"]] as const;

const exported = new Map(
  GROUPS.flatMap(({ labels: shared, metrics }) =>
    metrics.flatMap(({ name, kind, labels = [], isBare }) => {
      const parts = kind === "histogram" ? PARTS : [[""]];
      const common = shared.map((label) => label.replace(/[[\]]/g, ""));
      return parts.map(([part, ...more]): [string, string[]] => [
        (isBare ? name : DEFAULT_PREFIX + name) + part,
        [...common, ...labels, ...more, ...OF_PROMETHEUS],
      ]);
    }),
  ),
);

/** What is wrong with a query. */
function faults(query: string): string[] {
  const found: string[] = [];
  const plain = query.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, "");
  const names = [...plain.matchAll(/\b([a-z][a-z_]*)\b(?!\s*[=!]|\w)/g)].map(([, word]) => word!);
  const metrics = names.filter((name) => exported.has(name));
  if (metrics.length === 0) found.push("no metric");
  const known = metrics.flatMap((name) => exported.get(name)!);
  const labels = [...plain.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!);
  for (const label of labels) if (!known.includes(label)) found.push(`no label ${label}`);
  for (const name of names)
    if (!exported.has(name) && !WORDS.includes(name) && !known.includes(name))
      found.push(`no metric ${name}`);
  const count = (char: string) => query.split(char).length - 1;
  for (const [open, close] of ["()", "{}", "[]"])
    if (count(open!) !== count(close!)) found.push(`${open} without ${close}`);
  // Rates are of what only grows.
  for (const [, name] of plain.matchAll(/(?:rate|increase)\(([a-z_]+)/g))
    if (!/_(total|bucket|sum|count)$/.test(name!)) found.push(`a rate of ${name}`);
  return found;
}

const panels = dashboard.panels.filter(({ type }: { type: string }) => type !== "row");
type Target = { expr: string; legendFormat: string };
const targets: Target[] = panels.flatMap(({ targets }: { targets: Target[] }) => targets);

test("every metric stands in docs/metrics.md as its table has it", () => {
  const [, tables] = /<!-- metrics -->\n([\s\S]*)<!-- \/metrics -->/.exec(document) ?? [];
  assert.ok(tables === metricTables(), "run scripts/metrics_doc.ts, whose output stands between the marks");
});

test("queries of the dashboard are of metrics and labels that there are", () => {
  assert.ok(targets.length > 20);
  for (const { expr } of targets) assert.equal(faults(expr), [], expr);
  for (const { name, query } of dashboard.templating.list)
    if (name !== "datasource") assert.equal(faults(query.query), [], query.query);
  for (const { expr, legendFormat } of targets)
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      const labels = [...exported].filter(([name]) => expr.includes(name)).flatMap(([, labels]) => labels);
      assert.ok(labels.includes(label!), `${label}: ${expr}`);
    }
});

test("the check of queries finds what is wrong", () => {
  for (const [query, what] of [
    ["rate(ringfence_sandbox_up[1m])", "a rate of ringfence_sandbox_up"],
    ["sum(ringfence_sandbox_ups)", "no metric"],
    ['ringfence_sandbox_up{nowhere="x"}', "no label nowhere"],
    ["sum by (nowhere) (ringfence_sandbox_up)", "no metric nowhere"],
    ["sum(ringfence_sandbox_up", "( without )"],
  ] as const)
    assert.ok(
      faults(query).some((fault) => fault.startsWith(what)),
      query,
    );
});

test("panels do not overlap, and have names and numbers of their own", () => {
  const all = dashboard.panels as {
    id: number;
    title: string;
    gridPos: Record<"x" | "y" | "w" | "h", number>;
  }[];
  assert.is(new Set(all.map(({ id }) => id)).size, all.length);
  assert.is(new Set(all.map(({ title }) => title)).size, all.length);
  for (const [i, { gridPos: a }] of all.entries())
    for (const { gridPos: b } of all.slice(i + 1))
      assert.ok(
        a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y,
        JSON.stringify([a, b]),
      );
});

const blocks = (language: string) =>
  [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((one) => one[1] === language)
    .map((one) => one[2]!);

test("files in docs/metrics.md are of their form, and flags are those that there are", () => {
  assert.ok(blocks("yaml").length >= 2);
  for (const text of blocks("yaml"))
    for (const { errors } of parseAllDocuments(text)) assert.equal(errors, [], text);
  const all = [...globalFlags, ...[...commands, ...nodeCommands].flatMap(({ flags }) => flags)];
  const known = new Set(all.map(({ name }: Flag) => name));
  for (const [line] of document.matchAll(/ringfence[^\n`]* (metrics|metric-server)[^\n`]*/g))
    for (const [, flag] of line.matchAll(/ --([a-z-]+)/g)) assert.ok(known.has(flag!), line);
  for (const text of blocks("yaml"))
    for (const name of text.matchAll(/\b(ringfence_[a-z_]+)\b/g)) assert.ok(exported.has(name[1]!), name[1]);
});

test.run();
