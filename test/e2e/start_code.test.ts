// A start compiles hardly anything: the bytecode of what it runs is in the snapshot (scripts/start_code.json).

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, output } from "../spawn.ts";

interface Compiled {
  source: string;
  name: string;
}
interface FunctionLog {
  makeTellingLauncher(checkout: string): string;
  compiledIn(checkout: string, logs: readonly string[]): Compiled[];
}

/** Of those that a start runs, as many may be missing: what was written since the list was. */
const SHARE_MAX = 0.15;

const list: Record<string, string[]> = JSON.parse(
  readFileSync(join(checkout, "scripts/start_code.json"), "utf8"),
);

test("a start finds its functions compiled", async () => {
  const { makeTellingLauncher, compiledIn } = (await import(
    `${checkout}scripts/function_log.mjs`
  )) as FunctionLog;
  const work = mkdtempSync(join(tmpdir(), "ringfence-start-code-"));
  try {
    const log = join(work, "log");
    await output(makeTellingLauncher(checkout), ["--workers=solo", "--log", log, "do", "true"]);
    const compiled = compiledIn(checkout, [log]).map(({ source, name }) => `${source} ${name}`);
    const listed = Object.values(list).flat().length;
    assert.ok(listed > 1000, `${listed} functions are listed`);
    assert.ok(
      compiled.length < listed * SHARE_MAX,
      `compiled at a start: ${compiled.length} (node scripts/record_start_code.mjs lists anew)\n${compiled.join("\n")}`,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});

test("what is listed is there", () => {
  const gone = Object.keys(list).filter((source) => source !== "" && !existsSync(join(checkout, source)));
  assert.equal(gone, []);
});

test.run();
