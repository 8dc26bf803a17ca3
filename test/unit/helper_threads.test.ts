// How much of the CPUs the other threads of a process want (native/platform/helper_threads.c): those that run and those that
// wait, not the caller's own.
//
// alone: it fills the CPUs

import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadNative } from "../../src/workers/native.ts";
import { eventually } from "../spawn.ts";

const LIBRARY = join(import.meta.dirname, "../../build/native/host.node");
const SPINS = "const until = Date.now() + 60_000; while (Date.now() < until);";
/** Calls after which threads that have come are counted. */
const CALLS = 64;

test("threads that run count, or wait for a CPU, and the caller does not", async () => {
  const native = await loadNative(LIBRARY);
  const proc = openSync("/proc", constants.O_RDONLY | constants.O_DIRECTORY);
  const wanted = () => {
    for (let i = 0; i < CALLS; i++) native.helpersNs(proc);
    return native.helpersNs(proc);
  };
  const alone = wanted();
  assert.ok(alone >= 0, String(alone));
  const begun = process.cpuUsage();
  while (process.cpuUsage(begun).user < 50_000);
  const afterOwn = wanted() - alone;
  // More of them than CPUs: some wait.
  const workers = Array.from({ length: 6 }, () => new Worker(SPINS, { eval: true }));
  const grown = () => wanted() - alone;
  assert.ok(await eventually(async () => grown() > afterOwn + 1e9, 30_000), String(grown()));
  for (const worker of workers) await worker.terminate();
  assert.ok(wanted() < alone + afterOwn + 1e9, "threads that are gone do not count");
  closeSync(proc);
});

test("where there is no proc file system the errno is told", async () => {
  const native = await loadNative(LIBRARY);
  const tmp = openSync("/tmp", constants.O_RDONLY | constants.O_DIRECTORY);
  const said = Array.from({ length: CALLS + 1 }, () => native.helpersNs(tmp));
  closeSync(tmp);
  assert.ok(said.includes(-2), String(said));
});

test.run();
