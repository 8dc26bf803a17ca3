// What sandboxes have alike in memory the host has once: V8's own code from the start on, and what is in the file
// `alike` when the sandbox has been idle for some seconds. It goes on as before then.
//
// alone: it waits for a sandbox that is idle, and measures its memory

import { statSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkout, eventually } from "../spawn.ts";
import { withHeld } from "./hold.ts";
import { proc, sandboxOf } from "./processes.ts";
import { Shim } from "./shim.ts";

/** After which V8 has done what it does by itself. */
const SHIM_IDLE_MS = 5000;

/** Sizes of a process's mappings of a file with these permissions. */
function mapped(pid: number, permissions: string, file: string): number[] {
  const pattern = new RegExp(`^([0-9a-f]+)-([0-9a-f]+) ${permissions} .* ${file}$`, "gm");
  return [...proc(pid, "maps")!.matchAll(pattern)].map(
    ([, start, end]) => Number.parseInt(end!, 16) - Number.parseInt(start!, 16),
  );
}

for (const workers of ["auto", "1"])
  test(`V8's code is in no sandbox a copy (--workers=${workers})`, async () => {
    await withHeld(
      async ({ launcher }) => {
        const { node } = await sandboxOf(launcher, false);
        // The program's own, and the part of it that V8 wants near the code it compiles: two megabytes.
        assert.ok(mapped(node, "r-xp", "/node").length >= 2);
        const anonymous = mapped(node, "r-xp", "00:00 0 *");
        assert.ok(
          anonymous.every((bytes) => bytes < 2 ** 20),
          anonymous.join(),
        );
      },
      [`--workers=${workers}`],
    );
  });

test("an idle sandbox shares what all have alike, and goes on", async () => {
  await withHeld(
    async ({ launcher, exec }) => {
      const { node } = await sandboxOf(launcher, false);
      assert.is((await exec(["echo", "before"])).stdout.toString(), "before\n");
      const { size } = statSync(`${checkout}build/sandbox/alike`);
      const shared = () => mapped(node, "rw-p", "/alike").reduce((sum, bytes) => sum + bytes, 0);
      // All of it but first and last pages, and what has been written to of the table of locks.
      assert.ok(await eventually(() => shared() > 0.9 * size, 60_000), `${shared()} of ${size}`);
      const dirty = () => Number(/^Private_Dirty: +(\d+) kB/m.exec(proc(node, "smaps_rollup")!)![1]);
      // What V8's threads have still compiled goes a little later.
      assert.ok(await eventually(() => dirty() < 17 * 1024, 60_000), `${dirty()} kB`);
      const loop = "i=0; while [ $i -lt 50 ]; do i=$((i + 1)); (echo $i) >/dev/null; done; echo after";
      assert.is((await exec(["sh", "-c", loop])).stdout.toString(), "after\n");
    },
    ["--workers=solo"],
  );
});

if (process.getuid!() === 0)
  test("a shim with a container that is idle has little of its own", async () => {
    const shim = await Shim.start(["/bin/busybox", "sleep", "1000"]);
    const { id, directory: bundle } = shim.bundle;
    try {
      await shim.call("create", { id, bundle });
      await shim.call("start", { id });
      await shim.call("stats", { id });
      await new Promise((resolve) => setTimeout(resolve, SHIM_IDLE_MS));
      const fields = /^Private_Dirty: +(\d+) kB/m.exec(proc(shim.pid, "smaps_rollup")!);
      assert.ok(Number(fields![1]) < 20 * 1024, fields![0]);
      await shim.call("kill", { id, signal: 9 });
      await shim.call("wait", { id });
      await shim.call("delete", { id });
    } finally {
      await shim.end();
    }
  });

test.run();
