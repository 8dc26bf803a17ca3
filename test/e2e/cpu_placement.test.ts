// Where a sandbox's threads run on the host: on one CPU while its guests hand work to each other, on all that it may
// use while they compute, and never outside of what it was started with.
//
// alone: who else computes decides where threads run

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, ringfence } from "../spawn.ts";
import { children, inNamespace, type SandboxProcesses, sandboxOf, status } from "./processes.ts";

const DEADLINE_MS = 20_000;

/** The CPUs that this test may use, as the host lists them. */
const ALL = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "latin1"))![1]!;
const isOne = (list: string) => /^\d+$/.test(list);

/** Hands bytes on until it reads a line, then computes side by side. */
const SCRIPT = `
  dd if=/dev/zero bs=512 2>/dev/null | cat > /dev/null &
  read line
  kill -9 $!
  (while :; do :; done) & (while :; do :; done) &
  wait`;

async function inSandbox(
  before: readonly string[],
  body: (processes: SandboxProcesses, child: ChildProcess) => Promise<void>,
): Promise<void> {
  const [program, ...args] = [...before, ringfence, "do", "busybox", "sh", "-c", SCRIPT];
  const child = spawn(program!, args, { stdio: ["pipe", "ignore", "inherit"] });
  let processes: SandboxProcesses | undefined;
  try {
    processes = await sandboxOf(child.pid!, true);
    await body(processes, child);
  } finally {
    child.kill("SIGKILL");
    if (processes !== undefined)
      await eventually(() => inNamespace(processes!.pidNamespace).length === 0, 2000);
  }
}

/** The lists of CPUs of the stubs. */
const stubs = ({ zygote }: SandboxProcesses) =>
  children(zygote).flatMap((pid) => status(pid, "Cpus_allowed_list") ?? []);

/** Those of Node's threads, of which one is the kernel's. */
const threads = ({ node }: SandboxProcesses) =>
  readdirSync(`/proc/${node}/task`).flatMap((tid) => status(Number(tid), "Cpus_allowed_list") ?? []);

test("guests that wait for each other share a CPU; guests that compute get all", async () => {
  if (isOne(ALL)) return; // there is nothing to choose
  await inSandbox([], async (processes, child) => {
    const gathered = () => stubs(processes).length >= 3 && stubs(processes).every(isOne);
    assert.ok(await eventually(gathered, DEADLINE_MS), `stubs on ${stubs(processes).join(" ")}`);
    assert.ok(await eventually(() => threads(processes).some(isOne), DEADLINE_MS));
    assert.is(status(processes.zygote, "Cpus_allowed_list"), ALL, "the zygote stays what it is");
    child.stdin!.write("\n");
    const all = () => [...stubs(processes), ...threads(processes)];
    const free = () => stubs(processes).length >= 3 && all().every((list) => list === ALL);
    assert.ok(await eventually(free, DEADLINE_MS), `threads on ${all().join(" ")}`);
  });
});

test("nothing leaves the CPUs that the sandbox was started on", async () => {
  const cpu = /\d+$/.exec(ALL)![0];
  await inSandbox(["taskset", "-c", cpu], async (processes, child) => {
    for (const line of ["", "\n"]) {
      child.stdin!.write(line);
      for (let look = 0; look < 20; look++) {
        const all = [...stubs(processes), ...threads(processes)];
        assert.ok(
          all.every((list) => list === cpu),
          all.join(" "),
        );
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  });
});

test.run();
