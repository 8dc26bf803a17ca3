// deadline: 240 s
// Pausing containers: no guest code runs, however it is caught and whatever it does, and all goes on after that; and
// changing what they may use.

import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { eventually } from "../spawn.ts";
import { type Bundle, type Config, shell, withBundle } from "./bundle.ts";
import { buildDriver } from "./driver.ts";
import { proc } from "./processes.ts";

/** One that computes, one that calls, one that sleeps and forks, one that is stopped. */
const BUSY = shell(`
  (while :; do :; done) &
  (i=0; while :; do i=$((i+1)); echo $i > /tmp/calls; done) &
  (while :; do busybox sleep 0.02; echo . >> /tmp/sleeps; done) &
  (kill -STOP $(busybox sh -c 'echo $PPID'); echo went on > /tmp/stopped) & echo $! > /tmp/who
  echo up > /tmp/up
  wait`);

/** CPU time that the host's threads which stand for the guest's have had, in ticks. */
async function cpuTime(bundle: Bundle): Promise<number> {
  const pids = JSON.parse(text(ok(await bundle.on("ps", ["--format", "json"])))) as number[];
  return pids.reduce((sum, pid) => {
    const fields = (proc(pid, "stat") ?? "").replace(/^.*\) /, "").split(" ");
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
}

const inside = async (bundle: Bundle, command: string): Promise<string> =>
  text(ok(await bundle.on("exec", [], ["--", ...shell(command)])));

async function start(bundle: Bundle, globalFlags: string[]): Promise<void> {
  ok(await bundle.creates({ globalFlags }));
  ok(await bundle.on("start"));
  const all = ["up", "calls", "sleeps"].map((name) => join(bundle.rootfs, "tmp", name));
  assert.ok(await eventually(async () => all.every((path) => existsSync(path)), 20_000));
}

for (const flags of [[], ["--workers=2"], ["--platform=ptrace"]])
  test(`a paused container runs no code, answers, and goes on (${flags.join(" ") || "systrap"})`, async () => {
    await withBundle(BUSY, async (bundle) => {
      await start(bundle, flags);
      ok(await bundle.on("pause"));
      assert.is(await bundle.status(), "paused");
      const [before, seen] = [
        await cpuTime(bundle),
        readFileSync(join(bundle.rootfs, "tmp/sleeps"), "latin1"),
      ];
      const calls = readFileSync(join(bundle.rootfs, "tmp/calls"), "latin1");
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.is(await cpuTime(bundle), before);
      assert.is(readFileSync(join(bundle.rootfs, "tmp/sleeps"), "latin1"), seen);
      assert.is(readFileSync(join(bundle.rootfs, "tmp/calls"), "latin1"), calls);

      assert.match(said(await bundle.on("pause")), /container not running/);
      assert.match(
        said(await bundle.on("exec", [], ["--", "/bin/true"])),
        /cannot exec in a paused container/,
      );
      assert.match(said(await bundle.on("delete")), /not stopped: paused/);
      ok(await bundle.execsDetached(["--ignore-paused"], ["--", ...shell("echo late > /tmp/late")]));
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.not(existsSync(join(bundle.rootfs, "tmp/late")));

      ok(await bundle.on("resume"));
      assert.is(await bundle.status(), "running");
      assert.match(said(await bundle.on("resume")), /container not paused/);
      const grows = () => readFileSync(join(bundle.rootfs, "tmp/sleeps"), "latin1").length > seen.length;
      assert.ok(await eventually(async () => grows() && existsSync(join(bundle.rootfs, "tmp/late")), 10_000));
      assert.not(existsSync(join(bundle.rootfs, "tmp/stopped")), "what a signal has stopped stays so");
      await inside(bundle, "kill -CONT $(cat /tmp/who)");
      assert.ok(await eventually(async () => existsSync(join(bundle.rootfs, "tmp/stopped")), 10_000));

      // Pauses that follow each other at once, as their tasks are on the way.
      for (let i = 0; i < 5; i++) {
        ok(await bundle.on("pause"));
        ok(await bundle.on("resume"));
      }
      ok(await bundle.on("pause"));
      ok(await bundle.on("kill", [], ["KILL"]));
      assert.ok(await eventually(async () => (await bundle.status()) === "stopped", 5000));
      ok(await bundle.on("delete"));
      assert.equal(bundle.left(), []);
    });
  });

const THREADS = 300;
/** Far less than what who asks waits for. */
const PAUSE_MS = 5000;

for (const flags of [[], ["--workers=2"], ["--platform=ptrace"]])
  test(`threads that sleep in futexes stand still (${flags.join(" ") || "systrap"})`, async () => {
    const program = buildDriver("sleeping_threads", [], ["-static", "-pthread"]);
    await withBundle(["/bin/sleeping_threads", String(THREADS)], async (bundle) => {
      copyFileSync(program, join(bundle.rootfs, "bin/sleeping_threads"));
      ok(await bundle.creates({ globalFlags: flags }));
      ok(await bundle.on("start"));
      assert.ok(await eventually(async () => existsSync(join(bundle.rootfs, "tmp/up")), 30_000));
      for (let i = 0; i < 3; i++) {
        const begin = performance.now();
        ok(await bundle.on("pause"));
        assert.ok(performance.now() - begin < PAUSE_MS);
        ok(await bundle.on("resume"));
      }
      assert.is(await bundle.status(), "running");
    });
  });

test("a paused container is deleted by force; one that was only created starts when it is resumed", async () => {
  await withBundle(shell("echo up > /tmp/up; exec busybox sleep 100"), async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("pause"));
    assert.match(said(await bundle.on("start")), /cannot start a container in the paused state/);
    ok(await bundle.on("resume"));
    ok(await bundle.on("start"));
    assert.ok(await eventually(async () => existsSync(join(bundle.rootfs, "tmp/up")), 10_000));
    ok(await bundle.on("pause"));
    ok(await bundle.on("delete", ["--force"]));
    assert.equal(bundle.left(), []);
  });
});

/** The first of these files that one of the container's groups has. */
function groupFile(bundle: Bundle, ...names: string[]): string | undefined {
  const paths = names.flatMap((name) => bundle.cgroups().map((path) => join(path, name)));
  const path = paths.find((candidate) => existsSync(candidate));
  return path === undefined ? undefined : readFileSync(path, "latin1").trim();
}

const MEMORY = ["memory.limit_in_bytes", "memory.max"];
// Whoever reads what it says does not wait for those that it has made.
const FORKS = "i=0; while [ $i -lt 30 ]; do busybox sleep 5 > /dev/null 2>&1 & i=$((i+1)); done; echo all";

test("update changes limits of a running container, in its groups and in its kernel", async () => {
  await withBundle(shell("exec busybox sleep 100"), async (bundle) => {
    ok(await bundle.create());
    ok(await bundle.on("start"));
    ok(await bundle.on("update", ["--pids-limit", "10", "--memory", "256m", "--cpu-share=512"]));
    assert.is(groupFile(bundle, ...MEMORY), String(256 << 20));
    assert.match(groupFile(bundle, "cpu.shares", "cpu.weight") ?? "", /^(512|20)$/);
    const refused = await bundle.on("exec", [], ["--", ...shell(FORKS)]);
    assert.match(said(refused), /can't fork/);

    const resources = { memory: { limit: 512 << 20, swap: 1 << 30 }, pids: { limit: 100 } };
    ok(await bundle.on("update", ["--resources", "-"], [], { input: JSON.stringify(resources) }));
    assert.is(groupFile(bundle, ...MEMORY), String(512 << 20));
    ok(await bundle.on("update", ["--memory=128m", "--memory-swap=128m"]));
    assert.is(groupFile(bundle, ...MEMORY), String(128 << 20));
    assert.match(await inside(bundle, FORKS), /all/);

    for (const [given, words] of [
      [["--memory", "lots"], /invalid value for --memory: lots/],
      [["--memory", "1m"], /below the least/],
      [["--cpu-quota", "5x"], /invalid value for --cpu-quota/],
      [["--resources", "/nonexistent"], /reading the resources/],
    ] as const) {
      const result = await bundle.on("update", [...given]);
      assert.is.not(result.code, 0);
      assert.match(said(result), words);
    }
    assert.match(said(await bundle.on("update", ["--resources", "-"], [], { input: "[" })), /no JSON object/);
    assert.is(groupFile(bundle, ...MEMORY), String(128 << 20), "none of that had an effect");
    ok(await bundle.on("kill", [], ["KILL"]));
    assert.ok(await eventually(async () => (await bundle.status()) === "stopped", 5000));
    assert.match(said(await bundle.on("update", ["--pids-limit", "10"])), /container not running/);
  });
});

test("a limit that a container was created with is raised by update", async () => {
  const limit = (config: Config) => {
    config.linux.resources = { pids: { limit: 10 } };
  };
  await withBundle(
    shell("exec busybox sleep 100"),
    async (bundle) => {
      ok(await bundle.create());
      ok(await bundle.on("start"));
      assert.match(said(await bundle.on("exec", [], ["--", ...shell(FORKS)])), /can't fork/);
      ok(await bundle.on("update", ["--pids-limit", "100"]));
      assert.match(await inside(bundle, FORKS), /all/);
    },
    limit,
  );
});

test.run();
