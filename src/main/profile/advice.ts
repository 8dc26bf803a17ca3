// What to do about what was recorded, in words: a table of rules, each of which looks at the figures and says a sentence with
// the one that it rests on, or nothing. A rule speaks only where there is something to gain, and only of what was seen
// often enough to mean something.

import { LOOKUPS, READS, WRITES } from "../../shared/abi/call_habits.ts";
import { POSTED_TO_MOVERS } from "../../shared/abi/unseen_calls.ts";
import type {
  Advice,
  CallProfile,
  Heavy,
  ProfiledSandbox,
  SiteProfile,
  ThreadProfile,
} from "../../shared/profile.ts";
import type { Recorded } from "./build.ts";
import { duration } from "./text.ts";

export type Advised = Recorded & { readonly sandbox: ProfiledSandbox };

interface Said {
  /** As a share from 0 to 1, or in the rule's own unit. */
  readonly figure: number;
  readonly text: string;
  /** How much there is to gain, as a share of all time or calls: the order of what is said. */
  readonly weight: number;
}

interface Rule {
  readonly rule: string;
  /** It speaks of something else than what calls take of the kernel: of which there may be few, and little. */
  readonly always?: true;
  readonly look: (profile: Advised) => Said | null;
}

/** Fewer calls say nothing. */
const CALLS_MIN = 200;
/** Where the busiest kernel thread works less of the time, nobody gains by other calls. */
const WORK_MIN = 0.01;
const SMALL = 0.5;

const SOCKETS = [
  "sendto",
  "recvfrom",
  "sendmsg",
  "recvmsg",
  "sendmmsg",
  "recvmmsg",
  "connect",
  "accept",
  "accept4",
];
const MEMORY = ["mmap", "munmap", "mprotect", "mremap", "madvise", "brk"];
const PROCESSES = ["fork", "vfork", "clone", "clone3", "execve", "execveat", "exit_group", "wait4"];
const POLLS = ["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_ctl"];

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function named(calls: readonly CallProfile[], names: readonly string[]): CallProfile[] {
  return calls.filter(({ name }) => names.includes(name));
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((so, one) => so + of(one), 0);
}

/** Share of the kernel's work that those calls are. */
function workShare({ calls, total }: Recorded, names: readonly string[]): number {
  return total.work.sumNs > 0 ? sum(named(calls, names), ({ work }) => work.sumNs) / total.work.sumNs : 0;
}

function heaviest(all: readonly Heavy[]): string {
  const first = all.find((one) => one.error * 2 <= one.count);
  return first === undefined ? "" : ` (most: ${first.name})`;
}

/** The share of the time that the busiest kernel thread worked. */
function busiest({ threads }: Recorded): number {
  return threads.reduce(
    (most, { workNs, durationNs }) => Math.max(most, workNs / Math.max(1, durationNs)),
    0,
  );
}

const IS_DEVICE = /^\/(dev|proc|sys)\//;

/** The share of the time of those calls that goes to files which data threads serve: regular ones. */
function fileShare({ calls, top }: Recorded, names: readonly string[]): number {
  const all = sum(named(calls, names), ({ service }) => service.sumNs);
  const files = top.paths.filter(
    ({ name, bytes }) => name.startsWith("/") && bytes > 0 && !IS_DEVICE.test(name),
  );
  return all > 0 ? sum(files, ({ sumNs }) => sumNs) / all : 0;
}

function supervisor({ threads }: Recorded): ThreadProfile | undefined {
  return threads.find(({ thread }) => thread === 0);
}

function isBusy(thread: ThreadProfile | undefined): boolean {
  return thread !== undefined && thread.workNs > thread.durationNs / 2;
}

function hasRole({ threads }: Recorded, role: string): boolean {
  return threads.some((thread) => thread.role === role);
}

/** Of calls that move bytes, those that move less than a page since their program wanted no more. */
function small(
  { calls, total }: Recorded,
  names: readonly string[],
  files: readonly Heavy[],
  what: string,
  remedy: string,
): Said | null {
  const moving = named(calls, names);
  const [all, few] = [sum(moving, ({ count }) => count), sum(moving, ({ chosen }) => chosen)];
  const share = total.count > 0 ? few / total.count : 0;
  if (share < 0.2 || few < all * SMALL) return null;
  const bytes = sum(moving, ({ chosenBytes }) => chosenBytes) / few;
  return {
    figure: share,
    weight: share,
    text: `${percent(share)} of calls are ${what} of less than 4 KiB, ${bytes.toFixed(0)} bytes each on average${heaviest(files)}: ${remedy}`,
  };
}

/** A site is blamed where those that cannot be patched are most of it. */
function whyTrapped(sites: readonly SiteProfile[], trapped: number): string {
  const refused = sites.filter(({ state }) => state !== "patched" && state !== "");
  const [most] = refused;
  if (most === undefined || sum(refused, ({ traps }) => traps) * 2 < trapped)
    return "they come from many sites, none of which is called often: short programs, that start again and again";
  const place = most.file === "" ? most.address : `${most.file}+0x${most.offset.toString(16)}`;
  return `the site at ${place}, with ${most.traps} of ${trapped}, cannot be patched (${most.state})`;
}

export const RULES: readonly Rule[] = [
  {
    rule: "guest-bound",
    always: true,
    look(profile) {
      const { threads, durationNs, total } = profile;
      if (threads.length === 0 || durationNs === 0) return null;
      const share = busiest(profile);
      // What calls are on their way for is no time of the guest's own.
      if (share > 0.1 || total.queue.sumNs + total.reply.sumNs > 0.2 * durationNs) return null;
      const text = `No kernel thread worked more than ${percent(share)} of the time: it is the guest's own code, or what it waits for, that takes it`;
      return { figure: share, weight: 1 - share, text };
    },
  },
  {
    rule: "ptrace",
    look({ sandbox, calls, total }) {
      const trapped = sum(calls, (call) => call.trapped);
      if (sandbox.platform !== "ptrace" || trapped < CALLS_MIN) return null;
      const text = `${trapped} of ${total.count} calls came from sites that are not patched, and were caught by a tracer (--platform=ptrace): systrap catches them at a fraction of the cost`;
      return { figure: trapped, weight: 0.9, text };
    },
  },
  {
    rule: "traps",
    look({ calls, total, sites, sandbox }) {
      const trapped = sum(calls, (call) => call.trapped);
      const share = total.count > 0 ? trapped / total.count : 0;
      if (share < 0.2 || trapped < 1000) return null;
      const cost = sandbox.platform === "ptrace" ? "several microseconds" : "about a microsecond";
      const head = `${percent(share)} of calls trapped, each of which costs ${cost} more than one from a patched site`;
      if (sandbox.patch === "off")
        return { figure: share, weight: share, text: `${head}: sites are not patched, as --patch=off says` };
      return { figure: share, weight: share, text: `${head}: ${whyTrapped(sites, trapped)}` };
    },
  },
  {
    rule: "small-reads",
    look: (profile) =>
      small(profile, READS, profile.top.smallReads, "reads", "a larger buffer makes fewer calls of them"),
  },
  {
    rule: "small-writes",
    look: (profile) =>
      small(
        profile,
        WRITES,
        profile.top.smallWrites,
        "writes",
        "output that is collected before it is written makes fewer calls of them",
      ),
  },
  {
    rule: "failed-lookups",
    look({ calls, total, top }) {
      const failed = sum(named(calls, LOOKUPS), ({ errnos }) => errnos.ENOENT ?? 0);
      const share = total.count > 0 ? failed / total.count : 0;
      if (share < 0.15) return null;
      const text = `${percent(share)} of calls look for files that are not there${heaviest(top.missing)}: a shorter search path (PATH, LD_LIBRARY_PATH, PYTHONPATH, include directories) saves them`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "lookups",
    look(profile) {
      const share = workShare(profile, LOOKUPS);
      if (share < 0.4) return null;
      const text = `${percent(share)} of the kernel's work is to look up and open files${heaviest(profile.top.lookups)}: what asks again for what it knows could remember it`;
      return { figure: share, weight: share * 0.8, text };
    },
  },
  {
    rule: "memory",
    look(profile) {
      const share = workShare(profile, MEMORY);
      if (share < 0.3) return null;
      const text = `${percent(share)} of the kernel's work is mapping memory: an allocator that keeps what it has (M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of mallopt(3), arenas) asks less often`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "processes",
    look(profile) {
      const share = workShare(profile, PROCESSES);
      const programs = sum(
        named(profile.calls, ["execve", "execveat"]),
        ({ count, errors }) => count - errors,
      );
      if (share < 0.3 || programs < 10) return null;
      const text = `${percent(share)} of the kernel's work is starting and ending processes, ${programs} programs in ${duration(profile.durationNs)}: one that goes on, or a shell's own commands, take far less`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "polls",
    look(profile) {
      const share = workShare(profile, POLLS);
      if (share < 0.3) return null;
      const text = `${percent(share)} of the kernel's work is polling descriptors: epoll with few changes, or several events at each wait, takes less`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "net-thread",
    look(profile) {
      const share = workShare(profile, SOCKETS);
      if (share < 0.4 || hasRole(profile, "net") || !isBusy(supervisor(profile))) return null;
      const text = `${percent(share)} of the kernel's work is sockets, and its only thread works more than half of the time: on a machine with CPUs to spare, --workers=net gives them a thread of their own`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "data-threads",
    look(profile) {
      const share = workShare(profile, POSTED_TO_MOVERS);
      if (share < 0.4 || hasRole(profile, "data") || !isBusy(supervisor(profile))) return null;
      // For one alone another thread is only farther away; nor do pipes and devices go there.
      if (profile.callers < 2 || fileShare(profile, POSTED_TO_MOVERS) < 0.5) return null;
      const text = `${percent(share)} of the kernel's work is reading and writing files, and thread 0 works more than half of the time: where several of the guest's threads do so at once, and there are more than two CPUs, --workers=data=N moves that to others`;
      return { figure: share, weight: share * 0.9, text };
    },
  },
  {
    rule: "queue",
    always: true,
    look({ total }) {
      const { queue, work } = total;
      if (queue.count < CALLS_MIN || queue.p50Ns < 10_000 || queue.p50Ns < work.p50Ns * 2) return null;
      const text = `A call waits ${duration(queue.p50Ns)} in the median before it is served for ${duration(work.p50Ns)}: the kernel thread is busy with others, or shares its CPU with the guest; more CPUs for the sandbox shorten that`;
      return { figure: queue.p50Ns, weight: 0.5, text };
    },
  },
  {
    rule: "futexes",
    look({ calls, total, top }) {
      const futexes = sum(named(calls, ["futex"]), ({ count }) => count);
      const share = total.count > 0 ? futexes / total.count : 0;
      if (share < 0.2) return null;
      const text = `${percent(share)} of calls are futexes that the kernel has to serve, shared between processes or locked by owners${heaviest(top.futexes)}: private ones never come to it`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "host-waits",
    always: true,
    look({ total, top, durationNs }) {
      const share = durationNs > 0 ? total.waitHost.sumNs / durationNs : 0;
      if (share < 0.1) return null;
      const text = `Calls waited ${duration(total.waitHost.sumNs)} in all for hosts of files to answer, in ${duration(durationNs)}${heaviest(top.hostWaits)}: that mount is slow`;
      return { figure: share, weight: Math.min(1, share), text };
    },
  },
  {
    rule: "collections",
    look({ threads }) {
      // What a thread that hardly works tidies up in its sleep keeps nobody waiting.
      const shares = threads.map(({ collections, workNs, durationNs }) =>
        workNs > durationNs / 20 ? collections.reduce((all, { sumNs }) => all + sumNs, 0) / workNs : 0,
      );
      const share = Math.max(0, ...shares);
      if (share < 0.1) return null;
      const { thread, role } = threads[shares.indexOf(share)]!;
      const text = `Kernel thread ${thread} (${role}) collected garbage for ${percent(share)} of its work: that is the kernel's own fault, and worth a report with this profile`;
      return { figure: share, weight: share, text };
    },
  },
  {
    rule: "long-turns",
    always: true,
    look({ threads }) {
      const turns = threads.reduce((all, { longTurns }) => all + longTurns, 0);
      if (turns === 0) return null;
      const text = `${turns === 1 ? "A turn" : `${turns} turns`} of a kernel thread took more than 10 ms, in which nobody else was served: the sandbox's log (--log) says of which call`;
      return { figure: turns, weight: 0.2, text };
    },
  },
];

/** The weightiest first. */
export function advise(profile: Advised): Advice[] {
  if (profile.total.count === 0) return [];
  const isOfCalls = profile.total.count >= CALLS_MIN && busiest(profile) >= WORK_MIN;
  return RULES.filter(({ always }) => isOfCalls || always === true)
    .flatMap(({ rule, look }) => {
      const said = look(profile);
      return said === null ? [] : [{ rule, said }];
    })
    .sort((a, b) => b.said.weight - a.said.weight)
    .map(({ rule, said: { text, figure } }) => ({ rule, text: `${text}.`, figure }));
}
