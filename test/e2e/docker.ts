// A Docker daemon for tests, with everything it has in a directory and in namespaces of its own.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  checkout,
  eventually,
  output,
  ringfence,
  run,
  type SpawnOptions,
  type SpawnResult,
} from "../spawn.ts";
import { makeRootfs } from "./rootfs.ts";

const START_MS = 60_000;

/** Whether what the tests need of Docker is installed. */
export function hasDocker(): boolean {
  return ["dockerd", "docker", "containerd", "iptables"].every(
    (name) => spawnSync("which", [name]).status === 0,
  );
}

export class Docker {
  readonly directory: string = mkdtempSync("/tmp/ringfence-docker-");
  readonly #socket: string = `unix://${join(this.directory, "s")}`;
  readonly #daemon: ChildProcess;

  constructor() {
    const file = join(this.directory, "daemon.json");
    writeFileSync(file, JSON.stringify({ runtimes: { ringfence: { path: ringfence } } }));
    const log = openSync(join(this.directory, "log"), "w");
    const flags = {
      "config-file": file,
      "data-root": join(this.directory, "data"),
      "exec-root": join(this.directory, "exec"),
      pidfile: join(this.directory, "pid"),
      host: this.#socket,
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    // Bridge and firewall rules are not the host's business, and end with the daemon.
    this.#daemon = spawn("unshare", ["--net", "--mount", "dockerd", ...args], {
      stdio: ["ignore", log, log],
      cwd: checkout,
    });
    closeSync(log);
  }

  /** Waits until the daemon answers, and makes the image `bb`: busybox. */
  async start(): Promise<void> {
    const isUp = await eventually(
      () => this.#daemon.exitCode !== null || existsSync(join(this.directory, "s")),
      START_MS,
    );
    const answers = isUp && (await this.run(["version"])).code === 0;
    if (!answers)
      throw new Error(`no Docker: ${readFileSync(join(this.directory, "log"), "utf8").slice(-2000)}`);
    const root = join(this.directory, "image");
    makeRootfs(root);
    const tar = join(this.directory, "image.tar");
    await output("tar", ["-C", root, "-cf", tar, "."]);
    await output("docker", ["-H", this.#socket, "import", tar, "bb"]);
  }

  /** A command of docker. */
  run(args: string[], options?: SpawnOptions): Promise<SpawnResult> {
    return run("docker", ["-H", this.#socket, ...args], options);
  }

  /** For programs that start docker themselves. */
  commandLine(args: string[]): string[] {
    return ["-H", this.#socket, ...args];
  }

  /** The daemon's log. */
  get log(): string {
    return readFileSync(join(this.directory, "log"), "utf8");
  }

  async stop(): Promise<void> {
    this.#daemon.kill("SIGTERM");
    await eventually(() => this.#daemon.exitCode !== null || this.#daemon.signalCode !== null, 20_000);
    this.#daemon.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}
