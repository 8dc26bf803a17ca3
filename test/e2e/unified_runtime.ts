// The runtime as it is on a host with control groups of v2 alone.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ringfence } from "../spawn.ts";

const MOUNTS = "umount -lR /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup";

/** Runs `body` with the path of a command that sees v2 alone. */
export async function withUnifiedRuntime(body: (runtime: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "ringfence-v2-"));
  const runtime = join(directory, "ringfence");
  const script = `#!/bin/sh\nexec unshare -m sh -c '${MOUNTS} && exec "$@"' sh ${ringfence} "$@"\n`;
  writeFileSync(runtime, script, { mode: 0o755 });
  try {
    await body(runtime);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
