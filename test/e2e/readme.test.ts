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
import { containerdLacks, imageArchive } from "./containerd.ts";
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
  ...["/run", "/dev/shm", "/opt", "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd"],
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
  await make("install", `DESTDIR=${join(directory, "root")}`);
  writeFileSync(join(directory, "systemctl"), SYSTEMCTL, { mode: 0o755 });
  makeRootfs(join(directory, "image"));
  await output("tar", ["-C", join(directory, "image"), "-cf", join(directory, "image.tar"), "."]);
});
test.after(async () => {
  await room.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Where make has put the commands. */
const installed = (): string => join(directory, "root/usr/local/bin");

/** Pastes a section where the command is found in `bin`. */
async function paste(heading: string, bin: string): Promise<void> {
  const env = { ...process.env, PATH: `${directory}:${bin}:${process.env.PATH}` } as Record<string, string>;
  const script = pasted(heading).join("");
  const result = await room.run(["sh", "-e", "-c", script], { env, deadlineMs: START_MS });
  assert.is(result.code, 0, told(result));
  assert.match(text(result), /^\S+-ringfence$/m, script);
}

/** Runs `body` while that daemon answers the question; it finds programs in `bin` as well. */
async function withDaemon(
  daemon: string,
  question: string[],
  bin: string,
  body: () => Promise<void>,
): Promise<void> {
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const child: ChildProcess = spawn("nsenter", room.words([daemon]), { stdio: "ignore", env });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  try {
    const isUp = await eventually(async () => (await room.run(question)).code === 0, START_MS);
    assert.ok(isUp, `${daemon} answers`);
    await body();
  } finally {
    child.kill("SIGTERM");
    await gone;
  }
}

const isRoot = process.getuid!() === 0;
const skipped = (heading: string, why: string) => console.log(`${heading}: skipped, ${why}`);

if (!hasDocker() || !isRoot) skipped("With Docker", "it is not installed, or not root's");
else
  test("With Docker, after make install", () =>
    withDaemon("dockerd", ["docker", "version"], installed(), async () => {
      await room.sh(`docker import ${directory}/image.tar ${IMAGE}`);
      await paste("With Docker", installed());
    }));

const podmanWhy = podmanLacks();
if (podmanWhy !== null) skipped("With podman", podmanWhy);
else
  test("With podman, in a checkout", async () => {
    await room.sh(`podman import ${directory}/image.tar ${IMAGE}`);
    await paste("With podman", join(checkout, "bin"));
  });

const containerdWhy = containerdLacks();
if (containerdWhy !== null) skipped("With containerd", containerdWhy);
else
  test("With containerd, after make install", () =>
    withDaemon("containerd", ["ctr", "version"], installed(), async () => {
      const archive = await imageArchive(directory, join(directory, "image.tar"), `${IMAGE}:latest`);
      const ctr = (await output("which", ["ctr"])).trim();
      const pulls = `[ "$1 $2" = "image pull" ] && exec ${ctr} image import ${archive}`;
      writeFileSync(join(directory, "ctr"), `#!/bin/sh\n${pulls}\nexec ${ctr} "$@"\n`, { mode: 0o755 });
      await paste("With containerd", installed());
    }));

test.run();
