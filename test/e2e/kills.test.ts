// deadline: 300 s
// alone: it looks at all control groups and sandboxes of the host
// Whatever is killed, the rest of the sandbox is gone within a second, and the host is as before.

import { randomInt } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, eventually, ringfence, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { exists, inNamespace, type SandboxProcesses, sandboxOf } from "./processes.ts";

const VICTIMS = ["launcher", "init", "node", "zygote"] as const;
const GONE_MS = 1000;
const launcherFile = `${checkout}build/native/ringfence-launcher`;

function mounts(): string {
  return readFileSync("/proc/self/mountinfo", "latin1");
}

function cgroups(directory = "/sys/fs/cgroup"): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .reduce((sum, entry) => sum + 1 + cgroups(join(directory, entry.name)), 0);
}

interface Running {
  processes: SandboxProcesses;
  ended: Promise<SpawnResult>;
}

async function start(args: string[], options: SpawnOptions, withStub: boolean): Promise<Running> {
  let launcher = 0;
  const ended = run(ringfence, args, { ...options, started: (child) => (launcher = child.pid!) });
  return { processes: await sandboxOf(launcher, withStub), ended };
}

async function assertGone({ launcher, pidNamespace }: SandboxProcesses): Promise<void> {
  const gone = await eventually(() => inNamespace(pidNamespace).length === 0 && !exists(launcher), GONE_MS);
  assert.ok(gone, `left in the namespace: ${inNamespace(pidNamespace)}; launcher there: ${exists(launcher)}`);
}

for (const victim of VICTIMS) {
  test(`kill -9 of ${victim} ends a do`, async () => {
    const before = { mounts: mounts(), cgroups: cgroups() };
    const { processes, ended } = await start(["do", "busybox", "sleep", "100"], {}, true);
    process.kill(processes[victim], "SIGKILL");
    await assertGone(processes);
    const result = await ended;
    if (victim === "launcher") assert.is(result.signal, "SIGKILL");
    else {
      assert.is(result.code, 137);
      assert.match(result.stderr.toString(), /^ringfence: the sandbox died[^\n]*\n$/);
    }
    assert.equal({ mounts: mounts(), cgroups: cgroups() }, before);
  });

  test(`kill -9 of ${victim} ends a held sandbox, and its id can be used again`, async () => {
    const root = mkdtempSync("/tmp/ringfence-test-");
    try {
      const args = ["--root", root, "hold", "held"];
      const { processes, ended } = await start(args, { keepStdin: true }, false);
      process.kill(processes[victim], "SIGKILL");
      await assertGone(processes);
      await ended;
      if (victim !== "launcher") assert.equal(readdirSync(root), []);
      const again = await run(ringfence, args); // standard input is empty: it ends once it is up
      assert.is(again.code, 0, again.stderr.toString());
      assert.equal(readdirSync(root), []);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
}

test("a launcher killed while it starts a sandbox leaves nothing behind", async () => {
  const before = mounts();
  for (let i = 0; i < 10; i++) {
    let launcher = 0;
    const ended = run(ringfence, ["do", "busybox", "sleep", "100"], {
      started: (child) => {
        launcher = child.pid!;
        setTimeout(() => child.kill("SIGKILL"), randomInt(150));
      },
    });
    await ended;
    const gone = await eventually(() => sandboxes(launcher).length === 0, GONE_MS);
    assert.ok(gone, `left: ${sandboxes(launcher)}`);
  }
  assert.is(mounts(), before);
});

/** Processes that have nobody but the host's init, or the dead launcher, and run a sandbox's programs. */
function sandboxes(launcher: number): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/exe`) !== launcherFile) return false;
        const text = readFileSync(`/proc/${pid}/status`, "latin1");
        if (/^State:\s*Z/m.test(text)) return false;
        const parent = Number(/^PPid:\s*(\d+)$/m.exec(text)?.[1]);
        return /^Name:\s*ringfence-(init|launcher)$/m.test(text) && (parent === 1 || parent === launcher);
      } catch {
        return false;
      }
    });
}

test("SIGTERM to the launcher reaches the program, whose default action ends it", async () => {
  const { processes, ended } = await start(["do", "busybox", "sleep", "100"], {}, true);
  process.kill(processes.launcher, "SIGTERM");
  const result = await ended;
  assert.is(result.code, 143);
  assert.is(inNamespace(processes.pidNamespace).length, 0);
});

test("nothing is left when a do has ended", async () => {
  const { processes, ended } = await start(["do", "busybox", "cat"], { keepStdin: true, input: "x" }, true);
  process.kill(processes.launcher, "SIGINT");
  assert.is((await ended).code, 130);
  assert.is(inNamespace(processes.pidNamespace).length, 0);
});

test("the first process ends while others are stopped: so does the sandbox", async () => {
  const stops = 'sh -c "kill -STOP \\$\\$"; echo went on';
  const command = `(${stops}) & (setsid sh -c '${stops}' &) ; sleep 0.2; exit 3`;
  const result = await run(ringfence, ["do", "--", "sh", "-c", command], { deadlineMs: 20_000 });
  assert.is(result.code, 3, result.stderr.toString());
  assert.is(result.stdout.toString(), "");
});

test.run();
