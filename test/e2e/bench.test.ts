// `ringfence bench` runs: every row has a figure, natively and in a sandbox. What the figures are is no test's
// business.
//
// deadline: 600 s
// alone: it measures, and fills the machine

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually, platform, ringfence, run } from "../spawn.ts";

const QUICK = ["--quick", "--runs", "1", "--against", "native"];

interface Row {
  suite: string;
  name: string;
  meanwhile: { distance: [number, number] | null };
  samples: Record<string, number[]>;
}

interface Failure {
  what: string;
}

for (const suite of ["syscall", "file", "process", "memory", "net"])
  test(`the suite ${suite} has a figure for each row`, async () => {
    const { stdout, stderr, code } = await run(ringfence, ["bench", suite, ...QUICK, "--json", "-"], {
      deadlineMs: 60_000,
    });
    assert.is(stderr.toString(), "");
    assert.is(code, 0);
    const { rows, ways } = JSON.parse(stdout.toString()) as { rows: Row[]; ways: { name: string }[] };
    assert.equal(
      ways.map(({ name }) => name),
      ["native", platform],
    );
    assert.ok(rows.length >= 7);
    for (const row of rows) {
      assert.is(row.suite, suite);
      const [least, most] = row.meanwhile.distance ?? [0, 0];
      assert.ok(least <= most && least > 0 === cpus().length > 1, `${row.name}: ${least} to ${most} ns`);
      for (const way of ["native", platform]) {
        assert.is(row.samples[way]?.length, 1, `${row.name} ${way}`);
        assert.ok(row.samples[way]![0]! > 0, `${row.name} ${way}`);
      }
    }
  });

test("a run that is ended tells what it has measured", async () => {
  const directory = mkdtempSync(join(tmpdir(), "rf-bench-test-"));
  try {
    const file = join(directory, "results.json");
    const words = ["--quick", "--runs", "1000", "--against", "native", "--json", file];
    const child = spawn(ringfence, ["bench", "getppid", "lseek", ...words], { stdio: "ignore" });
    const ended = once(child, "exit");
    await setTimeout(5000);
    child.kill("SIGINT");
    assert.equal(await ended, [130, null]);
    const { rows, failures } = JSON.parse(readFileSync(file, "utf8")) as { rows: Row[]; failures: Failure[] };
    assert.is(failures.at(-1)!.what, "the run");
    assert.ok(rows.length < 2 || rows.some(({ samples }) => samples[platform]!.length < 1000));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a program that is ended natively leaves nothing", async () => {
  if (spawnSync("which", ["redis-server"]).status !== 0) return console.log("redis is missing");
  const place = mkdtempSync(join(tmpdir(), "rf-bench-test-"));
  try {
    const words = ["bench", "redis_tcp", "--quick", "--runs", "1000", "--platform=", "--against", "native"];
    const child = spawn(ringfence, words, { stdio: "ignore", env: { ...process.env, TMPDIR: place } });
    const ended = once(child, "exit");
    const names = () => readdirSync(place, { recursive: true }).map(String);
    // By mktemp(1), and what the server writes there.
    const runs = () => names().some((name) => /(^|\/)tmp\.\w+\/ping$/.test(name));
    assert.ok(await eventually(runs, 30_000), names().join(" "));
    child.kill("SIGINT");
    assert.equal(await ended, [130, null]);
    assert.equal(names(), []);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

for (const suite of ["startup", "docker", "idle", "apps", "network", "density"])
  test(`the suite ${suite} runs in a sandbox, so far as its programs are installed`, async () => {
    const { stdout, stderr, code } = await run(ringfence, ["bench", suite, ...QUICK, "--json", "-"], {
      deadlineMs: 120_000,
    });
    assert.is(stderr.toString(), "");
    const { rows, missing, failures } = JSON.parse(stdout.toString()) as {
      rows: Row[];
      missing: string[];
      failures: object[];
    };
    for (const what of missing) console.log(what);
    assert.equal(failures, []);
    assert.is(code, 0);
    for (const row of rows) assert.is(row.samples[platform]?.length, 1, row.name);
  });

test("rows can be asked for by name; the table and a file of JSON come from one run", async () => {
  const file = join(tmpdir(), `ringfence-bench-${process.pid}.json`);
  try {
    const args = ["bench", "getppid", "do_true", ...QUICK, "--platform", "systrap,systrap:debug=true"];
    const { stdout, stderr, code } = await run(ringfence, [...args, "--json", file], { deadlineMs: 60_000 });
    assert.is(stderr.toString(), "");
    assert.is(code, 0);
    assert.match(stdout.toString(), /^\| syscall +\| native +\| systrap +\| systrap:debug=true +\|/m);
    assert.match(stdout.toString(), /^\| `do true` +\| \d/m);
    const { rows } = JSON.parse(readFileSync(file, "utf8")) as { rows: Row[] };
    assert.equal(
      rows.map(({ name }) => name),
      ["getppid", "do_true"],
    );
  } finally {
    rmSync(file, { force: true });
  }
});

test("containers of a run that is ended are not left", async () => {
  if (spawnSync("which", ["runc"]).status !== 0 || process.getuid!() !== 0)
    return console.log("runc is missing, or root's rights");
  const words = ["bench", "getppid", "--quick", "--runs", "1000", "--platform=", "--against=runc"];
  const child = spawn(ringfence, words, { stdio: "ignore" });
  const ended = once(child, "exit");
  const ids = () => {
    const { stdout } = spawnSync("runc", ["list", "--quiet"], { encoding: "utf8" });
    return stdout.split("\n").filter((id) => id.startsWith("ringfence-bench-"));
  };
  // Of the first rounds; the probe is not cleared away.
  assert.ok(await eventually(() => ids().some((id) => /-[1-9]\d*$/.test(id)), 30_000));
  child.kill("SIGINT");
  assert.equal(await ended, [130, null]);
  assert.equal(ids(), []);
  const left = existsSync("/run/runc") ? readdirSync("/run/runc") : [];
  assert.equal(
    left.filter((name) => name.startsWith(`ringfence-bench-${child.pid}-`)),
    [],
  );
});

test("a container of runc runs, where that is installed", async () => {
  if (spawnSync("which", ["runc"]).status !== 0 || process.getuid!() !== 0)
    return console.log("runc is missing, or root's rights");
  const args = ["bench", "getppid", ...QUICK, "--platform=", "--against=runc", "--json", "-"];
  // Its caller has few descriptors to give, and may raise no limit.
  const few = ["--nofile=4096", "setpriv", "--bounding-set=-sys_resource", ringfence, ...args];
  const { stdout, stderr, code } = await run("prlimit", few, { deadlineMs: 60_000 });
  assert.is(code, 0, stderr.toString());
  const { rows, missing } = JSON.parse(stdout.toString()) as { rows: Row[]; missing: string[] };
  assert.equal(missing, []);
  assert.is(rows[0]!.samples["runc"]?.length, 1);
});

test("--list prints suites, rows and goals", async () => {
  const { stdout, code } = await run(ringfence, ["bench", "--list"]);
  assert.is(code, 0);
  assert.match(stdout.toString(), /^syscall: .*\n {2}getppid +getppid +≤ 350 ns; ≤ 1\/4 of runsc; /);
  assert.match(stdout.toString(), /^density: /m);
});

interface Stored {
  rows: Row[];
  runs: number;
}

test("what has changed since an earlier run is told; a row past the threshold ends it with 1", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-bench-"));
  const file = (name: string) => join(directory, name);
  const bench = (...args: string[]) => run(ringfence, ["bench", ...args], { deadlineMs: 60_000 });
  try {
    const { code, stdout } = await bench("getppid", "stat", ...QUICK, "--json", "-");
    assert.is(code, 0);
    /** As if it had been measured ten times. */
    const write = (name: string, factor: number) => {
      const stored = JSON.parse(stdout.toString()) as Stored;
      stored.runs = 10;
      for (const { name, samples } of stored.rows)
        for (const way of ["native", platform])
          samples[way] = Array.from({ length: 10 }, (_, at) => {
            const here = name === "stat" && way === platform ? factor : 1;
            return 1000 * here * (1 + 0.01 * at);
          });
      writeFileSync(file(name), JSON.stringify(stored));
    };
    write("before", 1);
    write("now", 1.3);

    const same = await bench("--from", file("before"), "--compare", file("before"), "--threshold", "5");
    assert.is(same.stderr.toString(), "");
    assert.is(same.code, 0);
    assert.match(same.stdout.toString(), /^here: 0 worse, 0 better, 2 without/m);
    assert.match(same.stdout.toString(), /^threshold: nothing is worse by more than 5 %$/m);

    const page = ["--html", file("page")];
    const slower = await bench(
      "--from",
      file("now"),
      "--compare",
      file("before"),
      "--threshold",
      "5",
      ...page,
    );
    assert.is(slower.code, 1);
    assert.match(slower.stdout.toString(), /^\| slower \| stat of 3 components +\|/m);
    assert.match(slower.stdout.toString(), /^THRESHOLD: worse by more than 5 %: stat on /m);
    assert.match(readFileSync(file("page"), "utf8"), /^<!doctype html>.*"title":"Since the earlier run"/s);

    const loose = await bench("--from", file("now"), "--compare", file("before"), "--threshold", "50");
    assert.is(loose.code, 0);
    const faster = await bench("--from", file("before"), "--compare", file("now"), "--threshold", "5");
    assert.is(faster.code, 0);
    assert.match(faster.stdout.toString(), /^\| faster \| stat of 3 components +\|/m);

    // A single run says nothing, and would be measured in vain.
    const blind = await bench("stat", ...QUICK, "--compare", file("before"), "--threshold", "5");
    assert.is(blind.code, 125);
    assert.match(blind.stderr.toString(), /--threshold: so few runs, .* --runs 4 then and now would do/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

const REFUSED: [string[], RegExp][] = [
  [["cooking"], /neither a suite nor a row: cooking/],
  [["--against", "gvisor"], /no way to run programs: gvisor/],
  [["--platform", "systrap:nosuch=1"], /no flag --nosuch/],
  [["--runs", "none"], /--runs is a number/],
  [["--threshold", "5"], /--threshold needs a run to compare with/],
  [["--compare", "/dev/null", "--threshold", "much"], /--threshold is a number of percent/],
  [["--from", "/etc/hostname"], /\/etc\/hostname is no file of `bench --json`/],
  [["--compare", "/nowhere"], /ENOENT/],
];
for (const [args, why] of REFUSED)
  test(`refused: bench ${args.join(" ")}`, async () => {
    const { stdout, stderr, code } = await run(ringfence, ["bench", ...args]);
    assert.is(code, 125);
    assert.is(stdout.length, 0);
    assert.match(stderr.toString(), /^ringfence: bench: [^\n]+\n$/);
    assert.match(stderr.toString(), why);
  });

test.run();
