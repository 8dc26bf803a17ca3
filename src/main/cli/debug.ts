// `ringfence debug`: what a sandbox does, as it tells it itself: kernel threads, guest threads, counters, heaps; and what of
// its log and of --strace is to change from now on. A sandbox is not believed: what it says is bounded, and names are ours.

import { fstatSync } from "node:fs";
import { join } from "node:path";
import type { InspectReport, TaskReport } from "../../shared/inspect_report.ts";
import { openSourcePositions, sourcePositions } from "../../shared/source_positions.ts";
import { SchemaError } from "../oci/schema.ts";
import { readCounters, readInspect } from "../usage/inspect_reports.ts";
import { readThreads, type Thread } from "../usage/thread_reports.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { counterLines, frameInSource, heapTable, taskLines, threadTable } from "./debug_text.ts";
import { withHostTids } from "./host_tids.ts";
import { namedContainer } from "./named_container.ts";
import { say } from "./output.ts";

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
  kernelStacks?: "on" | "off";
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
  kernelStacks?: boolean;
}

/** Beside the bundle, in a checkout as in an installation. */
const POSITIONS = join(import.meta.dirname, "../sandbox/source_positions");

/** Stacks of the kernel with lines of the sources where they have places in bundles. */
function inSources(tasks: readonly TaskReport[]): TaskReport[] {
  if (tasks.every(({ kernelStack }) => kernelStack === undefined)) return [...tasks];
  const sourceOf = sourcePositions(openSourcePositions(POSITIONS));
  return tasks.map(({ kernelStack, ...task }) =>
    kernelStack === undefined
      ? task
      : { ...task, kernelStack: kernelStack.map((frame) => frameInSource(frame, sourceOf)) },
  );
}

/** What of a sandbox is to change. */
function changesOf({ strace, kernelStacks, logLevel }: DebugWords): object {
  return {
    ...(strace !== undefined && { strace: strace === "on" }),
    ...(kernelStacks !== undefined && { kernelStacks: kernelStacks === "on" }),
    ...(logLevel !== undefined && { logLevel }),
  };
}

function partsOf(words: DebugWords): Parts {
  const { threads, stacks, counters, heap, all } = words;
  const changes = Object.keys(changesOf(words)).length > 0;
  const asks = threads || stacks || counters || heap || all;
  return {
    threads: threads || all || (!asks && !changes),
    stacks: stacks || all,
    counters: counters || all,
    heap: heap || all,
  };
}

async function ask(client: ControlClient, parts: Parts, words: DebugWords, init: number): Promise<Told> {
  const { strace } = words;
  const changes = changesOf(words);
  const told: Told = {};
  if (parts.threads)
    told.threads = withHostTids(readThreads(await client.askSoon("threads"), "threads"), init);
  if (parts.stacks || parts.heap || Object.keys(changes).length > 0) {
    const request = { tasks: parts.stacks, heap: parts.heap, ...changes };
    const { tasks, isCut, heap, ...rest } = readInspect(await client.askSoon("inspect", request), "inspect");
    if (strace === "on" && !rest.strace)
      throw new CommandError("debug: the sandbox has no log to print calls to");
    if (tasks !== undefined) Object.assign(told, { tasks: inSources(tasks), isCut });
    if (heap !== undefined) told.heap = heap;
    told.strace = rest.strace;
    told.kernelStacks = rest.kernelStacks;
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

function connectionOf(text: string): number {
  const isSocket = () => fstatSync(Number(text), { throwIfNoEntry: false })?.isSocket() === true;
  try {
    if (/^\d{1,7}$/.test(text) && isSocket()) return Number(text);
  } catch {
    // It is no descriptor.
  }
  throw new CommandError(`debug: --connection is a descriptor of a socket: ${text}`);
}

async function reach(words: DebugWords): Promise<Reached> {
  const { connection, pid } = words;
  // The launcher has found it by its process.
  if (connection !== undefined)
    return { client: ControlClient.over(connectionOf(connection)), name: `process ${pid}`, init: 0 };
  const { id, init, socket } = namedContainer("debug", words);
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
    say(words.json ? json() : print(told));
  } catch (error) {
    // The sandbox has gone before it could be asked.
    if (error instanceof SchemaError) throw new CommandError(`debug: ${error.message}`);
    if (error instanceof CommandError && error.message === "")
      throw new CommandError(
        client.isNonsense ? `debug: ${name} gives no answer of the protocol` : `${name} is not running`,
      );
    throw error;
  } finally {
    client.close();
  }
}
