// deadline: 300 s
// alone: it looks at all processes and mounts of the host
// A container of containerd's of which somebody is killed at some moment of some command: containerd says that it has
// ended, and what is left of it goes with `ctr task delete -f` and `ctr container rm`. Steps, victims and moments are
// drawn; more of them with --long. Skipped, and said so, where containerd is not installed.

import { randomInt } from "node:crypto";
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { told } from "../said.ts";
import { eventually } from "../spawn.ts";
import { BB, Containerd, containerdLacks, RINGFENCE } from "./containerd.ts";
import { EngineRoom } from "./engine_room.ts";
import { exists, proc, procLink, status } from "./processes.ts";

const IS_LONG = process.env.RINGFENCE_TEST_LONG !== undefined;
const ROUNDS = IS_LONG ? 400 : 24;
const GONE_MS = 8000;
/** A shim that containerd has started, and then knows nothing of, ends after half a minute, or after another one. */
const FORGOTTEN_MS = 70_000;
/** Where shims have their sockets and their state; others' are not in the room. */
const RUN = "/run/containerd";

/** How long a step takes, about: what is killed is killed within that time. */
const STEPS_MS = { run: 350, exec: 60, pause: 20, resume: 20, kill: 30, delete: 60 } as const;
type Step = keyof typeof STEPS_MS;
const STEPS = Object.keys(STEPS_MS) as Step[];
const VICTIMS = ["shim", "node", "ringfence-init", "ringfence-wait", "containerd", "launcher"];

/** With whom the container ends; so it does with its waiter, but that of an exec may have been the one. */
const ENDS = ["shim", "node", "ringfence-init"];

let room: EngineRoom;
let containerd: Containerd;
let nextId = 0;

const pids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Processes of this checkout's runtime, but for the test's own: the machine may have others'. */
function ours(): { pid: number; name: string }[] {
  const found: { pid: number; name: string }[] = [];
  for (const pid of pids()) {
    const words = proc(pid, "cmdline") ?? "";
    const isShim = /\bshim\.(blob|cjs)\b/.test(words) && words.includes(containerd.address);
    const isMember = /\/kills-\d+/.test(proc(pid, "cgroup") ?? "");
    if ((!isShim && !isMember && !words.includes(containerd.directory)) || !exists(pid)) continue;
    if (pid === containerd.pid || pid === process.pid) continue;
    const comm = status(pid, "Name")!;
    const isNode = procLink(pid, "exe")?.endsWith("/node") === true;
    found.push({
      pid,
      name: isShim ? "shim" : isNode ? "node" : comm.startsWith("ringfence-lau") ? "launcher" : comm,
    });
  }
  return found;
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory).sort() : []);

/** Others' groups come and go. */
function entries(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Of a hierarchy with our name in it. */
function groups(): string[] {
  const found: string[] = [];
  const look = (directory: string, depth: number): void => {
    for (const entry of entries(directory)) {
      if (!entry.isDirectory()) continue;
      if (entry.name.startsWith("kills-")) found.push(`${directory}/${entry.name}`);
      else if (depth < 3) look(`${directory}/${entry.name}`, depth + 1);
    }
  };
  look("/sys/fs/cgroup", 0);
  return found;
}

function look(): object {
  return {
    processes: ours()
      .filter(({ name }) => name !== "ctr")
      .map(({ pid, name }) => `${pid} ${name}`),
    mounts: readFileSync(`/proc/${room.pid}/mountinfo`, "latin1"),
    sockets: list(`/proc/${room.pid}/root${RUN}/s`),
    state: list(`/proc/${room.pid}/root${RUN}/ringfence/default`),
    bundles: list(containerd.bundles),
    groups: groups(),
  };
}

async function start(id: string): Promise<void> {
  const words = [
    "run",
    "-d",
    "--null-io",
    "--cgroup",
    `/ringfence-test/${id}`,
    "--runtime",
    RINGFENCE,
    BB,
    id,
  ];
  const result = await containerd.ctr(...words, "sh", "-c", "while :; do sleep 0.02; done");
  assert.is(result.code, 0, told(result));
}

/** What must have been done before a step. */
async function before(id: string, step: Step): Promise<void> {
  if (step === "run") return;
  await start(id);
  if (step === "resume") await containerd.ok("task", "pause", id);
  if (step === "delete") await containerd.ok("task", "kill", "-s", "KILL", id);
}

function perform(id: string, step: Step): Promise<unknown> {
  if (step === "run") return start(id).catch(() => {});
  const words: Record<Exclude<Step, "run">, string[]> = {
    exec: ["exec", "--exec-id", "x", id, "sh", "-c", "sleep 0.05"],
    pause: ["pause", id],
    resume: ["resume", id],
    kill: ["kill", "-s", "TERM", id],
    delete: ["delete", "-f", id],
  };
  return containerd.run(["task", ...words[step]], { deadlineMs: 20_000 });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether there was such a victim at that moment. */
async function strike(victim: string): Promise<boolean> {
  if (victim === "containerd") {
    await containerd.end("SIGKILL");
    await containerd.start();
    return true;
  }
  const found = ours().filter(({ name }) => name === victim);
  const one = found[randomInt(Math.max(1, found.length))];
  if (one === undefined || !exists(one.pid)) return false;
  process.kill(one.pid, "SIGKILL");
  return true;
}

/** Whether the container has ended, by what containerd says. */
async function isOver(id: string): Promise<boolean> {
  return ["", "STOPPED", "UNKNOWN"].includes(await containerd.status(id));
}

async function round(id: string, step: Step, victim: string, delay: number): Promise<boolean> {
  await before(id, step);
  const done = perform(id, step);
  await sleep(delay);
  const isHit = await strike(victim);
  await done;
  const ends = step === "exec" ? ENDS : [...ENDS, "ringfence-wait"];
  const endsIt = isHit && step !== "run" && ends.includes(victim);
  if (endsIt) assert.ok(await eventually(() => isOver(id), GONE_MS), `it is ${await containerd.status(id)}`);
  const isRemoved = async () => {
    await containerd.run(["task", "delete", "-f", id]);
    const { code, stderr } = await containerd.ctr("container", "rm", id);
    return code === 0 || stderr.includes("not found");
  };
  assert.ok(await eventually(isRemoved, GONE_MS), "it cannot be removed");
  return isHit;
}

const why = containerdLacks();
if (why !== null) console.log(`skipped: ${why}`);
else {
  test.before(async () => {
    room = await new EngineRoom([RUN]).made();
    containerd = new Containerd(room);
    await containerd.start();
    await containerd.importImage();
    // What the first one makes once.
    await start("kills-0");
    await containerd.clear();
  });
  test.after(async () => {
    await containerd.remove();
    await room.remove();
  });

  test("somebody is killed at some moment of some command, and nothing is left", async () => {
    const was = JSON.stringify(look());
    let hits = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const victim = VICTIMS[i % VICTIMS.length]!;
      const drawn = STEPS[randomInt(STEPS.length)]!;
      // A forgotten shim takes its time; shim_command.test.ts waits for one in each run.
      const step = victim === "containerd" && drawn === "run" && !IS_LONG ? "exec" : drawn;
      const delay = randomInt(STEPS_MS[step]);
      const what = `round ${i}: ${victim} killed ${delay} ms into ${step}`;
      const isHit = await round(`kills-${++nextId}`, step, victim, delay).catch((error: Error) =>
        assert.unreachable(`${what}: ${error.message}`),
      );
      if (isHit) hits++;
      const isClean = await eventually(
        () => JSON.stringify(look()) === was,
        victim === "containerd" ? FORGOTTEN_MS : GONE_MS,
      );
      if (!isClean) assert.equal(look(), JSON.parse(was), what);
    }
    // Some are not there yet, or have ended; were it all of them, this would be no test.
    assert.ok(hits >= ROUNDS / 4, `${hits} of ${ROUNDS} victims were there`);
  });
}

test.run();
