// Kernel threads as the main thread sees them: counters of several are one, and the end of any ends the kernel, with what
// it died of.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startKernelThreads } from "../../src/main/kernel_threads.ts";
import type { KernelBoot } from "../../src/shared/kernel_boot.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { threadPlan } from "../../src/shared/thread_plan.ts";

const comlink = join(import.meta.dirname, "../../node_modules/comlink/dist/esm");

/** A thread that answers what the main thread asks at the start, and then does as told. */
function threads(then: string): string {
  return `
    import { expose } from "${comlink}/comlink.mjs";
    import nodeEndpoint from "${comlink}/node-adapter.mjs";
    export default async function ({ port, thread }) {
      expose({
        isReady() {},
        begin() { setTimeout(() => { ${then} }, 20); },
        inspect: () =>
          thread === 0
            ? { strace: false, tasks: Array.from({ length: 2000 }, (_, tid) => ({ tid, state: "elsewhere" })) }
            : { waits: Array.from({ length: 2000 }, (_, tid) => ({ tid, kernelStack: Array(40).fill("f".repeat(20)) })) },
        counters: () => ({ calls: 1 + thread, longestTurnMs: 7 - thread, own: 5 }),
      }, nodeEndpoint(port));
      return new Promise((resolve) => { globalThis.leave = resolve; });
    }`;
}

function boot(count: number): KernelBoot {
  return { privateSab: new PrivateSab().buffer, roles: threadPlan(String(count)) } as KernelBoot;
}

const directory = mkdtempSync(join(tmpdir(), "ringfence-threads-"));
// The pool starts a thread in place of one that has ended, which loads the file once more.
process.on("exit", () => rmSync(directory, { recursive: true }));
let files = 0;

function started(then: string, count: number) {
  const file = join(directory, `thread${files++}.mjs`);
  writeFileSync(file, threads(then));
  return startKernelThreads(boot(count), () => file);
}

async function endOf(ended: Promise<never>): Promise<string> {
  try {
    return await ended;
  } catch (error) {
    return (error as Error).message;
  }
}

test("counters of all threads are added, and of what is the longest the longest counts", async () => {
  const { api, ended } = await started("", 2);
  ended.catch(() => {});
  assert.equal(await api.counters(), { calls: 3, longestTurnMs: 7, own: 10 });
});

test("of stacks of other threads' calls there are as many as an answer has room for", async () => {
  const { api, ended } = await started("", 2);
  ended.catch(() => {});
  const told = await api.inspect({ tasks: true });
  assert.is(told.tasks!.length, 2000);
  assert.is(told.tasks![100]!.kernelStack!.length, 40);
  assert.ok(JSON.stringify(told).length < 512 << 10, `${JSON.stringify(told).length}`);
});

test("counters of more than two threads are added", async () => {
  const { api, ended } = await started("", 5);
  ended.catch(() => {});
  assert.equal(await api.counters(), { calls: 15, longestTurnMs: 7, own: 25 });
});

test("a thread that throws ends the kernel, in its own words", async () => {
  const { ended } = await started('throw new Error("out of order")', 2);
  assert.match(await endOf(ended), /out of order/);
});

test("a thread that leaves its loop ends the kernel", async () => {
  const { ended } = await started("globalThis.leave();", 2);
  assert.is(await endOf(ended), "thread 1 (net) left its loop");
});

test("a thread that exits ends the kernel", async () => {
  const { ended } = await started("process.exit(3)", 2);
  assert.match(await endOf(ended), /exit/);
});

test.after(() => {
  setImmediate(() => process.exit());
});
test.run();
