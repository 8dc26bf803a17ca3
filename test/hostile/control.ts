// One request over a sandbox's control socket, as `ringfence` itself makes them: JSON lines.

import { connect } from "node:net";

const DEADLINE_MS = 5_000;
const SETTLE_MS = 5_000;
const EQUAL_LOOKS = 15;

/** Counters that only go up: they tell what happened, not what is held. All others must come back. */
const TOTALS = new Set([
  "requests",
  "trappedCalls",
  "ipcNamespaces",
  "programsStarted",
  "hostTasks",
  "unsupportedCalls",
  "filterRefusals",
  "unexpectedNotifications",
  "strangers",
  "protocolErrors",
  "handlerErrors",
  "longTurns",
  "longestTurnMs",
  "longCollections",
  "ignoredKicks",
  "lateHolders",
  "sleeps",
  "hostFaults",
  "lostReads",
  "placements",
  "stubReads",
  "backgroundCalls",
  "hostJobs",
  "hostRetries",
  "hostWaits",
  // Nodes that stand for files of the lower file system come with look-ups and go with the collector.
  "memoryNodes",
  "memoryFileBytes",
  "memoryFiles",
  // Files outlive who made them: programs that call at random make some.
  "strings",
  "xattrs",
  // What the network is configured with outlives who has configured it.
  "netDevices",
  "netAddresses",
  "routes",
  "rules",
  "neighbours",
  // Buffers of packets are kept; what is left of ended connections, and of flows, is known for a minute.
  "packetMemory",
  "tcpConversations",
  "trackedFlows",
  // Names that were looked up are remembered.
  "dentries",
  "heapCharged",
  "heapUsed",
]);

/** The answer to one request. Rejects when there is none in time, or where it is an error. */
export function request<Result>(socketPath: string, method: string, params: object = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = "";
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("no answer to a control request"));
    }, DEADLINE_MS);
    const settle = (action: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      action();
    };
    socket.on("connect", () => socket.write(`${JSON.stringify({ id: 1, method, params })}\n`));
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString();
      if (!text.includes("\n")) return;
      const { result, error } = JSON.parse(text) as { result?: Result; error?: unknown };
      settle(() =>
        error === undefined ? resolve(result as Result) : reject(new Error(JSON.stringify(error))),
      );
    });
    socket.on("error", (error) => settle(() => reject(error)));
    socket.on("close", () => settle(() => reject(new Error("the control connection was closed"))));
  });
}

/** The sandbox's counters by name. */
export function counters(socketPath: string): Promise<Record<string, number>> {
  return request(socketPath, "counters");
}

function held(all: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !TOTALS.has(name)));
}

/**
 * What the sandbox holds when nothing runs in it; waits until it is as wanted, or else until it has said the same for a
 * while: what the kernel has for a moment alone, as a thread that is parked, is gone by then.
 */
export async function settled(
  socket: string,
  wanted?: Record<string, number>,
): Promise<Record<string, number>> {
  const end = performance.now() + SETTLE_MS;
  let last: Record<string, number> | undefined;
  let equal = 0;
  for (;;) {
    const next = held(await counters(socket));
    const goal = wanted ?? last;
    equal = JSON.stringify(next) === JSON.stringify(goal) ? equal + 1 : 0;
    if (equal >= (wanted === undefined ? EQUAL_LOOKS : 1) || performance.now() > end) return next;
    last = next;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
