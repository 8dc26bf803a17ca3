// The figures of docs/performance.md: each subject natively, in Ringfence and in gVisor's runsc, in turn
// (A B C A B C ...), as medians with the range that was seen. As root, on a quiet machine:
//
//   node bench/foundation.mjs [ROUNDS [SUBJECT...]]     5 rounds and all subjects by default
//
// runsc comes from the Debian package of that name; without it its column stays empty.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const IDLE_S = 60;
const SETTLE_MS = 10_000; // V8 tidies its heap some seconds after the start

const runtimes = {
  native: [],
  ringfence: [join(here, "../bin/ringfence"), "do", "--"],
  runsc: ["runsc", "--network=none", "--ignore-cgroups", "do"],
};
if (spawnSync("runsc", ["--version"]).error) delete runtimes.runsc;

const rounds = Number(process.argv[2] ?? 5);
const chosen = process.argv.slice(3);
const work = mkdtempSync(join(tmpdir(), "ringfence-bench."));
const calls = join(work, "calls");
execFileSync("gcc", ["-O2", "-static", "-o", calls, join(here, "calls.c")]);

function run(prefix, command) {
  const [program, ...args] = [...prefix, ...command];
  const from = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const ms = Number(process.hrtime.bigint() - from) / 1e6;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${status} ${stderr}`);
  return { ms, stdout };
}

const wall = (command) => (prefix) => run(prefix, command).ms;
const inside = (command) => (prefix) => Number(run(prefix, command).stdout) / 1000;

/** Subject -> [unit, how it is measured under a runtime]. */
const subjects = {
  "do true": ["ms", wall(["true"])],
  getppid: ["µs", inside([calls, "getppid", "100000"])],
  "fork+exit+wait": ["µs", inside([calls, "fork", "1000"])],
  "find /usr": ["ms", wall(["find", "/usr", "-type", "f", "-name", "*.py"])],
  "1 GiB pipe": ["ms", wall(["sh", "-c", "dd if=/dev/zero bs=64k count=16384 2>/dev/null | cat >/dev/null"])],
};

function processesBelow(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // it ended meanwhile
    }
  }
  const found = [pid];
  for (let i = 0; i < found.length; i++)
    for (const [child, parent] of parents) if (parent === found[i]) found.push(child);
  return found;
}

function usage(pids) {
  let ticks = 0;
  const kib = { Clean: 0, Dirty: 0 };
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
    for (const [, kind, size] of rollup.matchAll(/^Private_(Clean|Dirty): +(\d+) kB/gm))
      kib[kind] += Number(size);
  }
  return { ticks, kib };
}

/** CPU time over a minute and private memory, dirty + clean, of all processes of a sandbox that sleeps. */
async function idle(prefix) {
  const [program, ...args] = [...prefix, "sleep", String(IDLE_S + 2 * (SETTLE_MS / 1000))];
  const child = spawn(program, args, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  await sleep(SETTLE_MS);
  const pids = processesBelow(child.pid);
  const before = usage(pids);
  await sleep(IDLE_S * 1000);
  const after = usage(pids);
  await ended;
  const mib = (kib) => (kib / 1024).toFixed(1);
  return `${(after.ticks - before.ticks) * 10} ms CPU, ${mib(after.kib.Dirty)} + ${mib(after.kib.Clean)} MiB`;
}

function shown(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const text = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
  return `${text(sorted[sorted.length >> 1])} (${text(sorted[0])}-${text(sorted.at(-1))})`;
}

try {
  console.log(
    `| subject | ${Object.keys(runtimes).join(" | ")} |\n|---|${"---|".repeat(Object.keys(runtimes).length)}`,
  );
  for (const [name, [unit, measure]] of Object.entries(subjects)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const values = Object.fromEntries(Object.keys(runtimes).map((runtime) => [runtime, []]));
    for (const prefix of Object.values(runtimes)) measure(prefix); // caches are warm for all
    for (let round = 0; round < rounds; round++)
      for (const [runtime, prefix] of Object.entries(runtimes)) values[runtime].push(measure(prefix));
    console.log(`| ${name}, ${unit} | ${Object.values(values).map(shown).join(" | ")} |`);
  }
  if (chosen.length === 0 || chosen.includes("idle")) {
    const cells = [];
    for (const [runtime, prefix] of Object.entries(runtimes))
      cells.push(runtime === "native" ? "" : await idle(prefix));
    console.log(`| idle, 60 s | ${cells.join(" | ")} |`);
  }
} finally {
  rmSync(work, { recursive: true });
}
