// deadline: 600 s
// alone: it looks at all processes and mounts of the host
// A container of which somebody is killed at some moment of some command: `delete --force`, and the host is as before.
// Steps, victims and moments are drawn, a few dozen times; more with --long.

import { randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";
import { exists, proc, procLink, status } from "./processes.ts";

const ROUNDS = process.env.RINGFENCE_TEST_LONG === undefined ? 16 : 300;
const GONE_MS = 3000;
const LOOP = shell("while :; do sleep 0.02; done");

/** How long a step takes, about: what is killed is killed within that time. */
const STEPS_MS = { create: 220, start: 12, exec: 40, pause: 10, resume: 10, kill: 10, delete: 25 } as const;
type Step = keyof typeof STEPS_MS;
const STEPS = Object.keys(STEPS_MS) as Step[];

/** Names of processes (comm); the launcher is the command of the step itself. */
const VICTIMS = ["launcher", "ringfence-init", "ringfence-wait", "ringfence-keep", "node", "zygote", "stub"];

const pids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The launcher and those that it has forked have its words; Node and stubs are in the container's control groups. */
function ours(bundle: Bundle): string[] {
  return pids()
    .filter((pid) => proc(pid, "cmdline")?.includes(bundle.directory) || isMember(bundle, pid))
    .filter(exists)
    .map((pid) => `${pid} ${status(pid, "Name")}`);
}

function isMember(bundle: Bundle, pid: number): boolean {
  const group = bundle.cgroups()[0]!.split("/").at(-1)!;
  return proc(pid, "cgroup")?.includes(`/${group}`) === true;
}

function members(bundle: Bundle): number[] {
  const lists = bundle.cgroups().map((path) => join(path, "cgroup.procs"));
  const found = lists.filter(existsSync).flatMap((path) => {
    try {
      return readFileSync(path, "latin1").split("\n").filter(Boolean).map(Number);
    } catch {
      return []; // it has just been removed
    }
  });
  return [...new Set(found)].filter((pid) => pid > 0);
}

function findVictim(bundle: Bundle, name: string): number | undefined {
  const found = members(bundle).filter((pid) => {
    const comm = status(pid, "Name");
    if (name === "node") return procLink(pid, "exe")?.endsWith("/node");
    return name === "stub" ? comm === "sh" || comm === "sleep" || comm === "busybox" : comm === name;
  });
  return found[randomInt(Math.max(1, found.length))];
}

/** Namespaces are held by processes and mounts. */
interface Host {
  processes: string[];
  mounts: string;
  sockets: number;
}

function look(bundle: Bundle): Host {
  const sockets = readFileSync("/proc/net/unix", "latin1").split("\n");
  return {
    processes: ours(bundle),
    mounts: readFileSync("/proc/self/mountinfo", "latin1"),
    sockets: sockets.filter((line) => line.includes(bundle.directory)).length,
  };
}

/** What must have been done before a step. */
async function before(bundle: Bundle, step: Step): Promise<void> {
  if (step === "create") return;
  assert.is((await bundle.create()).code, 0);
  if (step === "start") return;
  assert.is((await bundle.on("start")).code, 0);
  if (step === "resume") assert.is((await bundle.on("pause")).code, 0);
  if (step === "delete") await bundle.on("kill", [], ["KILL"]);
}

function perform(bundle: Bundle, step: Step, killAfterMs: number | undefined): Promise<unknown> {
  if (step === "create") return bundle.creates(killAfterMs === undefined ? {} : { killAfterMs });
  if (step === "exec" && killAfterMs === undefined)
    return bundle.execsDetached([], shell("sleep 0.02; sleep 5"));
  const args: Record<Exclude<Step, "create">, [string[], string[]]> = {
    start: [[], []],
    exec: [[], shell("sleep 0.03")],
    pause: [[], []],
    resume: [[], []],
    kill: [[], ["TERM"]],
    delete: [["--force"], []],
  };
  const [flags, rest] = args[step as Exclude<Step, "create">];
  return bundle.on(step, flags, rest, {
    started: (child) => {
      if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    },
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether there was such a victim at that moment. */
async function round(bundle: Bundle, step: Step, victim: string, delay: number): Promise<boolean> {
  await before(bundle, step);
  const done = perform(bundle, step, victim === "launcher" ? delay : undefined);
  let isHit = victim === "launcher";
  if (!isHit) {
    await sleep(delay);
    const pid = findVictim(bundle, victim);
    isHit = pid !== undefined && exists(pid);
    if (isHit) process.kill(pid!, "SIGKILL");
  }
  await done;
  const deleted = async () => (await bundle.on("delete", ["--force"])).code === 0;
  assert.ok(await eventually(deleted, GONE_MS), "delete --force fails");
  return isHit;
}

test("somebody is killed at some moment of some command, and nothing is left", async () => {
  await withBundle(LOOP, async (bundle) => {
    const was = look(bundle);
    let hits = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const step = STEPS[randomInt(STEPS.length)]!;
      const victim = VICTIMS[randomInt(VICTIMS.length)]!;
      const delay = randomInt(STEPS_MS[step]);
      const what = `round ${i}: ${victim} killed ${delay} ms into ${step}`;
      const isHit = await round(bundle, step, victim, delay).catch((error: Error) =>
        assert.unreachable(`${what}: ${error.message}`),
      );
      if (isHit) hits++;
      const isClean = () => JSON.stringify(look(bundle)) === JSON.stringify(was);
      const clean = await eventually(isClean, GONE_MS);
      if (!clean) assert.equal(look(bundle), was, what);
      assert.equal(bundle.left(), [], what);
      assert.equal(existsSync(bundle.root) ? readdirSync(bundle.root) : [], [], what);
    }
    // Some are not there yet, or have ended; were it all of them, this would be no test.
    assert.ok(hits >= ROUNDS / 4, `${hits} of ${ROUNDS} victims were there`);
  });
});

test.run();
