// A profile as a report, of which one page is made: where the time of calls and of kernel threads went, what still traps, what is
// heaviest, and the stacks of the kernel's own code and of guests.

import type { CallProfile, Heavy, Profile, SiteProfile, ThreadProfile } from "../../shared/profile.ts";
import type {
  Block,
  Fact,
  FlameGraph,
  HistogramSeries,
  IntervalChart,
  Notice,
  Report,
  Section,
} from "../report/document.ts";
import { digits, withUnit } from "../report/units.ts";
import { bytes, count, number, share, spread, table, time, words } from "./page_cells.ts";
import { cpuTree, guestTree } from "./page_trees.ts";

/** Rows of a chart; tables have all. */
const CHARTED = 15;
const MS = 1e6;

const PHASES = [
  ["queue", "queue", "from the guest's post until a kernel thread began to serve it"],
  ["work", "work", "the kernel thread worked on it"],
  ["waitEvent", "wait: event", "for data, a child, a timeout"],
  ["waitStub", "wait: stub", "for memory and copies of the guest's side"],
  ["waitHost", "wait: host", "for an answer of the host's"],
  ["reply", "reply", "from the result until the guest went on"],
  ["guest", "guest", "from there to the thread's next call"],
] as const;

function errors({ errnos }: CallProfile): string {
  const byNumber = Object.entries(errnos).sort(([, a], [, b]) => b - a);
  return byNumber.map(([name, times]) => `${name} ${times}`).join("\n");
}

function callTable({ calls, total }: Profile): Block[] {
  const phases = PHASES.filter(([phase]) => total[phase].count > 0);
  const columns = [
    words("call"),
    number("calls"),
    number("errors"),
    number("trapped", "came by a trap, not by a patched site"),
    number("share of work", "of the time that kernel threads worked on calls"),
    number("work in all"),
    ...phases.map(([, label, hint]) => number(label, `${hint}: medians`)),
    number("bytes"),
  ];
  const rows = calls.map((call) => [
    { text: call.name },
    count(call.count),
    { ...count(call.errors), ...(call.errors > 0 && { detail: errors(call) }) },
    count(call.trapped),
    share(call.work.sumNs, total.work.sumNs),
    time(call.work.sumNs),
    ...phases.map(([phase]) => spread(call[phase])),
    bytes(call.bytes),
  ]);
  return table("All calls", columns, rows);
}

function heaviestCalls({ calls }: Profile): Block[] {
  const heaviest = calls.toSorted((a, b) => b.work.sumNs - a.work.sumNs).slice(0, CHARTED);
  if (heaviest.length === 0) return [];
  const rows = heaviest.map(({ name, work }) => {
    const value = work.sumNs / MS;
    return {
      label: name,
      values: [{ series: 0, value, low: value, high: value, text: `${digits(value)} ms` }],
    };
  });
  const caption = "Work of kernel threads, by call";
  return [
    { kind: "intervals", caption, scale: "linear", axis: "ms", series: [{ name: "work", style: 1 }], rows },
  ];
}

function spreads({ total }: Profile): Block[] {
  const series = PHASES.flatMap(([phase, name], style): HistogramSeries[] => {
    const bins = total[phase].buckets.map(([from, to, count]) => ({ from, to, count }));
    return bins.length === 0 ? [] : [{ name, style, bins }];
  });
  const caption = "How long the parts of all calls took";
  return series.length === 0
    ? []
    : [{ kind: "histogram", caption, scale: "log", unit: "ns", series, marks: [] }];
}

function callSection(profile: Profile): Section {
  const { count: calls, errors } = profile.total;
  return {
    id: "calls",
    title: "System calls",
    describe: `${calls.toLocaleString("en")} calls, ${errors.toLocaleString("en")} with errors`,
    blocks: [...heaviestCalls(profile), ...spreads(profile), ...callTable(profile)],
  };
}

const SHARES = [
  ["workNs", "work", 1],
  ["spinNs", "spin", 2],
  ["sleepNs", "sleep", 0],
] as const;

const threadName = ({ thread, role }: ThreadProfile): string => `${thread} ${role}`;
const threadNs = (thread: ThreadProfile): number => SHARES.reduce((sum, [part]) => sum + thread[part], 0);

function utilization(threads: readonly ThreadProfile[]): IntervalChart {
  return {
    kind: "intervals",
    caption: "How the time of kernel threads went",
    scale: "linear",
    axis: "%",
    series: SHARES.map(([, name, style]) => ({ name, style })),
    rows: threads.map((thread) => ({
      label: threadName(thread),
      values: SHARES.map(([part, name], series) => {
        const value = (100 * thread[part]) / Math.max(1, threadNs(thread));
        return { series, value, low: value, high: value, text: `${name} ${digits(value)} %` };
      }),
    })),
  };
}

function threadTable(threads: readonly ThreadProfile[]): Block[] {
  const columns = [
    words("thread"),
    ...SHARES.map(([, name]) => number(name)),
    number("CPU", "what the host's scheduler gave it"),
    number("requests"),
    number("passed", "to other kernel threads; below it: from them"),
    number("sleeps"),
    number("wakes", "guests' threads that slept; below it: doorbells of other kernel threads"),
    number("allocated", "by its JavaScript; below it: used of its heap at the end"),
    number("collections"),
    number("longest turn"),
  ];
  const rows = threads.map((thread) => {
    const collections = thread.collections.reduce((sum, { count }) => sum + count, 0);
    const collecting = thread.collections.reduce((sum, { sumNs }) => sum + sumNs, 0);
    return [
      { text: threadName(thread) },
      ...SHARES.map(([part]) => share(thread[part], threadNs(thread))),
      time(thread.cpuNs),
      count(thread.requests),
      { ...count(thread.passedOut), detail: String(thread.passedIn) },
      count(thread.sleeps),
      { ...count(thread.guestWakes), detail: String(thread.doorbells) },
      { ...bytes(thread.allocatedBytes), detail: withUnit("bytes", thread.heapUsedAfter) },
      { ...count(collections), ...(collections > 0 && { detail: withUnit("ns", collecting) }) },
      time(thread.longestTurnMs * MS),
    ];
  });
  return table("Kernel threads", columns, rows);
}

function cpuFlames(threads: readonly ThreadProfile[]): FlameGraph[] {
  return threads.flatMap((thread): FlameGraph[] => {
    const root = thread.cpuProfile === null ? undefined : cpuTree(thread.cpuProfile);
    if (root === undefined) return [];
    return [{ kind: "flame", caption: `Code of kernel thread ${threadName(thread)}`, unit: "ms", root }];
  });
}

function siteTable(sites: readonly SiteProfile[]): Block[] {
  const columns = [
    words("place"),
    number("traps"),
    words("state", "why it is not patched"),
    words("calls"),
    number("process"),
  ];
  const rows = sites.map(({ address, symbol, symbolOffset, file, offset, traps, state, calls, pid }) => [
    {
      text: symbol === "" ? address : `${symbol}+0x${symbolOffset.toString(16)}`,
      ...(file !== "" && { detail: `${file}+0x${offset.toString(16)}` }),
    },
    count(traps),
    { text: state },
    {
      text: Object.entries(calls)
        .map(([name, times]) => `${name} ${times}`)
        .join(", "),
    },
    { text: String(pid), value: pid },
  ]);
  return table("Call sites that still trap", columns, rows);
}

const HEAVIEST = [
  ["paths", "Paths"],
  ["sockets", "Sockets"],
  ["futexes", "Futexes"],
  ["hostWaits", "What hosts of files had to answer"],
  ["lookups", "Paths by which files were looked for or opened"],
  ["missing", "Of these, those that were not there"],
  ["smallReads", "Reads of less than 4 KiB that got all they asked for"],
  ["smallWrites", "Writes of less than 4 KiB, without sockets"],
] as const;

function heavyTable(caption: string, heaviest: readonly Heavy[]): Block[] {
  const columns = [
    words("name"),
    number("calls", "at most; below it: so many of them may be others'"),
    number("time in service"),
    number("bytes"),
  ];
  const rows = heaviest.map((heavy) => [
    { text: heavy.name },
    { ...count(heavy.count), ...(heavy.error > 0 && { detail: `−${heavy.error}` }) },
    time(heavy.sumNs),
    bytes(heavy.bytes),
  ]);
  return table(caption, columns, rows);
}

function guestSection({ guestStacks, sites, top }: Profile): Section {
  const root = guestTree(guestStacks);
  const caption = "Where guests called from, by time in service";
  return {
    id: "guests",
    title: "What guests did",
    describe: `${guestStacks.samples} stacks, ${guestStacks.whole} of them to their thread's begin, ${guestStacks.shallow} without callers`,
    blocks: [
      ...(root.value > 0 ? [{ kind: "flame", caption, unit: "ms", root } as const] : []),
      ...siteTable(sites),
      ...HEAVIEST.flatMap(([key, caption]) => heavyTable(caption, top[key])),
    ],
  };
}

function facts({ subject, sandbox, ringfence, durationNs }: Profile): Fact[] {
  const what =
    subject.kind === "command"
      ? [
          { name: "Command", value: subject.command.join(" ") },
          { name: "Exit code", value: String(subject.exitCode) },
        ]
      : [{ name: "Container", value: subject.id }];
  return [
    ...what,
    { name: "Recorded for", value: withUnit("ns", durationNs) },
    { name: "Platform", value: sandbox.platform },
    { name: "Kernel threads", value: sandbox.workers },
    { name: "Patching", value: sandbox.patch },
    { name: "Ringfence", value: ringfence },
  ];
}

function notices({ dropped, advice }: Profile): Notice[] {
  const lost = Object.entries(dropped).map(([name, times]) => `${name} ${times}`);
  return [
    ...(lost.length === 0
      ? []
      : [{ tone: "warning", text: `Not recorded, since bounds were reached: ${lost.join(", ")}` } as const]),
    ...advice.map(({ text }) => ({ tone: "note", text }) as const),
  ];
}

export function profileReport(profile: Profile): Report {
  const { threads } = profile;
  return {
    title: "Ringfence profile",
    subtitle: profile.startedAt.slice(0, 16).replace("T", " "),
    facts: facts(profile),
    notices: notices(profile),
    sections: [
      callSection(profile),
      {
        id: "threads",
        title: "Kernel threads",
        describe: "",
        blocks: [utilization(threads), ...threadTable(threads), ...cpuFlames(threads)],
      },
      guestSection(profile),
    ],
  };
}
