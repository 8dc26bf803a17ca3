// Copies of stubs' memory by the kernel thread, with a made-up clock: a stub that makes one wait is left alone, and others
// for a shorter time.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout } from "../spawn.ts";

// Copied: from the stub, to it, and read where nobody else could.
const STEPS = `short: 1 1 1
perhaps it was made to wait: 1 1 1
long: 1 0 0
another at once: 0 0 1
another later: 1 1 1
the same: 0 0 0
the same later: 1 1 1
others ran: 1 1 1
others ran again: 1 1 1
it waits again: 1 0 0
the last of many: 0 0 0
one of them: 0 0 0
nobody of them: 1 1 1
goes on: 3
another after one wait: 0 0 1
another after all: 1 1 1
`;

test("who makes a copy wait is left alone", () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-copies-"));
  try {
    const driver = join(directory, "driver");
    const sources = [`${checkout}test/unit/stub_copies_driver.c`, `${checkout}native/host/stub_copies.c`];
    const options = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-o", driver];
    const built = spawnSync("gcc", [...options, ...sources], { encoding: "latin1" });
    assert.is(built.status, 0, built.stderr);
    const { stdout, status } = spawnSync(driver, { encoding: "latin1", timeout: 10_000 });
    assert.is(status, 0);
    assert.is(stdout, STEPS);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
