// deadline: 300 s
// Containers whose daemons are restarted, or killed: where they are to live on they do, and are the engine's as before;
// where they are not, nothing is left of them. Skipped, and said so, where Docker is not installed.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventually } from "../spawn.ts";
import { LOOP } from "./columns.ts";
import { Docker, hasDocker } from "./docker.ts";

/** Runs `body` with a daemon of its own, and a container `kept` in the background. */
async function withContainer(
  liveRestore: boolean,
  body: (docker: Docker, ok: Docker["ok"]) => Promise<void>,
): Promise<void> {
  const docker = new Docker(liveRestore);
  const ok: Docker["ok"] = (...args) => docker.ok(...args);
  try {
    await docker.start();
    await ok("run", "-d", "--name", "kept", "--runtime=ringfence", "--network=none", "bb", "sh", "-c", LOOP);
    await docker.until("kept", "up");
    await body(docker, ok);
  } finally {
    await docker.run(["rm", "-f", "kept"]);
    await docker.stop();
  }
}

const states = (docker: Docker) => readdirSync(join(docker.directory, "exec/runtime-runc/moby"));

async function liveRestore(): Promise<void> {
  await withContainer(true, async (docker, ok) => {
    const isServed = async (when: string) => {
      // The daemon answers before its containerd does.
      const obeys = async () => (await docker.run(["exec", "kept", "true"])).code === 0;
      assert.ok(await eventually(obeys, 30_000), when);
      assert.is(await ok("inspect", "-f", "{{.State.Status}}", "kept"), "running", when);
    };
    const started = await ok("inspect", "-f", "{{.State.StartedAt}}", "kept");
    await docker.killContainerd();
    await isServed("after containerd was killed");
    await docker.restart("SIGTERM");
    await isServed("after a restart");
    await docker.restart("SIGKILL");
    await isServed("after the daemon was killed");
    assert.is(await ok("inspect", "-f", "{{.State.StartedAt}}", "kept"), started);
    assert.match(await ok("top", "kept"), /PID/);
    await ok("stop", "kept");
    assert.is(await ok("inspect", "-f", "{{.State.ExitCode}}", "kept"), "9");
    assert.equal(states(docker), []);
  });
}

async function withoutIt(): Promise<void> {
  await withContainer(false, async (docker, ok) => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await docker.restart(signal);
      assert.ok(
        await eventually(
          async () => (await ok("inspect", "-f", "{{.State.Status}}", "kept")) === "exited",
          20_000,
        ),
        signal,
      );
      assert.ok(await eventually(() => states(docker).length === 0, 10_000), signal);
      await ok("start", "kept");
      assert.is(await ok("exec", "kept", "echo", "again"), "again");
    }
  });
}

if (!hasDocker()) {
  console.log("skipped: dockerd, docker, containerd or iptables is not installed");
} else {
  // Side by side: a daemon whose containerd was killed waits for ten seconds before it starts another one.
  let running: readonly Promise<void>[];
  test.before(() => {
    running = [liveRestore(), withoutIt()];
    for (const one of running) one.catch(() => {}); // the tests tell
  });
  test("with live-restore containers outlive their daemons, and obey the next ones", () => running[0]);
  test("without it they end with their daemon, and nothing is left", () => running[1]);
  // Nothing is left running where one has failed.
  test.after(async () => void (await Promise.allSettled(running)));
}

test.run();
