// deadline: 300 s
// A fresh checkout sets itself up by its first command, also when two of them are started at once.

import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, run } from "../spawn.ts";

const PARTS = ["bin", "native", "scripts", "src", "package.json", "package-lock.json", "tsconfig.json"];

test("two first commands at once: one sets up, both work", async () => {
  const fresh = mkdtempSync("/tmp/ringfence-checkout-");
  try {
    for (const part of PARTS)
      cpSync(`${checkout}${part}`, `${fresh}/${part}`, { recursive: true, preserveTimestamps: true });
    symlinkSync(`${checkout}node_modules`, `${fresh}/node_modules`);
    const start = () =>
      run(`${fresh}/bin/ringfence`, ["do", "busybox", "echo", "up"], { deadlineMs: 200_000 });
    const results = await Promise.all([start(), start()]);
    for (const { code, stdout, stderr } of results) {
      assert.is(code, 0, stderr.toString());
      assert.is(stdout.toString(), "up\n");
    }
    const progress = results.map(({ stderr }) => stderr.toString()).join("");
    assert.is(progress.match(/building native code/g)?.length, 1, progress);
    const third = await start();
    assert.is(third.stderr.toString(), "", "nothing to do any more");
  } finally {
    rmSync(fresh, { recursive: true });
  }
});

test.run();
