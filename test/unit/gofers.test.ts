// The Gofer's host threads of several kernels in one process (native/host/jobs.c): what holds one kernel's lane up holds up no
// other kernel, and its threads end with it.

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Counters } from "../../src/workers/counters.ts";
import { HostThreads, Job } from "../../src/workers/gofer/host_threads.ts";
import { JobOperation } from "../../src/workers/gofer/job_record.ts";
import { nativeOf } from "../../src/workers/guest_native.ts";
import { loadNative } from "../../src/workers/native.ts";

const native = await loadNative(join(import.meta.dirname, "../../build/native/host.node"));
const directory = mkdtempSync(join(tmpdir(), "ringfence-gofers-"));
const fifo = join(directory, "fifo");
execFileSync("mkfifo", [fifo]);
const proc = openSync("/proc", "r");
test.after(() => rmSync(directory, { recursive: true }));

function makeKernel(number: number) {
  const own = nativeOf(native, number);
  const counters = new Counters();
  const sleep = { add: () => 0, remove: () => {} };
  const threads = new HostThreads({ native: own, counters, sleep, timers: { add: () => {} } } as never);
  return { native: own, counters, threads };
}

function goferThreads(): number {
  const names = readdirSync("/proc/self/task").map((tid) => {
    try {
      return readFileSync(`/proc/self/task/${tid}/comm`, "latin1");
    } catch {
      return "";
    }
  });
  return names.filter((name) => name === "gofer\n").length;
}

/** One that has ended is seen for a moment still. */
async function threadsAre(count: number): Promise<void> {
  for (let tries = 0; goferThreads() !== count && tries < 1000; tries++)
    await new Promise((resolve) => setTimeout(resolve, 1));
  assert.is(goferThreads(), count);
}

/** What opens the file again, which of a FIFO waits for who writes to it. */
function reopening(handle: number, done: (result: number) => void): Job {
  const args = { operation: JobOperation.REOPEN, a: handle, b: proc, c: constants.O_RDONLY };
  return new Job(args, ({ result }) => done(result));
}

test("a lane that hangs is its kernel's alone", async () => {
  const [hung, other] = [makeKernel(11), makeKernel(12)];
  const O_PATH = 0o10000000;
  const [handle, file] = [openSync(fifo, O_PATH), openSync(import.meta.filename, O_PATH)];
  let opened = -1;
  const job = reopening(handle, (fd) => {
    opened = fd;
  });
  assert.is(hung.threads.wait(0, job, 50), false);
  let result = -1;
  const ready = reopening(file, (fd) => {
    result = fd;
  });
  assert.is(other.threads.wait(0, ready, 5000), true);
  assert.ok(result >= 0);
  native.close(result);
  await threadsAre(2);
  other.threads.close();
  await threadsAre(1);
  const writer = openSync(fifo, constants.O_RDWR);
  // What comes behind it in the lane.
  assert.is(
    hung.threads.wait(
      0,
      reopening(file, (fd) => native.close(fd)),
      5000,
    ),
    true,
  );
  assert.ok(opened >= 0);
  native.close(opened);
  hung.threads.close();
  closeSync(writer);
  for (const fd of [handle, file]) closeSync(fd);
  await threadsAre(0);
});

test("a kernel that has ended has no threads to ask", () => {
  const { native: own } = makeKernel(13);
  assert.ok(own.jobSubmit(0, 0) < 0);
  assert.ok(own.jobWait(0, 1) < 0);
});

test.run();
