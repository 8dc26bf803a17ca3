// A read of a file of which the host's page cache has a part gives all that was asked for: regular files
// have no short reads but at their end.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { output, ringfence } from "../spawn.ts";

const directory = mkdtempSync(join(tmpdir(), "ringfence-cold-"));
const program = join(directory, "program");
const SIZE = 300_001;

test.before(async () => {
  const source = join(import.meta.dirname, "cold_reads.c");
  await output("gcc", ["-static", "-O1", "-Wall", "-o", program, source]);
});

test.after(() => rmSync(directory, { recursive: true, force: true }));

for (const overlay of ["root:memory", "none"])
  test(`--overlay2=${overlay}`, async () => {
    const pages = [0, 1, 3, 9, 30, 60];
    const files = pages.map((n) => join(directory, `file-${n}`));
    for (const [i, file] of files.entries()) {
      writeFileSync(file, Buffer.alloc(SIZE, "x"));
      await output(program, ["cool", file, String(pages[i])]);
    }
    const script = files.map((file) => `${program} read ${file}`).join("; ");
    const got = await output(ringfence, [`--overlay2=${overlay}`, "do", "--", "sh", "-c", script]);
    assert.is(got, `${SIZE}\n`.repeat(files.length));
  });

test.run();
