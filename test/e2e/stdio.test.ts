// Standard streams pass byte for byte; exit codes are what a shell expects.

import { randomBytes } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ringfence, run, type SpawnOptions } from "../spawn.ts";

function sandboxed(args: string[], options: SpawnOptions = {}) {
  return run(ringfence, ["do", "--", "busybox", ...args], options);
}

test("every byte passes from standard input to standard output", async () => {
  const input = randomBytes(8 << 20);
  const result = await sandboxed(["cat"], { input });
  assert.is(result.code, 0, result.stderr.toString());
  assert.ok(result.stdout.equals(input), `${result.stdout.length} of ${input.length} bytes`);
  assert.is(result.stderr.length, 0);
});

test("standard error is not standard output", async () => {
  const result = await sandboxed(["nosuchapplet"]);
  assert.is(result.code, 127);
  assert.is(result.stdout.length, 0);
  assert.match(result.stderr.toString(), "nosuchapplet");
});

test("arguments and environment are bytes", async () => {
  // From a shell: Node would write arguments as UTF-8.
  const script = `"$1" do busybox printf '%s' "$(printf 'a\\377\\200b')" | od -An -tx1`;
  const result = await run("/bin/sh", ["-c", script, "sh", ringfence]);
  assert.is(result.stdout.toString().trim(), "61 ff 80 62");
});

const EXITS: [string[], number][] = [
  [["true"], 0],
  [["false"], 1],
];
for (const [args, code] of EXITS)
  test(`busybox ${args.join(" ")} ends with ${code}`, async () => {
    assert.is((await sandboxed(args)).code, code);
  });

test("what is not found ends with 127, what is not executable with 126, each with one line", async () => {
  const missing = await run(ringfence, ["do", "no-such-command"]);
  assert.is(missing.code, 127);
  assert.is(missing.stderr.toString(), "ringfence: no-such-command: command not found\n");
  const missingFile = await run(ringfence, ["do", "/no/such/file"]);
  assert.is(missingFile.code, 127);
  const plain = await run(ringfence, ["do", "/etc/passwd"]);
  assert.is(plain.code, 126);
  assert.is(plain.stderr.toString(), "ringfence: /etc/passwd: Permission denied\n");
});

test("a stream that is a regular file is waited for by who wants nothing of it", async () => {
  const program = "import select; p = select.poll(); p.register(1, 0); print(p.poll(50))";
  const script = 'f=$(mktemp); "$1" do python3 -c "$2" > "$f"; cat "$f"; rm "$f"';
  const result = await run("/bin/sh", ["-c", script, "sh", ringfence, program]);
  assert.is(result.stdout.toString(), "[]\n", result.stderr.toString());
});

test("a reader that leaves ends the writer", async () => {
  const result = await run("/bin/sh", ["-c", `"$1" do busybox yes | head -1`, "sh", ringfence]);
  assert.not.ok(result.timedOut);
  assert.is(result.stdout.toString(), "y\n");
});

test("a reader sees end of file when the guest has ended, whoever else held the pipe", async () => {
  const result = await run("/bin/sh", ["-c", `"$1" do busybox echo one | cat; echo two`, "sh", ringfence]);
  assert.is(result.stdout.toString(), "one\ntwo\n");
});

test("closed standard streams do not confuse the numbering", async () => {
  const result = await run("/bin/sh", ["-c", `"$1" do busybox echo out 0<&- 2>&-`, "sh", ringfence]);
  assert.is(result.stdout.toString(), "out\n");
});

test("a stream that the caller closed is closed in the program", async () => {
  const list = "for fd in 0 1 2; do test -e /proc/self/fd/$fd && printf $fd >&9; done";
  for (const [closed, open] of [
    ["<&- >&-", "2"],
    ["2>&-", "01"],
    ["<&- >&- 2>&-", ""],
  ]) {
    // The program says it into a file, since any stream may be the one that is closed.
    const script = `f=$(mktemp) && "$1" --overlay2=none do -- /bin/sh -c 'exec 9>"$0"; ${list}' "$f" ${closed}; cat "$f"; rm "$f"`;
    const result = await run("/bin/sh", ["-c", script, "sh", ringfence]);
    assert.is(result.stdout.toString(), open);
  }
});

test("a wrong command line is explained in one line with code 125", async () => {
  const result = await run(ringfence, ["--platform", "nosuch", "do", "true"]);
  assert.is(result.code, 125);
  assert.match(result.stderr.toString(), /^ringfence: [^\n]*platform[^\n]*\n$/);
});

test.run();
