// `ringfence debug`: what a sandbox does, as it tells it itself: kernel threads, guest threads, counters, heaps; and what of
// its log and of --strace is to change from now on. A sandbox is not believed: what it says is bounded, and names are ours.

import { readdirSync, readFileSync } from "node:fs";
import type { InspectReport } from "../../shared/inspect_report.ts";
import { SchemaError } from "../oci/schema.ts";
import { readCounters, readInspect } from "../usage/inspect_reports.ts";
import { readThreads, type Thread } from "../usage/thread_reports.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { counterLines, heapTable, taskLines, threadTable } from "./debug_text.ts";
import { type ContainerState, findSandbox, listSandboxes } from "./state_directory.ts";

export interface DebugWords {
  id?: string;
  root?: string;
  pid?: string;
  json: boolean;
  threads: boolean;
  stacks: boolean;
  counters: boolean;
  heap: boolean;
  all: boolean;
  strace?: "on" | "off";
  logLevel?: string;
  connection?: string;
}

/** What is to be told. */
interface Parts {
  readonly threads: boolean;
  readonly stacks: boolean;
  readonly counters: boolean;
  readonly heap: boolean;
}

interface Told {
  threads?: Thread[];
  tasks?: InspectReport["tasks"];
  isCut?: boolean;
  counters?: Record<string, number>;
  heap?: InspectReport["heap"];
  strace?: boolean;
}

/** Ancestors of a process that are looked at. */
const GENERATIONS_MAX = 64;

/** 0: there is no such process. */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

/** The sandbox that a process of the host is in. */
function sandboxOf(root: string | undefined, pid: number): string {
  const inits = new Map<number, string>();
  // Of several with one init the first stands for all: containers of a pod, kernels of a group.
  for (const { id, init } of listSandboxes(root)) if (!inits.has(init)) inits.set(init, id);
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
  if (pid === undefined) return findSandbox(root, String(id));
  if (!/^[1-9]\d{0,8}$/.test(pid)) throw new CommandError(`debug: --pid is a number of a process: ${pid}`);
  return findSandbox(root, sandboxOf(root, Number(pid)));
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

function partsOf({ threads, stacks, counters, heap, all, strace, logLevel }: DebugWords): Parts {
  const changes = strace !== undefined || logLevel !== undefined;
  const asks = threads || stacks || counters || heap || all;
  return {
    threads: threads || all || (!asks && !changes),
    stacks: stacks || all,
    counters: counters || all,
    heap: heap || all,
  };
}

async function ask(client: ControlClient, parts: Parts, words: DebugWords, init: number): Promise<Told> {
  const { strace, logLevel } = words;
  const told: Told = {};
  if (parts.threads)
    told.threads = withHostTids(readThreads(await client.askSoon("threads"), "threads"), init);
  if (parts.stacks || parts.heap || strace !== undefined || logLevel !== undefined) {
    const request = {
      tasks: parts.stacks,
      heap: parts.heap,
      ...(strace !== undefined && { strace: strace === "on" }),
      ...(logLevel !== undefined && { logLevel }),
    };
    const { tasks, isCut, heap, ...rest } = readInspect(await client.askSoon("inspect", request), "inspect");
    if (strace === "on" && !rest.strace)
      throw new CommandError("debug: the sandbox has no log to print calls to");
    if (tasks !== undefined) Object.assign(told, { tasks, isCut });
    if (heap !== undefined) told.heap = heap;
    told.strace = rest.strace;
  }
  // How many there are of what lies in a heap is counted.
  if (parts.counters || parts.heap)
    told.counters = readCounters(await client.askSoon("counters"), "counters");
  return told;
}

function print({ threads, tasks, isCut, heap, counters }: Told): string {
  const sections: string[] = [];
  if (threads !== undefined) sections.push(threadTable(threads));
  if (tasks !== undefined) sections.push(taskLines(tasks, isCut === true));
  if (heap !== undefined) sections.push(heapTable(heap));
  if (counters !== undefined) sections.push(counterLines(counters));
  return sections.join("\n");
}

interface Reached {
  readonly client: ControlClient;
  /** How it is called in messages. */
  readonly name: string;
  /** Process 1 of its PID namespace; 0: it is not known. */
  readonly init: number;
}

async function reach(words: DebugWords): Promise<Reached> {
  const { connection, pid } = words;
  // The launcher has found it by its process.
  if (connection !== undefined)
    return { client: ControlClient.over(Number(connection)), name: `process ${pid}`, init: 0 };
  const { id, init, socket } = wanted(words);
  const client = await ControlClient.connect(socket);
  if (client === null) throw new CommandError(`container with id ${id} is not running`);
  return { client, name: `container with id ${id}`, init };
}

export async function debug(words: DebugWords): Promise<void> {
  const { client, name, init } = await reach(words);
  try {
    const parts = partsOf(words);
    const told = await ask(client, parts, words, init);
    const isThreadsAlone = parts.threads && !parts.stacks && !parts.counters && !parts.heap;
    const json = () => `${JSON.stringify(isThreadsAlone ? told.threads : told)}\n`;
    process.stdout.write(words.json ? json() : print(told));
  } catch (error) {
    // The sandbox has gone before it could be asked.
    if (error instanceof SchemaError) throw new CommandError(`debug: ${error.message}`);
    if (error instanceof CommandError && error.message === "")
      throw new CommandError(`${name} is not running`);
    throw error;
  } finally {
    client.close();
  }
}
