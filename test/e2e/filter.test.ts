// Debian's iptables in a sandbox: rules do what they do natively, in a network namespace of its own, and are told in the
// same words, counters and flows included (filter_scenes.py).

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SCENES = `${checkout}test/e2e/filter_scenes.py`;
const DEADLINE_MS = 120_000;

/** The package is named where it is missing. */
const absent = [
  ["/usr/sbin/iptables-legacy", "iptables"],
  ["/usr/bin/python3", "python3"],
  ["/usr/sbin/ip", "iproute2"],
].filter(([path]) => !existsSync(path!));
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: there are no rules of iptables for who is not root");
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

if (isRoot && absent.length === 0) {
  let native = "";

  test("natively the scenes come to their end", async () => {
    const { stdout, stderr, code } = await run("unshare", ["-n", "python3", SCENES], {
      deadlineMs: DEADLINE_MS,
    });
    native = stdout.toString();
    assert.is(code, 0, stderr.toString());
    assert.match(native, /original 127\.5\.6\.7 80/);
  });

  for (const workers of ["solo", "2"])
    test(`rules act and are told as natively (--workers=${workers})`, async () => {
      const args = [`--workers=${workers}`, "do", "--", "python3", SCENES];
      const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
      assert.is(code, 0, stderr.toString());
      assert.is(stdout.toString(), native);
    });

  test("LOG says what it saw in the sandbox's log", async () => {
    const script = `iptables-legacy -A OUTPUT -p udp -j LOG --log-prefix 'seen: '
python3 -c 'import socket; socket.socket(2, 2).sendto(b"x", ("127.0.0.1", 99))'`;
    const directory = mkdtempSync(`${tmpdir()}/ringfence-filter-`);
    const args = [`--log=${directory}/log`, "do", "--", "sh", "-c", script];
    await run(ringfence, args, { deadlineMs: DEADLINE_MS });
    const text = readFileSync(`${directory}/log`, "utf8");
    rmSync(directory, { recursive: true });
    assert.match(text, /seen: IN= OUT=lo SRC=127\.0\.0\.1 DST=127\.0\.0\.1 LEN=29 .*DPT=99/);
  });
}

test.run();
