// The sandbox process is confined before a guest runs: the final filter (native/host/filter.def), tried call by
// call in processes that have it and nothing else; and a live sandbox, thread by thread.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, eventually, output, ringfence, run } from "../spawn.ts";
import { inNamespace, proc, type SandboxProcesses, sandboxOf, status } from "./processes.ts";

const DEADLINE_MS = 30_000;
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
  kill: "EPERM",
  "kill everybody": "EPERM",
  "prlimit of another": "EPERM",
  "prlimit that sets": "EPERM",
  prlimit: "done",
  io_uring_setup: "ENOSYS",
  getpid: "done",
  sched_setaffinity: "EPERM",
};

test("every forbidden call kills the process, from every thread; what the runtime needs goes on", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-confinement-"));
  try {
    const driver = join(directory, "driver");
    const include = [`-I${checkout}native/host`, `-I${checkout}native/include`];
    const source = `${checkout}test/e2e/confinement_driver.c`;
    await output("gcc", ["-D_GNU_SOURCE", "-O1", "-Wall", "-pthread", ...include, "-o", driver, source]);
    const lines = (await output(driver, [])).trim().split("\n");
    const found = new Map(lines.map((line) => line.split(": ") as [string, string]));
    assert.is(found.get("sibling"), "killed");
    assert.is(found.get("new thread"), "made");
    assert.is(found.get("abort"), "aborted");
    for (const name of ["sibling", "new thread", "abort"]) found.delete(name);
    for (const [name, outcome] of found) assert.is(outcome, SPARED[name] ?? "killed", name);
    for (const name of Object.keys(SPARED)) assert.ok(found.has(name), name);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

async function withSandbox(body: (processes: SandboxProcesses) => void | Promise<void>): Promise<void> {
  const child = spawn(ringfence, ["do", "busybox", "sleep", "60"], { stdio: "ignore", detached: true });
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), DEADLINE_MS);
  const processes = await sandboxOf(child.pid!, true);
  try {
    await body(processes);
  } finally {
    child.kill("SIGKILL");
    clearTimeout(timer);
    await eventually(() => inNamespace(processes.pidNamespace).length === 0, 2000);
  }
}

test("the filter is in every thread of Node, and init has one of its own", async () => {
  await withSandbox(({ node, init }) => {
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
  await withSandbox(async ({ node, zygote, init }) => {
    const look = (pid: number) =>
      run("nsenter", ["--user", "--preserve-credentials", `--target=${node}`, "cat", `/proc/${pid}/maps`]);
    assert.is((await look(zygote)).code, 0);
    assert.match((await look(init)).stderr.toString(), /Permission denied/);
  });
});

test.run();
