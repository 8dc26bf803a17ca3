// The stub's text, run natively with another thread as its kernel: no kick is forgotten at any instruction of a call,
// whether the thread answers it by itself, sleeps at the host, or posts it, from a patched site or trapped.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout } from "../spawn.ts";
import { INCLUDE_DIR } from "./c_program.ts";

const STUB = `${checkout}build/native/stub`;
const WAYS = ["number", "clock", "wait", "wait until then", "wake", "sleep", "request", "signal"].flatMap(
  (what) => [`a patched ${what}`, `a trapped ${what}`],
);
WAYS.push("a handler's return");

/** Addresses of the stub's functions, in hexadecimal digits. */
function addressesOf(names: readonly string[]): string[] {
  const { stdout } = spawnSync("nm", [STUB], { encoding: "latin1" });
  return names.map((name) => new RegExp(`^([0-9a-f]+) T ${name}$`, "m").exec(stdout)![1]!);
}

test("a kick at any instruction of a call is heard of", () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-stub-"));
  try {
    const driver = join(directory, "driver");
    const options = ["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-mfsgsbase", "-pthread"];
    const source = `${checkout}test/unit/stub_driver.c`;
    const built = spawnSync("gcc", [...options, `-I${INCLUDE_DIR}`, "-o", driver, source], {
      encoding: "latin1",
    });
    assert.is(built.status, 0, built.stderr);
    const args = [STUB, ...addressesOf(["on_sigsys", "on_fault", "on_kick", "stub_restorer"])];
    const { stdout, stderr, status, signal } = spawnSync(driver, args, {
      encoding: "latin1",
      timeout: 100_000,
    });
    assert.is(status, 0, `${signal} ${stderr} ${stdout}`);
    const lines = stdout.trim().split("\n");
    assert.equal(
      lines.filter((line) => !/: \d+$/.test(line)),
      [],
    );
    assert.equal(lines.map((line) => line.replace(/: \d+$/, "")).sort(), [...WAYS].sort());
    for (const line of lines) assert.ok(Number(line.split(": ")[1]) > 20, line);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
