// A Docker daemon for tests, with everything it has in a directory and in namespaces of its own.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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
import { procLink } from "./processes.ts";
import { makeRootfs } from "./rootfs.ts";

const START_MS = 60_000;
/** A user and a group of every host, in whose name ids are given to the daemon. */
export const REMAPPED_USER = "daemon";
/** The first of them. */
export const REMAPPED_FIRST = 400_000;

/** Whether what the tests need of Docker is installed. */
export function hasDocker(): boolean {
  return ["dockerd", "docker", "containerd", "iptables"].every(
    (name) => spawnSync("which", [name]).status === 0,
  );
}

export class Docker {
  readonly directory: string = mkdtempSync("/tmp/ringfence-docker-");
  readonly #socket: string = `unix://${join(this.directory, "s")}`;
  /** Holds the daemon's namespaces, which its containers need for longer than it lives. */
  readonly #holder: ChildProcess;
  #daemon: ChildProcess | null = null;

  /** Its containers have user namespaces. */
  readonly #remaps: boolean;

  /** `liveRestore`: containers go on without their daemon; `settings`: more for daemon.json. */
  constructor(liveRestore = false, settings: Readonly<Record<string, unknown>> = {}) {
    this.#remaps = settings["userns-remap"] === REMAPPED_USER;
    const file = join(this.directory, "daemon.json");
    writeFileSync(file, JSON.stringify({ "live-restore": liveRestore, ...settings }));
    const install = ["install", "--config-file", file];
    const flags = (process.env.RINGFENCE_TEST_FLAGS ?? "").split(" ").filter((flag) => flag !== "");
    execFileSync(ringfence, [...install, "--", ...flags]);
    execFileSync(ringfence, [...install, "--runtime=ringfence-host", "--", ...flags, "--network=host"]);
    // Bridge and firewall rules are not the host's business, and end with the namespaces.
    this.#holder = spawn("unshare", ["--net", "--mount", "sleep", "infinity"], { stdio: "ignore" });
  }

  #spawnDaemon(): ChildProcess {
    const file = join(this.directory, "daemon.json");
    const log = openSync(join(this.directory, "log"), "a");
    const flags = {
      "config-file": file,
      "data-root": join(this.directory, "data"),
      "exec-root": join(this.directory, "exec"),
      pidfile: join(this.directory, "pid"),
      host: this.#socket,
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const daemon = spawn("nsenter", ["-t", String(this.#holder.pid), "-n", "-m", "dockerd", ...args], {
      stdio: ["ignore", log, log],
      cwd: checkout,
      // Its containerd finds the shim there.
      env: { ...process.env, PATH: `${checkout}bin:${process.env.PATH}` },
    });
    closeSync(log);
    return daemon;
  }

  async #answers(): Promise<void> {
    const isUp = await eventually(
      async () => this.#hasEnded || (await this.run(["version"])).code === 0,
      START_MS,
    );
    if (!isUp || this.#hasEnded) throw new Error(`no Docker: ${this.log.slice(-2000)}`);
  }

  /** Ends the daemon, and with it the containerd that it started, by this signal, and starts it again. */
  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#end(signal);
    rmSync(join(this.directory, "pid"), { force: true });
    this.#daemon = this.#spawnDaemon();
    await this.#answers();
  }

  /** Kills containerd alone; the daemon starts another one. */
  async killContainerd(): Promise<void> {
    const file = join(this.directory, "exec/containerd/containerd.pid");
    const before = readFileSync(file, "utf8");
    process.kill(Number(before), "SIGKILL");
    const again = () => existsSync(file) && readFileSync(file, "utf8") !== before;
    if (!(await eventually(again, START_MS))) throw new Error(`no containerd: ${this.log.slice(-2000)}`);
    await this.#answers();
  }

  get #hasEnded(): boolean {
    return this.#daemon === null || this.#daemon.exitCode !== null || this.#daemon.signalCode !== null;
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#daemon?.kill(signal);
    await eventually(() => this.#hasEnded, 20_000);
    this.#daemon?.kill("SIGKILL");
  }

  /** Starts the daemon, waits until it answers, and makes the image `bb`: busybox. */
  async start(): Promise<void> {
    // Not before the namespaces are there: the host's firewall and mounts are not the daemon's.
    const own = (name: string) =>
      procLink(this.#holder.pid!, `ns/${name}`) !== procLink(process.pid, `ns/${name}`);
    const isApart = await eventually(() => own("net") && own("mnt"), START_MS);
    if (!isApart || this.#holder.exitCode !== null) throw new Error("no namespaces for Docker");
    if (this.#remaps) await this.#giveIds();
    this.#daemon = this.#spawnDaemon();
    await this.#answers();
    const root = join(this.directory, "image");
    makeRootfs(root);
    const tar = join(this.directory, "image.tar");
    await output("tar", ["-C", root, "-cf", tar, "."]);
    await output("docker", ["-H", this.#socket, "import", tar, "bb"]);
  }

  /** In the daemon's mount namespace alone, its user may use these ids; others may walk to their files. */
  async #giveIds(): Promise<void> {
    const file = join(this.directory, "subuid");
    writeFileSync(file, `${REMAPPED_USER}:${REMAPPED_FIRST}:65536\n`);
    chmodSync(this.directory, 0o711);
    for (const name of ["subuid", "subgid"]) {
      const result = await this.beside(["mount", "--bind", file, `/etc/${name}`]);
      if (result.code !== 0) throw new Error(result.stderr.toString());
    }
  }

  /** A command of docker. */
  run(args: string[], options?: SpawnOptions): Promise<SpawnResult> {
    return run("docker", ["-H", this.#socket, ...args], options);
  }

  /** One that must succeed: what it prints. */
  async ok(...args: string[]): Promise<string> {
    return (await output("docker", ["-H", this.#socket, ...args])).trimEnd();
  }

  /** Waits for a line of a container's, which says that it runs. */
  async until(id: string, line: string): Promise<void> {
    const isSaid = await eventually(async () => (await this.ok("logs", id)).includes(line), 10_000);
    if (!isSaid) throw new Error(`${id} does not say ${line}: ${await this.ok("logs", id)}`);
  }

  /** A command in the namespaces of the daemon, where its bridges are. */
  beside(words: string[]): Promise<SpawnResult> {
    return run("nsenter", ["-t", String(this.#holder.pid), "-n", "-m", ...words]);
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
    await this.#end("SIGTERM");
    this.#holder.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}
