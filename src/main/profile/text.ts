// A profile on a terminal: tables of the heaviest of everything, and what to do about it.

import { CUT_SYMBOL, type Heavy, type Histogram, type Profile } from "../../shared/profile.ts";

const CALLS = 20;
const SITES = 10;
const HEAVY = 10;
const FUNCTIONS = 15;
const STACKS = 5;

/** Three digits, and a unit. */
export function duration(ns: number): string {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const)
    if (ns >= size) return `${(ns / size).toPrecision(3).replace(/e\+?\d+$/, "")}${unit}`;
  return `${Math.round(ns)}ns`;
}

export function size(bytes: number): string {
  for (const [unit, step] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const)
    if (bytes >= step) return `${(bytes / step).toFixed(1)}${unit}`;
  return `${Math.round(bytes)}B`;
}

const percent = (part: number, of: number) => (of > 0 ? `${((100 * part) / of).toFixed(1)}%` : "-");

/** The first column is to the left, the others to the right; the last, where it is text, as it is. */
function table(heads: readonly string[], rows: readonly (readonly string[])[], lastIsText = false): string[] {
  const all = [heads, ...rows];
  const widths = heads.map((_head, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all.map((row) =>
    row
      .map((cell, i) =>
        lastIsText && i === heads.length - 1
          ? cell
          : i === 0
            ? cell.padEnd(widths[i]!)
            : cell.padStart(widths[i]!),
      )
      .join("  ")
      .trimEnd(),
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length <= 1 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}

const median = ({ count, p50Ns }: Histogram) => (count > 0 ? duration(p50Ns) : "-");
const high = ({ count, p99Ns }: Histogram) => (count > 0 ? duration(p99Ns) : "-");

function calls({ calls: all, total }: Profile): string[] {
  const heads = [
    "CALL",
    "COUNT",
    "ERRORS",
    "TRAPPED",
    "QUEUE",
    "WORK",
    "P99",
    "WAIT",
    "REPLY",
    "GUEST",
    "SUM",
    "SHARE",
  ];
  const most = all.toSorted((a, b) => b.work.sumNs - a.work.sumNs).slice(0, CALLS);
  const rows = most.map((call) => [
    call.name,
    String(call.count),
    call.errors > 0 ? String(call.errors) : "-",
    call.trapped > 0 ? String(call.trapped) : "-",
    median(call.queue),
    median(call.work),
    high(call.work),
    duration(call.waitEvent.sumNs + call.waitStub.sumNs + call.waitHost.sumNs),
    median(call.reply),
    median(call.guest),
    duration(call.work.sumNs),
    percent(call.work.sumNs, total.work.sumNs),
  ]);
  const left = all.length - rows.length;
  return section(
    "Calls (queue, work, reply and guest: medians; wait and sum: of all; share: of the work of all)",
    [...table(heads, rows), ...(left > 0 ? [`and ${left} more`] : [])],
  );
}

function threads({ threads: all }: Profile): string[] {
  const heads = [
    "THREAD",
    "WORK",
    "SPIN",
    "SLEEP",
    "CPU",
    "REQUESTS",
    "PASSED",
    "SLEEPS",
    "WAKES",
    "RINGS",
    "ALLOCATED",
    "GC",
    "LONG",
  ];
  return section(
    "Kernel threads (passed: out/in; wakes: of guests; rings: of other threads; long: turns of more than 10 ms)",
    table(
      heads,
      all.map((thread) => [
        `${thread.thread} ${thread.role}`,
        percent(thread.workNs, thread.durationNs),
        percent(thread.spinNs, thread.durationNs),
        percent(thread.sleepNs, thread.durationNs),
        percent(thread.cpuNs, thread.durationNs),
        String(thread.requests),
        `${thread.passedOut}/${thread.passedIn}`,
        String(thread.sleeps),
        String(thread.guestWakes),
        String(thread.doorbells),
        size(thread.allocatedBytes),
        duration(thread.collections.reduce((sum, { sumNs }) => sum + sumNs, 0)),
        String(thread.longTurns),
      ]),
    ),
  );
}

function place(file: string, offset: number, symbol: string, symbolOffset: number): string {
  if (symbol === CUT_SYMBOL) return symbol;
  const where = `${file === "" ? "?" : file}+0x${offset.toString(16)}`;
  return symbol === "" ? where : `${where} (${symbol}+0x${symbolOffset.toString(16)})`;
}

function sites({ sites: all }: Profile): string[] {
  const rows = all
    .slice(0, SITES)
    .map(({ traps, state, calls: made, file, offset, symbol, symbolOffset }) => [
      String(traps),
      state === "" ? "-" : state,
      `${Object.keys(made).slice(0, 3).join(",")}  ${place(file, offset, symbol, symbolOffset)}`,
    ]);
  return section("Call sites that trapped", table(["TRAPS", "NOW", "CALLS AND PLACE"], rows, true));
}

function heavy(title: string, all: readonly Heavy[]): string[] {
  // What may well be others' is no more than a guess.
  const rows = all
    .filter(({ count, error }) => error * 2 <= count)
    .slice(0, HEAVY)
    .map(({ name, count, error, sumNs, bytes }) => [
      error > 0 ? `${count} (-${error})` : String(count),
      duration(sumNs),
      bytes > 0 ? size(bytes) : "-",
      name,
    ]);
  return section(title, table(["CALLS", "TIME", "BYTES", "NAME"], rows, true));
}

function functions({ threads: all }: Profile): string[] {
  return all.flatMap(({ thread, role, cpuProfile }) => {
    if (cpuProfile === null || cpuProfile.samples === 0) return [];
    const self = new Map<string, number>();
    let busy = 0;
    for (const { parent, name, source, line, selfSamples } of cpuProfile.nodes) {
      if (name === "(idle)") continue;
      busy += selfSamples;
      const caller = cpuProfile.nodes[parent];
      const from = name === "(native)" && caller !== undefined ? ` for ${caller.name}  ${caller.source}` : "";
      const key = source === "" ? `${name}${from}` : `${name}  ${source}:${line}`;
      self.set(key, (self.get(key) ?? 0) + selfSamples);
    }
    const rows = [...self]
      .filter(([, samples]) => samples > 0)
      .sort((a, b) => b[1] - a[1])
      .slice(0, FUNCTIONS)
      .map(([name, samples]) => [percent(samples, busy), String(samples), name]);
    return section(
      `Functions of kernel thread ${thread}, ${role} (${busy} samples)`,
      table(["SELF", "SAMPLES", "FUNCTION"], rows, true),
    );
  });
}

/** Of equal lines behind each other, as of a function that calls itself, one, with their number. */
function folded(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const from = at;
    while (at < lines.length && lines[at] === lines[from]) at++;
    kept.push(at - from === 1 ? lines[from]! : `${lines[from]}, ${at - from} times`);
  }
  return kept;
}

function stacks({ guestStacks }: Profile): string[] {
  const { samples, shallow, whole, frames, stacks: all } = guestStacks;
  const lines = all
    .filter((stack) => stack.frames.length > 1)
    .slice(0, STACKS)
    .flatMap(({ frames: places, call, count }) => [
      `${count} x ${call}`,
      ...folded(
        places
          .toReversed()
          .map((at) => frames[at]!)
          .map(
            ({ file, offset, symbol, symbolOffset }) => `    ${place(file, offset, symbol, symbolOffset)}`,
          ),
      ),
    ]);
  const title = `Stacks of guests (${samples} samples, ${whole} to their thread's begin, ${shallow} without callers)`;
  return section(title, ["", ...lines]);
}

function advice({ advice: all }: Profile): string[] {
  return all.length === 0 ? [] : ["", "Advice", ...all.map(({ text }) => `  - ${text}`)];
}

export function profileText(profile: Profile): string {
  const { subject, sandbox, durationNs, total, top, dropped } = profile;
  const what = subject.kind === "command" ? "command" : `container ${subject.id}`;
  const lines = [
    `Profile of a ${what}: ${duration(durationNs)}, ${total.count} calls of the kernel, ` +
      `${percent(total.errors, total.count)} with an error (${sandbox.platform}, --workers=${sandbox.workers})`,
    ...threads(profile),
    ...calls(profile),
    ...sites(profile),
    ...heavy("Files", top.paths),
    ...heavy("Sockets", top.sockets),
    ...heavy("Futexes that the kernel served", top.futexes),
    ...heavy("Waits for hosts of files", top.hostWaits),
    ...functions(profile),
    ...stacks(profile),
    ...advice(profile),
  ];
  const left = Object.entries(dropped).map(([name, count]) => `${count} ${name}`);
  if (left.length > 0) lines.push("", `Not recorded, or not over yet: ${left.join(", ")}`);
  return `${lines.join("\n")}\n`;
}
