// Prints the tables of docs/metrics.md from the tables of the metrics themselves (src/main/metrics/table.ts);
// test/unit/metrics_document.test.ts compares. Run: node scripts/metrics_doc.ts

import { DEFAULT_PREFIX, GROUPS } from "../src/main/metrics/table.ts";

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(", ");

/** In Markdown; a section for each group. */
export function metricTables(): string {
  return GROUPS.map(({ about, labels, metrics }) => {
    const needed = labels.filter((label) => !label.startsWith("["));
    const others = labels.filter((label) => label.startsWith("[")).map((label) => label.slice(1, -1));
    const where = others.length > 0 ? `, and where they are known ${code(others)}` : "";
    const said = labels.length > 0 ? `Labels of each: ${code(needed)}${where}.\n\n` : "";
    const rows = metrics.map(({ name, kind, help, from, labels, isBare }) => {
      const own = labels === undefined ? "" : code(labels);
      const cells = [`\`${isBare ? "" : DEFAULT_PREFIX}${name}\``, kind, own, help, from];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
    });
    return `### ${about}\n\n${said}| metric | kind | labels | what | from |\n|---|---|---|---|---|\n${rows.join("")}`;
  }).join("\n");
}

if (import.meta.main) process.stdout.write(metricTables());
