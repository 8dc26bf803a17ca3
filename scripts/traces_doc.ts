// Prints the tables of docs/traces.md from the table of points (src/shared/trace/points.ts); test/unit/traces_document.test.ts
// compares. Run: node scripts/traces_doc.ts

import { CONTEXT_FIELDS, POINTS } from "../src/shared/trace/points.ts";

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}

/** In Markdown: the fields of all events, and a section for each point. */
export function traceTables(): string {
  const context = Object.entries(CONTEXT_FIELDS).map(([name, what]) => row(`\`${name}\``, what));
  const sections = POINTS.map(({ name, number, describe, calls, fields, optional }) => {
    const of = calls.length > 0 ? ` Calls: ${calls.map((call) => `\`${call}\``).join(", ")}.` : "";
    const own = Object.entries(fields).map(([field, what]) =>
      row(`\`${field}\``, what + (optional?.includes(field) === true ? " (where `fields` names it)" : "")),
    );
    return `### ${name} (${number})\n\nTold when ${describe}.${of}\n\n| field | what |\n|---|---|\n${own.join("")}`;
  });
  return `### Fields of every event\n\n| field | what |\n|---|---|\n${context.join("")}\n${sections.join("\n")}`;
}

if (import.meta.main) process.stdout.write(traceTables());
