// What README.md tells its readers to type.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkout } from "../spawn.ts";

const INDENT = "    ";

/** The blocks of code of the section with that heading, in their order, each as shell text. */
export function pasted(heading: string): string[] {
  const lines = readFileSync(join(checkout, "README.md"), "utf8").split("\n");
  const first = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (first < 0) throw new Error(`README.md has no section ${heading}`);
  const length = lines.slice(first + 1).findIndex((line) => /^#+ /.test(line));
  const section = lines.slice(first + 1, length < 0 ? undefined : first + 1 + length);
  const blocks: string[] = [];
  let isInside = false;
  for (const line of section) {
    const isCode = line.startsWith(INDENT);
    if (isCode) blocks.push(`${isInside ? blocks.pop() : ""}${line.slice(INDENT.length)}\n`);
    isInside = isCode;
  }
  return blocks;
}
