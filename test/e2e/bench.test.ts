// `ringfence bench` runs: every row has a figure, natively and in a sandbox. What the figures are is no test's
// business.
//
// deadline: 600 s
// alone: it measures, and fills the machine

import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { platform, ringfence, run } from "../spawn.ts";

const QUICK = ["--quick", "--runs", "1", "--against", "native"];

interface Row {
  suite: string;
  name: string;
  samples: Record<string, number[]>;
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
      for (const way of ["native", platform]) {
        assert.is(row.samples[way]?.length, 1, `${row.name} ${way}`);
        assert.ok(row.samples[way]![0]! > 0, `${row.name} ${way}`);
      }
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

test("--list prints suites, rows and goals", async () => {
  const { stdout, code } = await run(ringfence, ["bench", "--list"]);
  assert.is(code, 0);
  assert.match(stdout.toString(), /^syscall: .*\n {2}getppid +getppid +≤ 500 ns; ≤ 1\/4 of runsc; /);
  assert.match(stdout.toString(), /^density: /m);
});

const REFUSED: [string[], RegExp][] = [
  [["cooking"], /neither a suite nor a row: cooking/],
  [["--against", "gvisor"], /no way to run programs: gvisor/],
  [["--platform", "systrap:nosuch=1"], /no flag --nosuch/],
  [["--runs", "none"], /--runs is a number/],
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
