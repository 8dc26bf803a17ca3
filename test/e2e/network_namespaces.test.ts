// Network namespaces in a sandbox, made by ip(8): veth devices and bridges between them do what they do natively, and are
// told in the same words (network_namespaces.sh).
//
// deadline: 300 s

import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SCENES = `${checkout}test/e2e/network_namespaces.sh`;
const DEADLINE_MS = 120_000;
const OWN_RUN = `mount -t tmpfs none /run && sh ${SCENES} 2>&1`;

/** The package is named where it is missing. */
const absent = [
  ["/usr/sbin/ip", "iproute2"],
  ["/usr/bin/ping", "iputils-ping"],
  ["/usr/bin/nc", "netcat-openbsd"],
].filter(([path]) => !existsSync(path!));
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: who is not root makes no network namespaces");
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

const KEPT_ADDRESS = /^(?:02:00:00|ff:ff:ff|00:00:00)/;

/** Without addresses of links that are made by chance, and times. */
function comparable(text: Buffer): string {
  return (
    text
      .toString()
      .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, (mac) => (KEPT_ADDRESS.test(mac) ? mac : "MAC"))
      .replace(/ time \d+ms/g, "")
      // Of a device whose other end is down, and in another namespace, Linux says this or that, by when it looked.
      .replace(/(NO-CARRIER.* state )(?:LOWERLAYER)?DOWN/g, "$1DOWN")
  );
}

if (isRoot && absent.length === 0) {
  let native = "";

  test("natively the scenes come to their end", async () => {
    const { stdout, code } = await run(
      "unshare",
      ["-m", "-n", "--propagation", "private", "sh", "-c", OWN_RUN],
      {
        deadlineMs: DEADLINE_MS,
      },
    );
    native = comparable(stdout);
    assert.is(code, 0, native);
    assert.match(native, /state UP/);
  });

  for (const flags of [["--workers=solo"], ["--workers=2"], ["--platform=ptrace"]])
    test(`namespaces are joined and told as natively (${flags.join(" ")})`, async () => {
      const args = [...flags, "do", "--", "sh", "-c", OWN_RUN];
      const { stdout, stderr, code } = await run(ringfence, args, { deadlineMs: DEADLINE_MS });
      assert.is(code, 0, stderr.toString());
      assert.is(comparable(stdout), native);
    });
}

test.run();
