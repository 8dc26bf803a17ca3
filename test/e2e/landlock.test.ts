// Landlock as the launcher uses it: FIFOs of the host's tree are not written to, whatever mounts say, and what a
// guest may change still is.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, output } from "../spawn.ts";

const REFUSED: Readonly<Record<string, string>> = {
  "FIFO, writing": "EACCES",
  "FIFO, both": "EACCES",
  "file, writing": "EACCES",
  "file, emptying": "EACCES",
  "new file": "EACCES",
  removal: "EACCES",
  directory: "EACCES",
  "link out": "EXDEV",
  "move out": "EACCES",
  truncation: "EACCES",
};

test("only the trees that were granted can be written to", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-landlock-"));
  try {
    const driver = join(directory, "driver");
    const launcher = `${checkout}native/launcher`;
    const sources = [
      `${checkout}test/e2e/landlock_driver.c`,
      `${launcher}/landlock.c`,
      `${launcher}/report.c`,
    ];
    const include = [`-I${launcher}`, `-I${checkout}native/include`];
    const options = ["-D_GNU_SOURCE", "-O1", "-Wall", "-Wno-unused-result"];
    await output("gcc", [...options, ...include, "-o", driver, ...sources, `${launcher}/buffer.c`]);
    const text = (await output(driver, [directory])).trim();
    if (text === "this host has no Landlock") return;
    const lines = text.split("\n").map((line) => line.split(": ") as [string, string]);
    assert.is(lines.length, 21);
    for (const [what, outcome] of lines) assert.is(outcome, REFUSED[what] ?? "done", what);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
