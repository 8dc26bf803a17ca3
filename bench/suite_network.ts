// The network as programs use it: servers with load, connections that are idle, and a link of the host.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { amount, app } from "./app.ts";
import { writeBundle } from "./bundle.ts";
import { killGroup, runCommand, startCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { atMost, fasterThanRunsc } from "./goals.ts";
import { parseFigures } from "./output.ts";
import { find } from "./paths.ts";
import { memoryBytes, processesBelow } from "./process_tree.ts";
import { redis } from "./redis.ts";
import type { Subject, Suite } from "./subject.ts";
import { CONTAINERS, type Way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

const DEADLINE_MS = 120_000;

// ---- Servers ----

/** A file of 4 KiB. */
const NGINX = `
directory=$(mktemp -d); cd $directory
head -c 4096 /dev/zero > page
cat > nginx.conf <<END
daemon off; master_process off; worker_processes 1; pid $directory/pid; error_log $directory/log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:8390; root $directory; }
}
END
nginx -p $directory -c $directory/nginx.conf -e $directory/log &
for i in $(seq 500); do [ -s pid ] && break; sleep 0.02; done
wrk -t 1 -c 10 -d $2 http://127.0.0.1:8390/page > said
awk '/Requests\\/sec/ { printf "nginx %.0f\\n", 1e9 / $2 }' said
kill %1; wait
cd /; rm -r $directory
`;

// ---- Idle connections ----

const CONNECTIONS = 10_000;
const SETTLE_MS = 10_000;
const HOLD_MS = 40_000;

const IDLE_CONNECTIONS: Subject = {
  rows: [
    {
      name: "idle_connection",
      label: "private memory of an end of an idle connection, of 10 000",
      unit: "bytes",
      // 10 000 of them: 40 MB.
      goals: [atMost(4000)],
    },
  ],
  usualRuns: 1,
  leavesOut: (way) => (way.name === "native" ? "there is no sandbox" : undefined),
  async measure(way, place) {
    const { quick } = place.effort;
    const [settle, count, hold] = quick ? [1000, 100, 2000] : [SETTLE_MS, CONNECTIONS, HOLD_MS];
    const command = way.run(
      [place.program("crowd"), String(settle), String(count), String(hold)],
      place,
      false,
    );
    const { pid, ended } = startCommand(command, DEADLINE_MS);
    const dirty = () => memoryBytes(processesBelow(pid), "Private_Dirty");
    await sleep(settle * 0.9);
    const before = dirty();
    await sleep(settle * 0.1 + hold * 0.9);
    const after = dirty();
    await ended;
    return new Map([["idle_connection", Math.max(1, (after - before) / (2 * count))]]);
  },
};

// ---- A link ----

const PORT = "5390";
const SERVER = "10.243.0.1";
const CLIENT = "10.243.0.2";
/** Streams take a while until their windows are open. */
const BUDGETS = 5;

/** A process in a network namespace of its own, and its end. */
async function namespaceHolder(place: Workplace): Promise<{ pid: number; ended: Promise<unknown> }> {
  const child = spawn("unshare", ["-n", "sleep", "600"], { stdio: "ignore", detached: true });
  if (child.pid === undefined) throw new BenchError("unshare cannot be started");
  place.killAtEnd(child.pid);
  const ended = once(child, "exit");
  const own = readlinkSync("/proc/self/ns/net");
  for (let i = 0; i < 500; i++) {
    if (readlinkSync(`/proc/${child.pid}/ns/net`) !== own) return { pid: child.pid, ended };
    await sleep(10);
  }
  throw new BenchError("no network namespace");
}

const inside = (pid: number, ...words: string[]): string[] => [
  "nsenter",
  "-t",
  String(pid),
  "-n",
  "--",
  ...words,
];

async function joinByVeth(server: number, client: number): Promise<void> {
  const ip = (pid: number, words: string) =>
    runCommand(inside(pid, "ip", ...words.split(" ")), { deadlineMs: DEADLINE_MS });
  await ip(server, `link add e0 type veth peer name e0 netns ${client}`);
  for (const [pid, address] of [
    [server, SERVER],
    [client, CLIENT],
  ] as const) {
    await ip(pid, "link set lo up");
    await ip(pid, `addr add ${address}/24 dev e0`);
    await ip(pid, "link set e0 up");
  }
}

let servers = 0;

/** The command line of a server in that namespace, and of its end. */
function serverOf(
  way: Way,
  place: Workplace,
  namespace: string,
): { command: string[]; end: string[] | null } {
  const argv = [place.program("link"), "serve", PORT];
  if (way.container === undefined)
    return { command: ["nsenter", `--net=${namespace}`, "--", ...argv], end: null };
  const id = `${CONTAINERS}link-${servers++}`;
  const bundle = writeBundle(place.work, argv, false, namespace);
  const command = way.container(["--network=sandbox", "run", "--bundle", bundle, id]);
  const end = way.container(["delete", "--force", id]);
  if (way.isHere) return { command, end };
  // runsc takes a namespace that has all of /proc/sys/net for the host's own.
  const hidden = 'mount -t tmpfs none /proc/sys/net && exec "$@"';
  return {
    command: ["unshare", "-m", "--propagation", "private", "sh", "-c", hidden, "sh", ...command],
    end,
  };
}

const LINK: Subject = {
  rows: [
    { name: "link_to", label: "veth, TCP to the sandbox, 64 KiB", goals: [fasterThanRunsc(1.5)] },
    { name: "link_from", label: "veth, TCP from the sandbox, 64 KiB", goals: [fasterThanRunsc(1.5)] },
    { name: "link_trip", label: "veth, round trip of 1 B", goals: [fasterThanRunsc(2)] },
  ],
  missing() {
    if (process.getuid!() !== 0) return "links are made by root alone";
    const missing = ["ip", "unshare", "nsenter"].filter((name) => find(name) === undefined);
    return missing.length === 0 ? undefined : `${missing.join(", ")} not installed`;
  },
  leavesOut: (way) => (way.name.startsWith("runc") || way.name.startsWith("crun") ? "as native" : undefined),
  async measure(way, place, names) {
    const [server, client] = [await namespaceHolder(place), await namespaceHolder(place)];
    let held = -1;
    try {
      await joinByVeth(server.pid, client.pid);
      // As engines name one: nobody is in it, or its links would be left to the host's own stack.
      held = openSync(`/proc/${server.pid}/ns/net`, "r");
      killGroup(server.pid);
      await server.ended;
      const { command, end } = serverOf(way, place, `/proc/${process.pid}/fd/${held}`);
      const child = spawn(command[0]!, command.slice(1), { stdio: "ignore", detached: true });
      if (child.pid !== undefined) place.killAtEnd(child.pid);
      try {
        const budget = String(place.effort.budgetMs * BUDGETS);
        const argv = inside(client.pid, place.program("link"), budget, SERVER, PORT, ...names);
        const { stdout } = await runCommand(argv, { deadlineMs: DEADLINE_MS });
        return parseFigures(stdout, names);
      } finally {
        if (end !== null) await runCommand(end, { deadlineMs: DEADLINE_MS, quiet: true }).catch(() => {});
        killGroup(child.pid);
      }
    } finally {
      if (held >= 0) closeSync(held);
      killGroup(server.pid);
      killGroup(client.pid);
    }
  },
};

export const NETWORK: Suite = {
  name: "network",
  describe: "servers with load, idle connections, a link of the host",
  subjects: [
    redis("redis_tcp", "redis GET, TCP, 10 clients", "--port 6390", "-p 6390"),
    app({
      row: { name: "nginx", label: "nginx, 4 KiB, wrk with 10 connections", goals: [fasterThanRunsc(1.5)] },
      needs: [
        ["nginx", "nginx"],
        ["wrk", "wrk"],
      ],
      script: NGINX,
      arguments: amount(5, 1),
    }),
    IDLE_CONNECTIONS,
    LINK,
  ],
};
