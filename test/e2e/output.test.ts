// What commands write when there is no room for it, nobody who reads it, or no such place: a failure is told in one line and
// by the exit code, what can be written is, and nothing is left that is not whole.
//
// deadline: 240 s

import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ok, said, text } from "../said.ts";
import { ringfence, run, type SpawnResult } from "../spawn.ts";
import { shell, withBundle } from "./bundle.ts";

const directory = mkdtempSync(join(tmpdir(), "ringfence-output-"));
const full = join(directory, "full");
const results = join(directory, "results.json");
const DEADLINE_MS = 60_000;

/** A page of memory: the host takes as much of what is longer, and says nothing yet. */
const FULL = `mkdir -p ${full} && mount -t tmpfs -o size=4k none ${full} && `;

/** In a mount namespace of its own where there is a file system with room for a page. */
function withFull(script: string, args: readonly string[] = []): Promise<SpawnResult> {
  return run("unshare", ["--mount", "sh", "-c", FULL + script, ringfence, ...args], {
    deadlineMs: DEADLINE_MS,
  });
}

const ONE_LINE = /^ringfence: [^\n]*standard output cannot be written: ENOSPC[^\n]*\n$/;

test.before(async () => {
  const measured = ["bench", "getppid", "--quick", "--runs", "1", "--against", "native", "--json", results];
  ok(await run(ringfence, measured, { deadlineMs: DEADLINE_MS }));
});

test.after(() => rmSync(directory, { recursive: true, force: true }));

for (const words of [
  ["help"],
  ["help", "bench"],
  ["profile", "--help"],
  ["--version"],
  ["help", "syscalls"],
  ["features"],
  ["metrics", "--root", "/nowhere"],
  ["trace", "metadata"],
  ["bench", "--list"],
  ["bench", "--from", results, "--json", "-"],
]) {
  test(`a disk with room for a part: ${words.join(" ")}`, async () => {
    const result = await withFull(
      `head -c 4095 /dev/zero > ${full}/out; exec "$0" "$@" >> ${full}/out`,
      words,
    );
    assert.match(said(result), ONE_LINE);
    assert.is(result.code, 125);
  });

  test(`a disk with room for nothing: ${words.join(" ")}`, async () => {
    const result = await run("sh", ["-c", 'exec "$0" "$@" > /dev/full', ringfence, ...words]);
    assert.match(said(result), ONE_LINE);
    assert.is(result.code, 125);
  });

  test(`nobody reads: ${words.join(" ")}`, async () => {
    const script = 'set -o pipefail; "$0" "$@" | { exec <&-; sleep 2; }';
    const result = await run("bash", ["-c", script, ringfence, ...words]);
    assert.is(said(result), "");
    assert.is(result.code, 0);
  });
}

test("what a bench has measured is told wherever there is room for it", async () => {
  const page = `${full}/page.html`;
  const copy = join(directory, "copy.json");
  const script = `"$0" bench --from ${results} --html ${page} --json ${copy}; echo "ended with $?"; ls ${full}`;
  const result = await withFull(script);
  assert.match(text(result), /^\| getppid +\|.*\nended with 125\n$/ms);
  assert.match(said(result), /^ringfence: bench: [^\n]*page.html cannot be written: ENOSPC[^\n]*\n$/);
  assert.equal(JSON.parse(readFileSync(copy, "utf8")), JSON.parse(readFileSync(results, "utf8")));
  const none = await withFull(`exec "$0" bench --from ${results} --json ${copy} > /dev/full`);
  assert.is(none.code, 125);
  assert.equal(JSON.parse(readFileSync(copy, "utf8")), JSON.parse(readFileSync(results, "utf8")));
});

test("a file that cannot be written is told before anything is measured, and those beside it are not made", async () => {
  const made = join(directory, "made.html");
  for (const wrong of [directory, "/nowhere/results.json", "/proc/results.json"]) {
    const result = await run(ringfence, ["bench", "--html", made, "--json", wrong]);
    assert.match(said(result), new RegExp(`^ringfence: bench: ${wrong} cannot be written: [^\\n]*\\n$`));
    assert.is(text(result), "");
    assert.is(result.code, 125);
    assert.not(existsSync(made));
  }
  const before = readFileSync(results, "utf8");
  const words = ["bench", "--from", "/etc/hostname", "--json", results, "--html", made];
  assert.is((await run(ringfence, words)).code, 125);
  assert.is(readFileSync(results, "utf8"), before, "it was there before");
  assert.not(existsSync(made));
});

test("a bench without a place to work in says so", async () => {
  const env = { ...process.env, TMPDIR: "/nowhere" };
  const result = await run(ringfence, ["bench", "getppid", "--quick", "--runs=1"], {
    env,
    deadlineMs: DEADLINE_MS,
  });
  assert.match(said(result), /^ringfence: bench: ENOENT[^\n]*\/nowhere[^\n]*\n$/);
  assert.is(result.code, 125);
});

test("what was recorded of a command is told wherever there is room for it", async () => {
  const json = join(directory, "profile.json");
  const files = `--html ${full}/page --pprof /nowhere/pprof --json ${json}`;
  const early = await withFull(`exec "$0" profile ${files} -- echo ran`);
  assert.match(said(early), /^ringfence: profile: \/nowhere\/pprof cannot be written: [^\n]*\n$/);
  assert.is(text(early), "", "the command does not run");
  assert.not(existsSync(json));
  const late = `"$0" profile --html ${full}/page --json ${json} -- echo ran; echo "ended with $?"; ls ${full}`;
  const result = await withFull(late);
  assert.is(text(result), "ran\nended with 125\n");
  assert.match(
    said(result),
    /^Profile of a command: .*^ringfence: profile: [^\n]*page cannot be written: ENOSPC/ms,
  );
  assert.is(JSON.parse(readFileSync(json, "utf8")).subject.exitCode, 0);
});

test("events ends where there is no room for them, and by what a sandbox says that makes no sense", async () => {
  await withBundle(shell("sleep 1000"), async (bundle) => {
    ok(await bundle.runsDetached());
    const words = ["--root", bundle.root, "events", "--interval=50ms", bundle.id];
    const ended = await withFull(`exec "$0" "$@" > ${full}/out`, words);
    assert.match(said(ended), /^ringfence: events: standard output cannot be written: ENOSPC[^\n]*\n$/);
    assert.is(ended.code, 1);

    const path = join(bundle.root, bundle.id, "s");
    renameSync(path, `${bundle.directory}/s`);
    const liar = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        const { id, method } = JSON.parse(bytes.toString());
        const result = method === "state" ? { status: "running" } : { tasks: -1 };
        socket.write(`${JSON.stringify({ id, result })}\n`);
      });
    });
    await new Promise<void>((resolve) => liar.listen(path, resolve));
    try {
      const lied = await bundle.on("events", ["--stats"]);
      assert.match(said(lied), /^ringfence: events: [^\n]*tasks[^\n]*\n$/);
      assert.is(lied.code, 1);
    } finally {
      liar.close();
      rmSync(path, { force: true });
      renameSync(`${bundle.directory}/s`, path);
    }
  });
});

test("what cannot be done is said, and why", async () => {
  const file = join(directory, "file");
  writeFileSync(file, "");
  for (const [words, why] of [
    [
      ["bench", "getppid", "--platform", "", "--against", ""],
      /bench: there is nothing to run programs by: none is named/,
    ],
    [["bench", "--from", directory], new RegExp(`bench: ${directory} cannot be read: EISDIR`)],
    [["profile", "id", "echo", "a"], /profile: a command stands behind --: profile -- id echo a\n/],
    [["metric-server", "--address=unix:/nowhere/socket"], /metric-server: there is no directory \/nowhere\n/],
  ] as const) {
    const result = await run(ringfence, [...words]);
    assert.match(said(result), /^ringfence: [^\n]*\n$/);
    assert.match(said(result), why);
    assert.is(result.code, 125);
  }
  const metrics = await run(ringfence, ["--root", file, "metrics", `--extra-root=${file}/*`]);
  assert.match(said(metrics), new RegExp(`^ringfence: metrics: ${file} cannot be read: ENOTDIR[^\\n]*\n$`));
  assert.match(text(metrics), /^ringfence_states_unreadable 1$/m);
});

test("debug asks nobody by what is no connection", async () => {
  for (const connection of ["x", "-1", "99", "1e3"]) {
    const result = await run(ringfence, ["debug", "--pid=1", `--connection=${connection}`]);
    assert.match(said(result), /^ringfence: debug: --connection is a descriptor of a socket: [^\n]*\n$/);
    assert.is(result.code, 125);
  }
});

test.run();
