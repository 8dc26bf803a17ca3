// What a sandbox costs among many whose programs sleep: memory, processes, descriptors and CPU time of all of them, divided
// by their number. Each as it is run from a command line, with what that keeps in memory; and those of a density group, which
// are one process of Node's (docs/architecture.md, Several kernels in a process).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killGroup, startCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { atMost } from "./goals.ts";
import { find } from "./paths.ts";
import { cpuNs, memoryBytes, openDescriptors, processesBelow } from "./process_tree.ts";
import type { Row, Subject } from "./subject.ts";
import type { Way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

const SANDBOXES = 8;
const QUICK_SANDBOXES = 2;
/** V8 tidies its heap some seconds after the start. */
const SETTLE_MS = 10_000;
const IDLE_MS = 20_000;
const QUICK_MS = 500;
const DEADLINE_MS = 120_000;
/** Bytes that a further sandbox of a group may take, beside what its program has. */
const FURTHER_MAX = 1.5 * 2 ** 20;
const READY_POLL_MS = 20;

interface Pause {
  readonly settleMs: number;
  readonly idleMs: number;
}

function rows(prefix: string, what: string): Row[] {
  return [
    { name: `${prefix}_private`, label: `${what}: private memory of each`, unit: "bytes" },
    { name: `${prefix}_pss`, label: `${what}: proportional memory of each`, unit: "bytes" },
    { name: `${prefix}_processes`, label: `${what}: processes of each`, unit: "count" },
    { name: `${prefix}_descriptors`, label: `${what}: descriptors of each`, unit: "count" },
    { name: `${prefix}_cpu`, label: `${what}: CPU time of each in 20 s` },
  ];
}

/** What all processes below some use, after a while, for each of so many sandboxes. */
async function look(prefix: string, roots: readonly number[], sandboxes: number, pause: Pause) {
  await sleep(pause.settleMs);
  const pids = roots.flatMap(processesBelow);
  const before = cpuNs(pids);
  await sleep(pause.idleMs);
  const cpu = cpuNs(pids) - before;
  const bytes = memoryBytes(pids, "Private_Clean") + memoryBytes(pids, "Private_Dirty");
  const found = {
    private: bytes,
    pss: memoryBytes(pids, "Pss"),
    processes: pids.length,
    descriptors: openDescriptors(pids),
    cpu,
  };
  return new Map(Object.entries(found).map(([name, all]) => [`${prefix}_${name}`, all / sandboxes]));
}

const missing = () => (process.getuid!() === 0 ? undefined : "root alone sees what all processes use");

function pauseOf({ effort }: Workplace): Pause {
  return effort.quick
    ? { settleMs: 2 * QUICK_MS, idleMs: QUICK_MS }
    : { settleMs: SETTLE_MS, idleMs: IDLE_MS };
}

const apart: Subject = {
  rows: rows("asleep", `${SANDBOXES} asleep`),
  usualRuns: 1,
  missing,
  leavesOut: (way) => (way.name === "native" ? "there is no sandbox" : undefined),
  async measure(way, place) {
    const pause = pauseOf(place);
    const sandboxes = place.effort.quick ? QUICK_SANDBOXES : SANDBOXES;
    // All of them are there from before the first look to after the last.
    const seconds = String((2 * pause.settleMs + pause.idleMs) / 1000);
    const started = Array.from({ length: sandboxes }, () =>
      startCommand(way.run([find("sleep")!, seconds], place, false), DEADLINE_MS),
    );
    const pids = started.map(({ pid }) => pid);
    const figures = await look("asleep", pids, sandboxes, pause);
    await Promise.all(started.map(({ ended }) => ended));
    return figures;
  },
};

/** A group of so many sandboxes, in each of which a program sleeps: what holds them, and the pids of what has started these. */
async function startGroup(way: Way, place: Workplace, sandboxes: number) {
  const root = mkdtempSync(join(place.work, "group-"));
  const command = (...words: string[]) => way.container!(["--root", root, ...words]);
  const [program, ...words] = command("hold", `--kernels=${sandboxes}`, "group");
  const holder = spawn(program!, words, { stdio: ["pipe", "pipe", "ignore"], detached: true });
  if (holder.pid === undefined) throw new BenchError("a group cannot be started");
  place.killAtEnd(holder.pid);
  const ended = once(holder, "exit");
  let said = "";
  holder.stdout!.on("data", (bytes: Buffer) => {
    said += bytes.toString("latin1");
  });
  for (let waited = 0; !said.includes("ready\n"); waited += READY_POLL_MS) {
    const hasEnded = holder.exitCode !== null || holder.signalCode !== null;
    if (hasEnded || waited > DEADLINE_MS) throw new BenchError("a group does not start");
    await sleep(READY_POLL_MS);
  }
  // What has asked for a program waits for its end: it is no part of the group, and ends with it.
  const programs = Array.from({ length: sandboxes }, (_, number) => {
    const name = number === 0 ? "group" : `group.${number}`;
    return startCommand(command("exec", name, find("sleep")!, "1000"), DEADLINE_MS).pid;
  });
  return { holder, ended, programs };
}

/** What a group of so many costs, for each of them. */
async function lookAtGroup(way: Way, place: Workplace, sandboxes: number) {
  const { holder, ended, programs } = await startGroup(way, place, sandboxes);
  try {
    const figures = await look("grouped", [holder.pid!], sandboxes, pauseOf(place));
    holder.stdin!.end();
    await ended;
    return figures;
  } finally {
    for (const pid of [...programs, holder.pid]) killGroup(pid);
  }
}

const together: Subject = {
  rows: [
    ...rows("grouped", `${SANDBOXES} asleep in a group`),
    {
      name: "grouped_further",
      label: "- private memory of each but the first",
      unit: "bytes",
      goals: [atMost(FURTHER_MAX)],
    },
  ],
  usualRuns: 1,
  missing,
  leavesOut: (way) => (way.isHere ? undefined : "there are no groups"),
  async measure(way, place) {
    const sandboxes = place.effort.quick ? QUICK_SANDBOXES : SANDBOXES;
    const alone = (await lookAtGroup(way, place, 1)).get("grouped_private")!;
    const figures = await lookAtGroup(way, place, sandboxes);
    const all = figures.get("grouped_private")! * sandboxes;
    return figures.set("grouped_further", (all - alone) / (sandboxes - 1));
  },
};

export const ASLEEP: readonly Subject[] = [apart, together];
