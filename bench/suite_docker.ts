// `docker run` with each runtime, by a daemon of the bench's own: in namespaces of its own, with its data in the
// bench's directory. All of it dies with the process that holds the namespaces.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runCommand } from "./command.ts";
import { BenchError } from "./error.ts";
import { find } from "./paths.ts";
import type { Subject, Suite } from "./subject.ts";
import type { Way } from "./ways.ts";
import type { Workplace } from "./workplace.ts";

const DEADLINE_MS = 120_000;
const DAEMON_LIFE_MS = 24 * 3600 * 1000;
const START_POLL_MS = 100;
const MS = 1e6;
const IMAGE = "bench";

const runtimeName = (way: Way, place: Workplace) => `bench-${place.ways.indexOf(way)}`;
const socket = (directory: string) => `unix://${join(directory, "socket")}`;

/** A file system with one static program, which does nothing without arguments. */
function imageTar(directory: string, place: Workplace): string {
  mkdirSync(join(directory, "image"));
  copyFileSync(place.program("process"), join(directory, "image/true"));
  const tar = join(directory, "image.tar");
  execFileSync("tar", ["-C", join(directory, "image"), "-cf", tar, "true"]);
  return tar;
}

function configuration(directory: string, place: Workplace): string {
  const runtimes: Record<string, { path: string; runtimeArgs: string[] }> = {};
  for (const way of place.ways) {
    if (way.container === undefined) continue;
    const [path, ...runtimeArgs] = way.container([]);
    runtimes[runtimeName(way, place)] = { path: path!, runtimeArgs };
  }
  const file = join(directory, "daemon.json");
  writeFileSync(file, JSON.stringify({ runtimes }));
  return file;
}

async function startDaemon(directory: string, place: Workplace): Promise<void> {
  const flags = [
    `--config-file=${configuration(directory, place)}`,
    `--data-root=${join(directory, "data")}`,
    `--exec-root=${join(directory, "exec")}`,
    `--pidfile=${join(directory, "pid")}`,
    `--host=${socket(directory)}`,
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
  ];
  const apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
  let ended: Error | undefined;
  const daemon = runCommand([...apart, find("dockerd")!, ...flags], {
    deadlineMs: DAEMON_LIFE_MS,
    started: (pid) => place.killAtEnd(pid),
  });
  daemon.catch((error: Error) => {
    ended = error;
  });
  for (let waited = 0; ; waited += START_POLL_MS) {
    if (ended !== undefined || waited > DEADLINE_MS)
      throw new BenchError(`no Docker daemon: ${ended?.message ?? "it does not answer"}`);
    const answer = docker(directory, "version").then(
      () => true,
      () => false,
    );
    if (await answer) break;
    await sleep(START_POLL_MS);
  }
  await docker(directory, "import", imageTar(directory, place), IMAGE);
}

function docker(directory: string, ...words: string[]) {
  return runCommand(["docker", "-H", socket(directory), ...words], { deadlineMs: DEADLINE_MS });
}

const dockerRun: Subject = {
  rows: [
    {
      name: "docker_run",
      label: "`docker run --rm`, a program that does nothing",
      goals: [{ atMost: 1, against: "runc", plus: 20 * MS }],
    },
  ],
  missing() {
    const missing = ["docker", "dockerd", "containerd", "unshare"].filter((name) => find(name) === undefined);
    if (missing.length > 0) return `${missing.join(", ")} not installed`;
    return process.getuid!() === 0 ? undefined : "a Docker daemon is started by root";
  },
  leavesOut: (way) => (way.container === undefined ? "there are no containers" : undefined),
  async measure(way, place) {
    let started: Promise<void> | undefined;
    const directory = place.directory("docker", (path) => {
      started = startDaemon(path, place);
    });
    await started;
    const runtime = `--runtime=${runtimeName(way, place)}`;
    const { ns } = await docker(directory, "run", "--rm", "--network=none", runtime, IMAGE, "/true");
    return new Map([["docker_run", ns]]);
  },
};

export const DOCKER: Suite = {
  name: "docker",
  describe: "`docker run` with each runtime, by a daemon of its own",
  subjects: [dockerRun],
};
