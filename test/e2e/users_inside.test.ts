// User namespaces that guests make, by the tools that make them: what is seen in them is what is seen natively, by root and by
// somebody without rights (users_inside.sh).
//
// deadline: 300 s

import { existsSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, ringfence, run } from "../spawn.ts";

const SCENES = `${checkout}test/e2e/users_inside.sh`;
const DEADLINE_MS = 120_000;
const MAKERS = {
  root: `exec sh ${SCENES}`,
  user: `exec setpriv --reuid=1234 --regid=5678 --clear-groups sh ${SCENES}`,
} as const;

/** The package is named where it is missing. */
const absent = [
  ["/usr/bin/bwrap", "bubblewrap"],
  ["/usr/sbin/ip", "iproute2"],
  ["/usr/bin/ping", "iputils-ping"],
  ["/usr/bin/setpriv", "util-linux"],
  ["/usr/bin/pgrep", "procps"],
].filter(([path]) => !existsSync(path!));
const isRoot = process.getuid!() === 0;
if (!isRoot) console.log("  skipped: they are compared with what root's namespaces do natively");
for (const [, name] of absent) console.log(`  skipped: missing package ${name}`);

/** In a directory of its own, which the scenes find in $T. */
const scene = (maker: keyof typeof MAKERS) =>
  `mount -t tmpfs none /media && cd /media && chmod 777 . && export T=/media && { ${MAKERS[maker]} ${maker} 2>&1; }`;

if (isRoot && absent.length === 0) {
  const native = new Map<string, string>();

  for (const maker of Object.keys(MAKERS) as (keyof typeof MAKERS)[]) {
    test(`natively the scenes come to their end (${maker})`, async () => {
      const { stdout, code } = await run(
        "unshare",
        ["-m", "-u", "--propagation", "private", "sh", "-c", scene(maker)],
        {
          deadlineMs: DEADLINE_MS,
        },
      );
      native.set(maker, stdout.toString());
      assert.is(code, 0, stdout.toString());
      assert.match(stdout.toString(), /-- bubblewrap\n/);
    });

    for (const flags of [["--workers=solo"], ["--workers=2"], ["--platform=ptrace"]])
      test(`in a sandbox they are the same (${maker}, ${flags.join(" ")})`, async () => {
        const { stdout, stderr, code } = await run(
          ringfence,
          [...flags, "do", "--", "sh", "-c", scene(maker)],
          {
            deadlineMs: DEADLINE_MS,
          },
        );
        assert.is(stdout.toString(), native.get(maker), stderr.toString());
        assert.is(code, 0, stderr.toString());
      });
  }
}

test.run();
