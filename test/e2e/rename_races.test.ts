// Names that change under a sandbox's hands: while a guest reads and writes below a directory of its root, the
// host puts symlinks to a place outside, and a FIFO, where that directory was, and back. The guest may find
// what is there, or nothing; never what is outside (docs/hardening.md, F6).

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shell, withBundle } from "./bundle.ts";

// What the host said of a directory counts for a tenth of a second, so the guest goes on until it has seen it come a few
// times.
const GUEST = `
i=0
came=0
there=no
while { [ $i -lt 4000 ] || [ $came -lt 10 ]; } && [ $i -lt 1000000 ]; do
  i=$((i + 1))
  if read line < /x/place/file; then
    echo "$line"
    [ $there = yes ] || came=$((came + 1))
    there=yes
  else
    there=no
  fi
  echo guest > /x/place/written
done 2> /dev/null
echo end
`;

test("names that are exchanged while they are walked lead nowhere else", async () => {
  await withBundle(shell(GUEST), async (bundle) => {
    const outside = join(bundle.directory, "outside");
    const x = join(bundle.rootfs, "x");
    mkdirSync(outside);
    writeFileSync(join(outside, "file"), "outside\n");
    mkdirSync(join(x, "place"), { recursive: true });
    writeFileSync(join(x, "place/file"), "inside\n");
    symlinkSync(outside, join(x, "absolute"));
    symlinkSync("../../outside", join(x, "relative"));
    execFileSync("mkfifo", [join(x, "fifo")]);

    let exchanges = 0;
    let running = true;
    const exchange = () => {
      for (const name of ["absolute", "relative", "fifo"]) {
        renameSync(join(x, "place"), join(x, "away"));
        renameSync(join(x, name), join(x, "place"));
        renameSync(join(x, "place"), join(x, name));
        renameSync(join(x, "away"), join(x, "place"));
        exchanges++;
      }
      if (running) setImmediate(exchange);
    };
    const ended = bundle.runs();
    exchange();
    const result = await ended;
    running = false;

    const lines = new Set(result.stdout.toString().trim().split("\n"));
    assert.ok(exchanges > 100, `${exchanges} exchanges`);
    assert.ok(lines.delete("end"), result.stderr.toString());
    assert.equal([...lines], ["inside"], "the guest has read something, and nothing from outside");
    assert.equal(readdirSync(outside), ["file"]);
    assert.is(readFileSync(join(outside, "file"), "latin1"), "outside\n");
    assert.is(readFileSync(join(x, "place/written"), "latin1"), "guest\n");
  });
});

test.run();
