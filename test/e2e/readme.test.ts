// deadline: 180 s
// alone: its engines are at their usual places, in namespaces of their own
// README.md's sections for engines, pasted into a shell as they are. The engines are private ones at their usual places;
// the image that they would fetch is there, and systemctl does what it would do. Skipped, and said so, where they are not
// installed.

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { text, told } from "../said.ts";
import { checkout, eventually, output } from "../spawn.ts";
import { hasDocker } from "./docker.ts";
import { EngineRoom } from "./engine_room.ts";
import { make } from "./installed.ts";
import { podmanLacks } from "./podman.ts";
import { pasted } from "./readme.ts";
import { makeRootfs } from "./rootfs.ts";

const IMAGE = "docker.io/library/busybox";
const START_MS = 60_000;
/** Where engines keep what they know, and are told of runtimes. */
const COVERED = [
  ...["/run", "/dev/shm", "/var/lib/docker", "/var/lib/containers"],
  ...["/etc/docker", "/etc/containers/containers.conf.d"],
];
const SYSTEMCTL = `#!/bin/sh
[ "$*" = "reload docker" ] && kill -HUP $(cat /run/docker.pid) || exit
until docker info | grep -q ringfence; do sleep 0.1; done
`;

let directory: string;
let room: EngineRoom;

test.before(async () => {
  directory = mkdtempSync("/tmp/ringfence-readme-");
  chmodSync(directory, 0o755);
  room = await new EngineRoom(COVERED).made();
  writeFileSync(join(directory, "systemctl"), SYSTEMCTL, { mode: 0o755 });
  makeRootfs(join(directory, "image"));
  await output("tar", ["-C", join(directory, "image"), "-cf", join(directory, "image.tar"), "."]);
});
test.after(async () => {
  await room.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Pastes a section where the command is found in `bin`. */
async function paste(heading: string, bin: string): Promise<void> {
  const env = { ...process.env, PATH: `${directory}:${bin}:${process.env.PATH}` } as Record<string, string>;
  const script = pasted(heading).join("");
  const result = await room.run(["sh", "-e", "-c", script], { env, deadlineMs: START_MS });
  assert.is(result.code, 0, told(result));
  assert.match(text(result), /^\S+-ringfence$/m, script);
}

if (!hasDocker() || process.getuid!() !== 0)
  console.log("With Docker: skipped, it is not installed, or not root's");
else
  test("With Docker, after make install", async () => {
    const root = join(directory, "root");
    await make("install", `DESTDIR=${root}`);
    const [program, ...words] = ["nsenter", ...room.words(["dockerd"])];
    const dockerd: ChildProcess = spawn(program!, words, { stdio: "ignore" });
    const gone = new Promise((resolve) => dockerd.once("exit", resolve));
    try {
      const isUp = await eventually(async () => (await room.run(["docker", "version"])).code === 0, START_MS);
      assert.ok(isUp, "dockerd answers");
      await room.sh(`docker import ${directory}/image.tar ${IMAGE}`);
      await paste("With Docker", join(root, "usr/local/bin"));
    } finally {
      dockerd.kill("SIGTERM");
      await gone;
    }
  });

const why = podmanLacks();
if (why !== null) console.log(`With podman: skipped, ${why}`);
else
  test("With podman, in a checkout", async () => {
    await room.sh(`podman import ${directory}/image.tar ${IMAGE}`);
    await paste("With podman", join(checkout, "bin"));
  });

test.run();
