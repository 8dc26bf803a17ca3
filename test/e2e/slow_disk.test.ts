// A local disk that takes its time holds the kernel thread for a look-up or two, and then only who looks names up there: an
// ext4 file system in a file whose host is slow (slow_host.c).

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, eventually, output } from "../spawn.ts";
import { withHeld } from "./hold.ts";
import { DEADLINE_MS, type SlowHost, Witness, withSlowHost } from "./slow_host.ts";

const DIRECTORIES = 400;

/** Runs `body` with the place where such a disk is mounted: many directories, of which the host's caches know nothing. */
async function withDisk(host: SlowHost, body: (mounted: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-disk-"));
  const [tree, image, mounted] = ["tree", "image", "mounted"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const cool = join(directory, "cool");
  try {
    for (let i = 0; i < DIRECTORIES; i++) {
      mkdirSync(join(tree, `d${i}`), { recursive: true });
      writeFileSync(join(tree, `d${i}`, "f"), "");
    }
    mkdirSync(mounted);
    await output("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-O", "^has_journal", "-d", tree, image, "4M"]);
    const disk = join(host.directory, "disk");
    writeFileSync(disk, readFileSync(image));
    await output("gcc", ["-static", "-O1", "-o", cool, `${checkout}test/e2e/cold_reads.c`]);
    await output("mount", ["-o", "loop,ro,inode_readahead_blks=1", disk, mounted]);
    try {
      await output(cool, ["cool", disk, "0"]);
      await body(mounted);
    } finally {
      await host.tell("go");
      await host.tell("delay 0");
      await output("umount", [mounted]);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

for (const overlay of ["none", "root:memory"])
  test(`look-ups: --overlay2=${overlay}`, () =>
    withSlowHost((host) =>
      withDisk(host, async (mounted) => {
        await withHeld(
          async (held) => {
            const witness = new Witness(held.exec);
            await witness.goesOn();
            await host.tell("delay 5");
            let seen = "";
            const script = `i=0; while [ $i -lt ${DIRECTORIES} ]; do test -f ${mounted}/d$i/f && echo $i; i=$((i+1)); done`;
            const looking = held.exec(["sh", "-c", script], {
              deadlineMs: 60_000,
              started: (child) =>
                child.stdout!.on("data", (bytes: Buffer) => {
                  seen += bytes.toString();
                }),
            });
            assert.ok(await eventually(() => seen.split("\n").length > 20, DEADLINE_MS), seen);
            await host.tell("stall read");
            await host.isAsked();
            await witness.goesOn();
            assert.ok(seen.split("\n").length < DIRECTORIES);
            await host.tell("go");
            assert.is(
              (await looking).stdout.toString(),
              Array.from({ length: DIRECTORIES }, (_none, i) => `${i}\n`).join(""),
            );
            await witness.end();
          },
          [`--overlay2=${overlay}`],
        );
      }),
    ));

test.run();
