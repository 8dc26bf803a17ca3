// What `ringfence debug` prints for people: tables, and stacks. Whatever a sandbox says is printed so that no terminal takes it for
// an order.

import type { HeapReport, TaskReport } from "../../shared/inspect_report.ts";
import type { Thread } from "../usage/thread_reports.ts";

const NS_PER_MS = 1e6;
const KIB = 1024;

const ms = (ns: number) => (ns / NS_PER_MS).toFixed(1);
const kib = (bytes: number) => Math.round(bytes / KIB);

/** A byte string: what is UTF-8 is shown so, and control characters by their escapes. */
export function shown(bytes: string): string {
  const text = Buffer.from(bytes, "latin1").toString("utf8");
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\u007f-\u009f]/g, "?");
}

type Column<Row> = readonly [string, (row: Row) => string | number];

/** Columns of kernel threads: what stands over each, and in it. */
const THREADS: readonly Column<Thread>[] = [
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

const HEAPS: readonly Column<HeapReport>[] = [
  ["THREAD", ({ thread }) => thread],
  ["ROLE", ({ role }) => role],
  ["USED-KIB", ({ used }) => kib(used)],
  ["TOTAL-KIB", ({ total }) => kib(total)],
  ["LIMIT-KIB", ({ limit }) => kib(limit)],
  ["EXTERNAL-KIB", ({ external }) => kib(external)],
];

function table<Row>(columns: readonly Column<Row>[], content: readonly Row[]): string {
  const rows = [
    columns.map(([title]) => title),
    ...content.map((row) => columns.map(([, value]) => String(value(row)))),
  ];
  const widths = columns.map((_column, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

export const threadTable = (threads: readonly Thread[]) => table(THREADS, threads);

/** Heaps, and behind each the spaces of it that hold something. */
export function heapTable(heaps: readonly HeapReport[]): string {
  const spaces = heaps.flatMap(({ thread, spaces: all }) =>
    Object.entries(all)
      .filter(([, bytes]) => bytes >= KIB)
      .map(([name, bytes]) => `    thread ${thread}  ${shown(name).padEnd(28)}${kib(bytes)} KiB\n`),
  );
  return table(HEAPS, heaps) + spaces.join("");
}

/** By name, those that are not 0. */
export function counterLines(counters: Readonly<Record<string, number>>): string {
  return Object.entries(counters)
    .filter(([, value]) => value !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name.padEnd(28)}${value}\n`)
    .join("");
}

/** Where a place of a bundle comes from (shared/source_positions.ts). */
type SourceOf = (url: string, line: number, column: number) => { source: string; line: number };

/** What a frame ends with as V8 writes it, with or without a function before its file. */
const PLACE = /:(\d{1,9}):(\d{1,9})(\)?)$/;

/** A frame with the line of the sources, where it has a place in a bundle. It may be long and of any form: that takes no time. */
export function frameInSource(frame: string, sourceOf: SourceOf): string {
  const place = PLACE.exec(frame);
  if (place === null) return frame;
  const [, line, column, end] = place;
  const begin = end === "" ? 0 : frame.indexOf(" (") + 2;
  const url = frame.slice(begin, place.index);
  if (!url.endsWith(".cjs")) return frame;
  const found = sourceOf(url, Number(line), Number(column));
  return `${frame.slice(0, begin)}${found.source}:${found.line}${end}`;
}

function callOf({ call, args, file, waitsFor }: TaskReport): string {
  if (call === undefined) return "";
  const of = file === undefined ? "" : ` on ${shown(file)}`;
  const waits = waitsFor === undefined ? "" : `, waits for ${shown(waitsFor)}`;
  return ` in ${shown(call)}(${(args ?? []).map(shown).join(", ")})${of}${waits}`;
}

/** A line for each guest thread, and below it where the kernel has its call wait, and where its code stands. */
export function taskLines(tasks: readonly TaskReport[], isCut: boolean): string {
  const lines = tasks.flatMap((task) => {
    const { pid, tid, comm, container, state, stack, kernelStack } = task;
    const where = container === "" ? "" : ` of ${shown(container)}`;
    const head = `${pid}/${tid} ${shown(comm)}${where}: ${shown(state)}${callOf(task)}`;
    const frames = (stack ?? []).map(({ address, module, offset }, i) => {
      const place = module === undefined ? "" : ` ${shown(module)}+${shown(offset ?? "0x0")}`;
      return `    #${i} ${shown(address)}${place}`;
    });
    const inKernel = (kernelStack ?? []).map((frame) => `    kernel ${shown(frame)}`);
    return [head, ...inKernel, ...frames];
  });
  return [...lines, ...(isCut ? ["there are more threads than these"] : [])]
    .map((line) => `${line}\n`)
    .join("");
}
