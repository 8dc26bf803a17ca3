// linux.resources as files of control groups: what create and update leave there, compared with runc's; and groups by name.
// Skipped, and said so, where runc is not installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { ringfence } from "../spawn.ts";
import { type Bundle, shell, withBundle } from "./bundle.ts";
import { withUnifiedRuntime } from "./unified_runtime.ts";

const works = spawnSync("runc", ["--version"]).status === 0;
const test = suite("cgroups");
if (!works) console.log("skipped: no runc");

const HEADROOM = 64; // CGROUP_TASKS_HEADROOM
const MIB = 1 << 20;
const SLEEP = shell("sleep 100");

/** Files that say what was set, not what was used. */
const SETTINGS =
  /^(memory\.(limit|soft_limit|memsw\.limit)_in_bytes|memory\.(swappiness|oom_control)|cpu\.(shares|cfs_.*|rt_.*)|cpuset\.(cpus|mems)|pids\.max|blkio\..*(weight.*|_device))$/;

function settings(bundle: Bundle, headroom: number): Record<string, string> {
  const found: Record<string, string> = {};
  for (const directory of bundle.cgroups().filter((path) => existsSync(path)))
    for (const name of readdirSync(directory).filter((file) => SETTINGS.test(file))) {
      const path = join(directory, name);
      if (!statSync(path).isFile()) continue;
      const text = readFileSync(path, "latin1").replace(/^under_oom .*\n|^oom_kill .*\n/gm, "");
      const isLimit = name === "pids.max" && text !== "max\n";
      found[`${basename(dirname(directory))}/${name}`] = isLimit ? `${Number(text) - headroom}\n` : text;
    }
  return found;
}

const EVERYTHING = {
  memory: {
    limit: 256 * MIB,
    swap: 512 * MIB,
    reservation: 128 * MIB,
    swappiness: 0,
    disableOOMKiller: true,
  },
  cpu: {
    shares: 300,
    quota: 90_000,
    period: 50_000,
    cpus: "0",
    mems: "0",
    realtimeRuntime: 1000,
    realtimePeriod: 900_000,
  },
  pids: { limit: 33 },
  blockIO: { weight: 200 },
};
const UPDATES: string[][] = [
  ["--memory", "300M", "--memory-swap", "-1", "--memory-reservation", "64M", "--cpu-share", "1000"],
  ["--cpu-quota", "70000", "--cpuset-cpus", "0", "--pids-limit", "44"],
  ["--cpu-period", "80000", "--memory", "-1", "--pids-limit", "-1"],
];

test("create and update leave the files that runc leaves", async () => {
  const seen: Record<string, string>[][] = [];
  for (const [runtime, headroom] of [
    ["runc", 0],
    [ringfence, HEADROOM],
  ] as const)
    await withBundle(
      SLEEP,
      async (bundle) => {
        ok(await bundle.create());
        const states = [settings(bundle, headroom)];
        for (const flags of UPDATES) {
          ok(await bundle.on("update", flags));
          states.push(settings(bundle, headroom));
        }
        seen.push(states);
      },
      ({ linux }) => (linux.resources = EVERYTHING),
      runtime,
    );
  assert.ok(Object.keys(seen[0]![0]!).length > 10);
  assert.equal(seen[1], seen[0]);
});

test("a limit of tasks by the name of its file is that of the guests as well", async () => {
  await withBundle(
    shell("i=0; while [ $i -lt 9 ]; do sleep 5 & i=$((i + 1)); done 2>&1; :"),
    async (bundle) => {
      assert.match(text(await bundle.runs()), /can't fork/);
      ok(await bundle.create());
      const limits = Object.entries(settings(bundle, HEADROOM)).filter(([name]) =>
        name.endsWith("/pids.max"),
      );
      assert.equal(
        limits.map(([, value]) => value),
        ["7\n"],
      );
    },
    ({ linux }) => (linux.resources = { unified: { "pids.max": "7" } }),
  );
});

test("a small share of the CPU does not make create slow", async () => {
  await withBundle(
    SLEEP,
    async (bundle) => {
      ok(await bundle.create());
      const cpu = bundle.cgroups().find((path) => existsSync(join(path, "cpu.cfs_quota_us")));
      if (cpu !== undefined) assert.is(readFileSync(join(cpu, "cpu.cfs_quota_us"), "latin1"), "1000\n");
    },
    ({ linux }) => {
      linux.resources = { cpu: { quota: 1000, period: 1_000_000 } };
    },
  );
});

const REFUSED: [string, object][] = [
  ["too few shares", { cpu: { shares: 1 } }],
  ["a CPU that is not there", { cpu: { cpus: "9999" } }],
  ["swap without memory", { memory: { swap: 256 * MIB } }],
  [
    "a device that is not there",
    { blockIO: { throttleReadBpsDevice: [{ major: 99, minor: 0, rate: 1000 }] } },
  ],
  ["weights of leaves", { blockIO: { leafWeight: 100 } }],
  ["a page size that is not there", { hugepageLimits: [{ pageSize: "3MB", limit: 0 }] }],
];

test("what runc refuses is refused, and nothing is left", async () => {
  for (const [name, resources] of REFUSED)
    for (const runtime of ["runc", ringfence])
      await withBundle(
        SLEEP,
        async (bundle) => {
          assert.is((await bundle.create()).code, 1, `${runtime}: ${name}`);
          assert.equal(bundle.left(), [], `${runtime}: ${name}`);
        },
        ({ linux }) => (linux.resources = resources),
        runtime,
      );
});

test("exec --cgroup takes groups below the container's", async () => {
  await withBundle(
    SLEEP,
    async (bundle) => {
      ok(await bundle.create());
      ok(await bundle.on("start"));
      const paths = bundle.cgroups().filter((path) => existsSync(path));
      const one = paths.find((path) => path.includes("/pids/"))!;
      mkdirSync(join(one, "below"));
      const pidFile = join(bundle.directory, "pid");
      ok(await bundle.execsDetached(["--cgroup", "pids:below", "--pid-file", pidFile], SLEEP));
      const pid = readFileSync(pidFile, "latin1");
      assert.is(readFileSync(join(one, "below/cgroup.procs"), "latin1").trim(), pid);
      for (const [name, says] of [
        ["pids:nosuch", /No such file/],
        ["below", /No such file/], // of the other hierarchies
        ["../x", /invalid --cgroup/],
        ["nosuch:below", /unknown controller/],
      ] as const) {
        const result = await bundle.on("exec", ["--cgroup", name], ["/bin/true"]);
        assert.is(result.code, 255, name);
        assert.match(said(result), says);
      }
    },
    ({ linux }) => linux.namespaces.push({ type: "cgroup", path: "/proc/self/ns/cgroup" }),
  );
});

test("a host with control groups of v2 alone", async () => {
  await withUnifiedRuntime(async (runtime) => {
    await withBundle(
      SLEEP,
      async (bundle) => {
        ok(await bundle.create());
        const there = bundle.cgroups().filter((path) => existsSync(path));
        assert.is(there.length, 1);
        assert.match(there[0]!, /unified/);
        assert.is.not(readFileSync(join(there[0]!, "cgroup.procs"), "latin1"), "");
        ok(await bundle.on("delete", ["--force"]));
        assert.equal(bundle.left(), []);
        bundle.configure(SLEEP, ({ linux }) => (linux.resources = { pids: { limit: 5 } }));
        assert.match(said(await bundle.create()), /no such control group/);
        assert.equal(bundle.left(), []);
      },
      () => {},
      runtime,
    );
  });
});

if (works) test.run();
