// Calls to the host fail at random, as the host may have them fail (src/workers/host_faults.ts), while guests work
// (work.c, and a shell). Whatever fails, a guest gets an errno or dies, and nothing else: the sandbox goes on and serves
// the next program, nothing hangs, nothing is left behind.
//
// A failure tells the seed. By hand:
//   FAULTS=SEED[-LAST] npm test -- faults/faults     these seeds alone; --long: 200 of them
//   FAULTS_IN=ONE,ONE... WORKS=NAME,...              faults of these native entries alone, these works alone
//
// deadline: 1500 s

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { proc, procLink, sandboxOf } from "../e2e/processes.ts";
import { compile, parse } from "../guest/program.ts";
import { Sandbox, told } from "../guest/sandbox.ts";
import { type PipedResult, runPiped } from "../guest/streams.ts";
import { counters, request, settled } from "../hostile/control.ts";
import { eventually, launcher, ringfence, run as spawned } from "../spawn.ts";

const SEEDS = process.env["RINGFENCE_TEST_LONG"] === "1" ? 200 : 8;
const WORK_DEADLINE_MS = 20_000;
/** How rare faults are: one call of so many fails. Some seeds stop a program early, some let it come far. */
const RATES = [400, 60, 1500, 150, 25];

const [firstSeed, lastSeed] = (process.env["FAULTS"] ?? `1-${SEEDS}`).split("-").map(Number);
const onlyIn = process.env["FAULTS_IN"]?.split(",") ?? [];
const onlyWorks = process.env["WORKS"]?.split(",");

const work = compile(parse(new URL("work.c", import.meta.url).pathname));
const WORKS = ["files", "lookups", "memory", "forks", "execs", "streams", "sockets", "threads", "signals"];

const SHELL = `
cd "$1" || exit 0
i=0
while [ $i -lt 15 ]; do
  i=$((i + 1))
  echo "line $i" > "$$.$i"
  [ "$(cat "$$.$i" | sed s/line/was/ | tr a-z A-Z)" ] || echo nothing
  (echo a; echo b) | sort -r | head -1 > /dev/null &
  for name in *; do [ -e "$name" ] && : ; done
  wait
  rm -f "$$.$i"
done 2> /dev/null
exit 0
`;

const CONFIGURATIONS = [
  { name: "changes in memory, solo", flags: ["--workers=solo", "--overlay2=root:memory"] },
  {
    name: "changes in the files themselves, a thread of its own, all patched",
    flags: ["--workers=1", "--patch=eager", "--overlay2=none"],
  },
];

interface Plan {
  seed: number;
  oneIn: number;
  only: string[];
}

function run(sandbox: Sandbox, program: string, args: readonly string[]): Promise<PipedResult> {
  return runPiped(launcher, sandbox.execArguments(program, args), {
    env: { PATH: "/usr/bin:/bin" },
    stdin: "",
    deadlineMs: WORK_DEADLINE_MS,
  });
}

function plan(sandbox: Sandbox, given: Plan): Promise<void> {
  return request(sandbox.socket, "fail_host_calls", given);
}

/** What was made to fail, as the log names it, with how often. */
function faultsIn(sandbox: Sandbox): string {
  const counts = new Map<string, number>();
  for (const [, what] of readFileSync(join(sandbox.root, "log"), "latin1").matchAll(
    /host fault: ([^"]*?): (?:errno \d+|\d+ of)/g,
  ))
    counts.set(what!, (counts.get(what!) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${what} ${count}`).join(", ");
}

/** Empty if it has ended by itself, by a signal, or never began, and has seen nothing that must not be. */
function wrongIn(name: string, { stdout, stderr, status }: PipedResult): string {
  const isFine = /^(0|1|2|12[5-9]|1[3-9]\d)$/.test(status) && !/BAD/.test(stdout);
  return isFine ? "" : `${name}: ${stdout}${stderr}status ${status}`;
}

/**
 * Descriptors that the kernel's process has, by what they name. Without handles of host files, which are a cache
 * (gofer/handles.ts), without accounts of helper threads (helper_threads.c), which begin when they are needed, and without what
 * is there once for all.
 */
function descriptorsOf(node: number): string[] {
  const isHandle = (fd: string) =>
    /^flags:\s+0?1\d{7}$/m.test(proc(node, `fdinfo/${fd}`) ?? "flags: 010000000");
  return readdirSync(`/proc/${node}/fd`)
    .filter((fd) => !isHandle(fd))
    .map((fd) => (procLink(node, `fd/${fd}`) ?? "").replace(/\d+/g, "N"))
    .filter((link) => !link.endsWith("/schedstat"))
    .sort();
}

/** The same, once it is as wanted, or a while later. */
async function settledDescriptors(node: number, wanted: string[]): Promise<string[]> {
  let now = descriptorsOf(node);
  await eventually(() => {
    now = descriptorsOf(node);
    return now.length === wanted.length;
  }, 3000);
  return now;
}

const others = suite("host faults: other sandboxes");

others("have none", async () => {
  const sandbox = await Sandbox.start([]);
  try {
    const refused = await plan(sandbox, { seed: 1, oneIn: 1, only: [] }).then(() => "granted", String);
    assert.match(refused, /ERR_STATE.*--host-faults/);
    const { stderr, code } = await spawned(ringfence, ["do", "--host-faults", "true"]);
    assert.is(code, 125);
    assert.match(stderr.toString(), /host-faults/);
  } finally {
    await sandbox.endWell();
  }
});

others.run();

for (const { name, flags } of CONFIGURATIONS) {
  const tests = suite(`host faults: ${name}`);
  let directory: string;
  let sandbox: Sandbox;
  let before: Record<string, number>;
  let node: number;
  let descriptors: string[];

  async function start(): Promise<void> {
    sandbox = await Sandbox.start(["--debug", ...flags], ["--host-faults"]);
    await everyWork(); // what is made once is made now
    await isServed();
    before = await settled(sandbox.socket);
    node = (await sandboxOf(sandbox.pid, false)).node;
    descriptors = descriptorsOf(node);
  }

  /** Another program does as it should; it takes away what was made. */
  async function isServed(): Promise<void> {
    const { stdout } = await run(sandbox, "/bin/sh", ["-c", 'rm -rf "$1"/*; echo well', "sh", directory]);
    assert.is(stdout, "well\n", "another program is not served");
  }

  async function everyWork(): Promise<void> {
    const runs: Record<string, Promise<PipedResult>> = {};
    for (const one of [...WORKS, "shell"])
      if (onlyWorks === undefined || onlyWorks.includes(one))
        runs[one] =
          one === "shell"
            ? run(sandbox, "/bin/sh", ["-c", SHELL, "sh", directory])
            : run(sandbox, work, [one, "1", directory]);
    const results = await Promise.all(Object.values(runs));
    const wrong = Object.keys(runs).map((one, i) => wrongIn(one, results[i]!));
    assert.is(wrong.filter((text) => text !== "").join("\n"), "");
  }

  tests.before(() => {
    directory = mkdtempSync(join(tmpdir(), "ringfence-faults-"));
    return told(start());
  });

  tests.after(async () => {
    await told(sandbox.endWell());
    rmSync(directory, { recursive: true, force: true });
  });

  for (let seed = firstSeed!; seed <= (lastSeed ?? firstSeed!); seed++) {
    const oneIn = Number(process.env["FAULTS_ONE_IN"] ?? RATES[seed % RATES.length]);
    tests(`seed ${seed}: one call in ${oneIn}`, async () => {
      if (!sandbox.running) await start();
      try {
        const { hostFaults } = await counters(sandbox.socket);
        await plan(sandbox, { seed, oneIn, only: onlyIn });
        await everyWork();
        assert.ok(sandbox.running, "the sandbox has ended");
        await plan(sandbox, { seed, oneIn: 0, only: [] });
        await isServed();
        const after = await settled(sandbox.socket, before);
        assert.equal(after, before, "counters are not what they were");
        const open = await settledDescriptors(node, descriptors);
        assert.equal(open, descriptors, "descriptors are left open");
        const now = await counters(sandbox.socket);
        assert.is(now["handlerErrors"], 0, "the kernel has thrown");
        assert.ok(onlyIn.length > 0 || now["hostFaults"]! > hostFaults!, "nothing was made to fail");
      } catch (error) {
        (error as Error).message +=
          `\nseed ${seed}, one call in ${oneIn}: ${faultsIn(sandbox)}${sandbox.report}`;
        // The next seed gets a sandbox that nobody has harmed.
        await sandbox.end();
        throw error;
      }
    });
  }

  tests.run();
}
