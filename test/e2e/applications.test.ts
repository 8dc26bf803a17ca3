// The table of applications (docs/applications.md): applications do in a sandbox what they do natively, and what runs them
// says so; each of their files has the lines that it needs.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { applications } from "../../bench/applications/application.ts";
import { compare } from "../../bench/applications/compare.ts";
import { chosenBy, missing, upstream } from "../../bench/applications/packages.ts";
import { checkout, run } from "../spawn.ts";

const SOME = ["dash", "git", "sqlite3"];
const DEADLINE_MS = 110_000;

const all = applications();
const named = (name: string) => all.find((one) => one.name === name)!;

/** What an application says, to the comparison. */
const said = (lines: readonly string[], code = 0) => ({ lines, code, why: "", seconds: 1 });

test("some applications do the same as natively", async () => {
  const there = SOME.filter((name) => !missing(named(name)));
  if (there.length === 0 || process.getuid!() !== 0) return;
  const script = join(checkout, "scripts/applications.ts");
  const args = ["--no-warnings", script, "--ways=systrap", ...there];
  const { stdout, stderr, code } = await run(process.execPath, args, { deadlineMs: DEADLINE_MS });
  assert.is(code, 0, stderr.toString());
  const rows = stdout.toString().split("\n");
  for (const name of there)
    assert.ok(
      rows.some((row) => row.startsWith(`| ${name} |`) && row.includes("| same |")),
      stdout.toString(),
    );
});

test("each has a name of its own, and is shell", () => {
  assert.is(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { script } of all) execFileSync("bash", ["-n"], { input: script });
});

test("the document tells of each", () => {
  const text = readFileSync(join(checkout, "docs/applications.md"), "utf8");
  const absent = all.filter(({ name }) => !text.includes(`| ${name} |`)).map(({ name }) => name);
  assert.equal(absent, []);
});

test("a version is that of what does the work, as its makers number it", () => {
  for (const [version, makers] of [
    ["5.2.37-2+b10", "5.2.37"],
    ["1:14.0.6-12", "14.0.6"],
    ["4:13.2.0-3+really12.2.0-3", "12.2.0"],
    ["17.0.19+10-1~deb12u2", "17.0.19"],
    ["", ""],
  ] as const)
    assert.is(upstream(version), makers);
  for (const [name, depends, chosen] of [
    ["gcc", "cpp (= 4:13.2.0-3), gcc-12 (>= 12.2.0-1~)", "gcc-12"],
    ["php-cli", "php8.4-cli, php-common:any", "php8.4-cli"],
    ["golang-go", "golang-src (>= 2:1.24~2), golang-1.24-go", "golang-1.24-go"],
    [
      "default-jdk-headless",
      "default-jre-headless (= 2:1.17-74), openjdk-17-jdk-headless",
      "openjdk-17-jdk-headless",
    ],
    ["git", "libc6 (>= 2.38), perl, liberror-perl, git-man (>> 1:2.47.3)", "git"],
  ] as const)
    assert.is(chosenBy(name, depends), chosen);
});

test("what differs is told", () => {
  const plain = named("dash");
  assert.is(compare(plain, said(["a", "b"]), said(["a", "b"]), true).text, "same");
  assert.is(compare(plain, said(["a", "b"]), said(["a", "c"]), true).text, "1 line differs");
  assert.is(compare(plain, said(["a", "b"]), said(["c", "d"]), true).text, "2 lines differ");
  assert.is(compare(plain, said(["a"]), said(["a"], 3), true).text, "ends with 3");
  const suite = named("glib");
  const native = said(["one ok", "two ok", "three FAIL", "x /random/seed:1 ok"]);
  assert.is(compare(suite, native, said(["one ok", "two ok", "three ok"]), true).text, "same, 3 tests but 1");
  const wrong = compare(suite, native, said(["one ok", "two FAIL"]), true);
  assert.equal(wrong.differences, ["two: ok natively, here FAIL"]);
});

test("what is known to fail must fail, here and not elsewhere", () => {
  const failing = { ...named("dash"), fails: "needs what there is not" };
  const works = said(["1"]);
  assert.is(compare(failing, works, works, true).isSame, false);
  assert.is(compare(failing, works, works, false).isSame, true);
  assert.is(compare(failing, works, said([], 1), true).isSame, true);
});

test.run();
