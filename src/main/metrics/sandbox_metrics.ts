// What is told of a sandbox: what its kernel has counted (workers/counters.ts, table_sizes.ts), what its threads do, and what
// its network devices have moved. Of the times of calls a sample is recorded (workers/call/latencies.ts).

import { CALL_CLASSES, LATENCY_BOUNDS, LATENCY_SUM_AT, LATENCY_WIDTH } from "../../shared/call_latencies.ts";
import type { NetworkInterface } from "../usage/network_interfaces.ts";
import type { Thread } from "../usage/thread_reports.ts";
import { type Answer, counterOf } from "./answer.ts";
import { histogram, type Labelled, type Metric, type Unit } from "./metric.ts";

export interface SandboxFigures {
  /** null: it has not answered in time, or is gone. */
  readonly answer: Answer | null;
  /** Those whose names are told (interface_names.ts). */
  readonly interfaces: readonly NetworkInterface[];
}

type Row = Metric<SandboxFigures>;

const PAGE_SIZE = 4096;
const MS_PER_SECOND = 1000;
const NS_PER_SECOND = 1e9;

function scaled(counter: string, scale: number): Row["value"] {
  return ({ answer }) => {
    const value = answer === null ? undefined : counterOf(answer, counter);
    return value === undefined ? undefined : value * scale;
  };
}

/** Since the sandbox has started. */
function total(name: string, counter: string, help: string): Row {
  const from = `counter \`${counter}\``;
  return { name: `sandbox_${name}_total`, kind: "counter", unit: "", help, from, value: scaled(counter, 1) };
}

/** In use now. */
function now(name: string, counter: string, help: string, unit: Unit = "", scale = 1): Row {
  const from = `counter \`${counter}\``;
  return { name: `sandbox_${name}`, kind: "gauge", unit, help, from, value: scaled(counter, scale) };
}

/** Memory that no process owns, by what it is for: together, what memory_budget.ts counts. */
const MEMORY_KINDS: readonly (readonly [kind: string, counter: string, scale: number])[] = [
  ["files", "memoryFileBytes", 1],
  ["pipes", "pipePages", PAGE_SIZE],
  ["sockets", "socketMemory", 1],
  ["packets", "packetMemory", 1],
  ["packet_rings", "packetRingBytes", 1],
  ["messages", "messageBytes", 1],
  ["patches", "patchPages", PAGE_SIZE],
];

const memory: Row = {
  name: "sandbox_memory_bytes",
  kind: "gauge",
  unit: "bytes",
  help: "Memory that the sandbox's kernel has for all of its processes, by kind.",
  from: MEMORY_KINDS.map(
    ([kind, counter, scale]) => `${kind}: \`${counter}\`${scale > 1 ? " (pages)" : ""}`,
  ).join(", "),
  labels: ["kind"],
  value: ({ answer }) =>
    answer === null
      ? undefined
      : MEMORY_KINDS.flatMap(([kind, counter, scale]): Labelled[] => {
          const value = counterOf(answer, counter);
          return value === undefined ? [] : [{ labels: { kind }, value: value * scale }];
        }),
};

const THREAD_STATES = { work: "workNs", spin: "spinNs", sleep: "sleepNs" } as const;

const labelsOf = ({ thread, role }: Thread) => ({ thread: String(thread), role });

function ofThreads(
  name: string,
  field: keyof Thread,
  kind: Row["kind"],
  help: string,
  isShown: (threads: readonly Thread[]) => boolean,
): Row {
  return {
    name: `sandbox_kernel_thread_${name}`,
    kind,
    unit: "",
    help,
    from: `thread report \`${field}\``,
    labels: ["thread", "role"],
    value: ({ answer }) =>
      answer === null || !isShown(answer.threads)
        ? undefined
        : answer.threads.map((thread) => ({ labels: labelsOf(thread), value: Number(thread[field]) })),
  };
}

const always = () => true;
/** One alone has nobody to pass a call to. */
const ofSeveral = (threads: readonly Thread[]) => threads.length > 1;

const THREADS: readonly Row[] = [
  {
    name: "sandbox_kernel_thread_seconds_total",
    kind: "counter",
    unit: "seconds",
    help: "Time of the kernel's threads, by what they did: work, spin (looks that found nothing), sleep.",
    from: "thread report `workNs`, `spinNs`, `sleepNs`",
    labels: ["thread", "role", "state"],
    value: ({ answer }) =>
      answer?.threads.flatMap((thread) =>
        Object.entries(THREAD_STATES).map(([state, field]) => ({
          labels: { ...labelsOf(thread), state },
          value: thread[field] / NS_PER_SECOND,
        })),
      ),
  },
  ofThreads("requests_total", "requests", "counter", "Requests that a kernel thread took.", always),
  ofThreads("passed_out_total", "passedOut", "counter", "Calls given to another kernel thread.", ofSeveral),
  ofThreads("passed_in_total", "passedIn", "counter", "Calls got from another kernel thread.", ofSeveral),
  ofThreads("forwards_total", "forwards", "counter", "Calls given away before they were begun.", ofSeveral),
  ofThreads("doorbells_total", "doorbells", "counter", "Other kernel threads woken.", ofSeveral),
  ofThreads("queued_messages", "queued", "gauge", "Messages of other threads that wait.", ofSeveral),
  ofThreads("unsent_messages", "unsent", "gauge", "Messages that have found no room yet.", ofSeveral),
];

const BOUNDS = LATENCY_BOUNDS.map((ns) => ns / NS_PER_SECOND);

/** Of a class that no call was timed of there is nothing. */
const durations: Row = {
  name: "sandbox_call_duration_seconds",
  kind: "histogram",
  unit: "seconds",
  help: "How long calls take from when a kernel thread begins them to their result, waits included, by what they are about: of one call in 128, drawn at random.",
  from: "thread report `latencies`, of all threads",
  labels: ["class"],
  value: ({ answer }) =>
    CALL_CLASSES.flatMap((name, i) => {
      const numbers = new Array<number>(LATENCY_WIDTH).fill(0);
      for (const { latencies } of answer?.threads ?? [])
        for (let at = 0; at < LATENCY_WIDTH; at++) numbers[at]! += latencies[i * LATENCY_WIDTH + at] ?? 0;
      const counts = numbers.slice(0, LATENCY_SUM_AT);
      if (counts.every((count) => count === 0)) return [];
      return histogram({ class: name }, BOUNDS, counts, numbers[LATENCY_SUM_AT]! / NS_PER_SECOND);
    }),
};

function ofInterfaces(name: string, column: string, unit: Unit, help: string): Row {
  return {
    name: `sandbox_network_${name}_total`,
    kind: "counter",
    unit,
    help: `${help} by a network device of the sandbox, as its guests see it.`,
    from: `/proc/net/dev of the guests, \`${column}\``,
    labels: ["interface"],
    value: ({ interfaces }) =>
      interfaces.map((one) => ({ labels: { interface: one.name }, value: one.counts[column]! })),
  };
}

const NETWORK: readonly Row[] = [
  ofInterfaces("receive_bytes", "rx_bytes", "bytes", "Bytes received"),
  ofInterfaces("receive_packets", "rx_packets", "", "Packets received"),
  ofInterfaces("receive_errors", "rx_errors", "", "Broken packets received"),
  ofInterfaces("receive_packets_dropped", "rx_dropped", "", "Received packets dropped"),
  ofInterfaces("transmit_bytes", "tx_bytes", "bytes", "Bytes sent"),
  ofInterfaces("transmit_packets", "tx_packets", "", "Packets sent"),
  ofInterfaces("transmit_errors", "tx_errors", "", "Packets that could not be sent"),
  ofInterfaces("transmit_packets_dropped", "tx_dropped", "", "Packets to send dropped"),
];

export const SANDBOX_METRICS: readonly Row[] = [
  {
    name: "sandbox_up",
    kind: "gauge",
    unit: "",
    help: "Whether the sandbox's kernel has answered in time.",
    from: "the request itself",
    value: ({ answer }) => Number(answer !== null),
  },
  total(
    "requests",
    "requests",
    "Calls and faults of guests that came to the kernel, without those answered locally.",
  ),
  total("trapped_calls", "trappedCalls", "Calls from sites that are not patched, which cost a trap."),
  total("unsupported_calls", "unsupportedCalls", "Calls, and options of calls, that are not supported."),
  total(
    "throws",
    "handlerErrors",
    "Handlers that threw: defects of the kernel, each with a record in the log.",
  ),
  total(
    "protocol_errors",
    "protocolErrors",
    "Requests that no stub makes: processes that were ended for it.",
  ),
  total(
    "unexpected_notifications",
    "unexpectedNotifications",
    "Seccomp notifications that no list expected.",
  ),
  total("strangers", "strangers", "Host tasks that nobody had announced."),
  total("ignored_kicks", "ignoredKicks", "Kicks that a process did not come for, and was killed."),
  total(
    "late_holders",
    "lateHolders",
    "Processes killed as one kept others waiting for pages, and did nothing.",
  ),
  total("filter_refusals", "filterRefusals", "Sets of rules that the packet filter did not take."),
  total("programs_started", "programsStarted", "Programs started: by exec, and from outside."),
  total("host_tasks", "hostTasks", "Host tasks asked for: one for most processes and threads."),
  total(
    "background_calls",
    "backgroundCalls",
    "Host calls made in the background, as they might wait for a disk.",
  ),
  total("host_jobs", "hostJobs", "Jobs given to threads that may wait for a host's file system."),
  total("host_retries", "hostRetries", "Calls begun anew with what the host had answered."),
  total("host_waits", "hostWaits", "Jobs of the host that the kernel thread itself had to wait for."),
  total("long_turns", "longTurns", "Turns that held a kernel thread for too long."),
  total("long_collections", "longCollections", "Turns that were long as V8 collected garbage."),
  total("sleeps", "sleeps", "Times that a kernel thread went to sleep."),
  total(
    "stub_reads",
    "stubReads",
    "Reads of files that stubs made by themselves, from descriptors that they keep.",
  ),
  total("placements", "placements", "Changes of which CPUs the sandbox's threads run on."),
  total("trace_events", "traceEvents", "Events that trace sessions wanted."),
  total("trace_lost", "traceLost", "Of those, what a sink had no room for, or still had when it ended."),
  now("trace_sessions", "traceSessions", "Trace sessions."),
  now("longest_turn_seconds", "longestTurnMs", "The longest turn so far.", "seconds", 1 / MS_PER_SECOND),
  now("processes", "processes", "Processes."),
  now("zombies", "unreaped", "Processes that have ended and were not waited for."),
  now("stopped_processes", "stopped", "Processes that are stopped."),
  now("tasks", "tasks", "Threads of all processes."),
  now("mappings", "mappings", "Mappings of all address spaces."),
  now("open_files", "openFiles", "Open files."),
  now("descriptor_slots", "descriptorSlots", "Length of all descriptor tables together."),
  now("files_in_flight", "filesInFlight", "Open files on their way in sockets."),
  now("epoll_items", "epollItems", "Files that epolls watch."),
  now("host_descriptors_watched", "watchedDescriptors", "Descriptors of the host that the kernel watches."),
  now("host_jobs_waiting", "hostJobsWaiting", "Jobs of the host that are not done."),
  now("sockets", "sockets", "Sockets of all families."),
  now("sockets_inet", "inetSockets", "Sockets of AF_INET and AF_INET6."),
  now("sockets_host", "hostSockets", "Sockets of the host's network."),
  now("sockets_packet", "packetSockets", "Sockets of AF_PACKET."),
  now("sockets_unix", "unixSockets", "Sockets of AF_UNIX."),
  now(
    "tcp_conversations",
    "tcpConversations",
    "TCP connections, with those that have ended a short while ago.",
  ),
  now("tracked_flows", "trackedFlows", "Flows that conntrack knows."),
  now("network_devices", "netDevices", "Network devices of all network namespaces."),
  now("mounts", "mounts", "Mounts."),
  now("dentries", "dentries", "Names of files that are remembered."),
  now("memory_inodes", "memoryNodes", "Inodes of memory file systems."),
  now("file_locks", "fileLocks", "File locks."),
  now("inotify_watches", "inotifyWatches", "Watches of inotify."),
  now("posix_timers", "posixTimers", "POSIX timers."),
  now("queued_signals", "queuedSignals", "Signals that wait."),
  now("futex_queues", "futexQueues", "Futexes that somebody waits on in the kernel."),
  now("terminals", "ptys", "Terminals."),
  now("patched_sites", "patchedSites", "Call sites that are patched."),
  now("refused_sites", "refusedSites", "Call sites that were judged, and stay as they are."),
  memory,
  now(
    "memory_limit_bytes",
    "memoryLimit",
    "What all kinds of sandbox_memory_bytes may have together.",
    "bytes",
  ),
  now("heap_used_bytes", "heapUsed", "Heap of the kernel's V8, of all threads.", "bytes"),
  now("heap_charged_bytes", "heapCharged", "Of the heap, what guests are charged for.", "bytes"),
  now("heap_limit_bytes", "heapLimit", "Of the heap, what guests may be charged for.", "bytes"),
  durations,
  ...THREADS,
  ...NETWORK,
];
