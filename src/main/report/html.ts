// Makes one page of a report that needs nothing else: its script, style and data are in it, and by its Content Security
// Policy the browser runs no other script and asks nobody for anything, whatever a guest has had put into a text.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "./document.ts";

/** What scripts/bundle.mjs has made of page/. */
export interface PageParts {
  readonly script: string;
  readonly style: string;
  /** Terms of what is in the script. */
  readonly licenses: string;
}

/** `directory`: build/js of a checkout, js of an installation. */
export function readPageParts(directory: string): PageParts {
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  return { script: read("report.js"), style: read("report.css"), licenses: read("report.licenses") };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** JSON that ends no script element and begins no comment, wherever it stands. */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;
}

function policy({ script, style }: PageParts): string {
  return [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

/** The whole file. */
export function reportHtml(report: Report, parts: PageParts): string {
  const { script, style, licenses } = parts;
  // Our own, and checked all the same: what ends its element early is no longer what the policy names.
  if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style))
    throw new Error("the page's script or style cannot be embedded");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy(parts))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(report.title)}</title>
<style>${style}</style>
</head>
<body>
<noscript><p>Tables and charts of this page are drawn by its own script, which the browser does not run.</p></noscript>
<main id="report"></main>
<footer>
<details><summary>Licences of what draws the charts</summary><pre>${escapeHtml(licenses)}</pre></details>
</footer>
<script type="application/json" id="report-data">${embeddedJson(report)}</script>
<script>${script}</script>
</body>
</html>
`;
}
