// `ringfence debug`: what the kernel threads of a container's sandbox do, as they tell it themselves. A sandbox is not
// believed: what it says is bounded, and names are ours.

import { SchemaError } from "../oci/schema.ts";
import { readThreads, type Thread } from "../usage/thread_reports.ts";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { withHostTids } from "./host_tids.ts";
import { namedContainer } from "./named_container.ts";

export interface DebugWords {
  id?: string;
  root?: string;
  pid?: string;
  json: boolean;
}

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

export async function debug(words: DebugWords): Promise<void> {
  const state = namedContainer("debug", words);
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
