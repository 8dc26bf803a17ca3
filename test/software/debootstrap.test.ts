// deadline: 900 s
// A Debian that installs itself, in the sandbox and on the host: the same files come out of it, to the last mode and
// owner. In full only (--software); it fetches Debian's packages once.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { output, ringfence, run } from "../spawn.ts";
import { isFull, isInstalled } from "./compare.ts";

const MS = 300_000;

// What is made at random, or tells the time, is left out.
const SCRIPT = `
set -e
D=$(mktemp -d); trap "rm -rf $D" EXIT; cd $D
debootstrap --variant=minbase --unpack-tarball=$1 $2 $D/root $3 > log 2>&1 || { tail -20 log; exit 1; }
tail -1 log
chroot root sh -c 'dpkg --audit; dpkg --verify; dpkg -l | grep -c ^ii; ls /dev | wc -l'
cd root
find . -xdev -path ./proc -prune -o -path ./sys -prune -o -path ./var/log -prune -o -path ./var/cache -prune \\
  -o -printf '%y %m %U %G %p %l\\n' | grep -v 'debootstrap\\|machine-id\\|ld.so.cache' | sort | md5sum
`;

/** Suite and mirror that this machine itself is installed from. */
function source(): { suite: string; mirror: string } | undefined {
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  const file = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"].find((path) =>
    existsSync(path),
  );
  const mirror = file && /(https?:\/\/[^\s\]]+\/debian)\/?\s/.exec(readFileSync(file, "utf8"))?.[1];
  return suite && mirror ? { suite, mirror } : undefined;
}

if (isFull && isInstalled("debootstrap", "debootstrap")) {
  test("debootstrap: the same Debian in the sandbox and on the host", async () => {
    const from = source();
    assert.ok(from !== undefined, "no Debian mirror is configured");
    const directory = mkdtempSync("/tmp/ringfence-debootstrap-");
    const packages = join(directory, "packages.tar");
    try {
      const { suite, mirror } = from!;
      await output(
        "debootstrap",
        ["--variant=minbase", `--make-tarball=${packages}`, suite, join(directory, "x"), mirror],
        {
          deadlineMs: MS,
        },
      );
      const command = ["bash", "-c", SCRIPT, "bash", packages, suite, mirror];
      const native = await run("unshare", ["--mount", "--net", "--pid", "--fork", ...command], {
        deadlineMs: MS,
      });
      const box = await run(ringfence, ["do", "--", ...command], { deadlineMs: MS });
      assert.is(native.code, 0, `${native.stdout}${native.stderr}`);
      assert.is(box.stdout.toString(), native.stdout.toString(), box.stderr.toString());
      assert.is(box.code, 0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test.run();
