// `ringfence debug`: what the kernel threads of a container's sandbox do, as they tell it themselves. A sandbox is not
// believed: what it says is bounded, and names are ours.

import { readdirSync, readFileSync } from "node:fs";
import { SchemaError } from "../oci/schema.ts";
import { readThreads, type Thread } from "../usage/thread_reports.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { type ContainerState, findContainer, listContainers } from "./state_directory.ts";

export interface DebugWords {
  id?: string;
  root?: string;
  pid?: string;
  json: boolean;
}

/** Ancestors of a process that are looked at. */
const GENERATIONS_MAX = 64;
const NS_PER_MS = 1e6;

const ms = (ns: number) => (ns / NS_PER_MS).toFixed(1);

/** Columns of the table: what stands over each, and in it. */
const COLUMNS: readonly (readonly [string, (thread: Thread) => string | number])[] = [
  ["THREAD", ({ thread }) => thread],
  ["ROLE", ({ role }) => role],
  ["TID", ({ tid }) => tid],
  ["CPU", ({ cpu }) => cpu],
  ["WORK-MS", ({ workNs }) => ms(workNs)],
  ["SPIN-MS", ({ spinNs }) => ms(spinNs)],
  ["SLEEP-MS", ({ sleepNs }) => ms(sleepNs)],
  ["REQUESTS", ({ requests }) => requests],
  ["PASSED-OUT", ({ passedOut }) => passedOut],
  ["PASSED-IN", ({ passedIn }) => passedIn],
  ["FORWARDS", ({ forwards }) => forwards],
  ["QUEUED", ({ queued, unsent }) => (unsent > 0 ? `${queued}+${unsent}` : queued)],
  ["QUEUED-MAX", ({ queuedMax }) => queuedMax],
  ["SLEEPS", ({ sleeps }) => sleeps],
  ["DOORBELLS", ({ doorbells }) => doorbells],
  ["LONG-TURNS", ({ longTurns }) => longTurns],
  ["LONGEST-MS", ({ longestTurnMs }) => longestTurnMs],
];

function table(threads: readonly Thread[]): string {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...threads.map((thread) => COLUMNS.map(([, value]) => String(value(thread)))),
  ];
  const widths = COLUMNS.map((_column, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** 0: there is no such process. */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

/** The container in whose sandbox a process of the host is. */
function containerOf(root: string | undefined, pid: number): string {
  const inits = new Map<number, string>();
  for (const { id, init } of listContainers(root)) inits.set(init, id);
  for (let at = pid, generation = 0; at > 1 && generation < GENERATIONS_MAX; generation++) {
    const id = inits.get(at);
    if (id !== undefined) return id;
    at = parentOf(at);
  }
  throw new CommandError(`debug: process ${pid} is in no container's sandbox`);
}

function wanted({ id, root, pid }: DebugWords): ContainerState {
  if ((id === undefined) === (pid === undefined))
    throw new CommandError("debug: name a container, or a process of its sandbox with --pid");
  if (pid === undefined) return findContainer(root, String(id));
  if (!/^[1-9]\d{0,8}$/.test(pid)) throw new CommandError(`debug: --pid is a number of a process: ${pid}`);
  return findContainer(root, containerOf(root, Number(pid)));
}

/** The threads' own numbers as the host knows them; where it does not tell, they stay as they are. */
function withHostTids(threads: readonly Thread[], init: number): Thread[] {
  const known = new Map<number, number>();
  try {
    const children = readFileSync(`/proc/${init}/task/${init}/children`, "latin1").trim().split(" ");
    for (const pid of children.filter(Boolean))
      for (const tid of readdirSync(`/proc/${pid}/task`)) {
        const [, inside] = /^NSpid:.*\s(\d+)$/m.exec(
          readFileSync(`/proc/${pid}/task/${tid}/status`, "latin1"),
        ) ?? [0, tid];
        known.set(Number(inside), Number(tid));
      }
  } catch {
    // It has ended, or is another user's.
  }
  return threads.map((thread) => ({ ...thread, tid: known.get(thread.tid) ?? thread.tid }));
}

export async function debug(words: DebugWords): Promise<void> {
  const state = wanted(words);
  const client = await ControlClient.connect(state.socket);
  if (client === null) throw new CommandError(`container with id ${state.id} is not running`);
  try {
    const said = readThreads(await client.askSoon("threads"), "threads");
    const threads = withHostTids(said, state.init);
    process.stdout.write(words.json ? `${JSON.stringify(threads)}\n` : table(threads));
  } catch (error) {
    // The sandbox has gone before it could be asked.
    if (error instanceof SchemaError) throw new CommandError(`debug: ${error.message}`);
    if (error instanceof CommandError && error.message === "")
      throw new CommandError(`container with id ${state.id} is not running`);
    throw error;
  } finally {
    client.close();
  }
}
