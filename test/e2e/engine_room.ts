// Namespaces for an engine that a test starts: a network of its own, and memory over the directories where engines keep
// what they know. What it leaves behind on the host's side is seen in it, and ends with one process.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { eventually, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { procLink } from "./processes.ts";

const START_MS = 30_000;

/** Of those programs, the ones that are not there, with their packages; null: all are. */
export function absent(programs: Readonly<Record<string, string>>): string | null {
  const missing = Object.keys(programs).filter((name) => spawnSync("which", [name]).status !== 0);
  return missing.length > 0 ? `not installed: ${missing.map((name) => programs[name]).join(" ")}` : null;
}

export class EngineRoom {
  readonly #holder: ChildProcess;
  /** Directories that the host had not. */
  readonly #made: readonly string[];

  /** `covered`: directories of the host that are empty in the room. */
  constructor(covered: readonly string[]) {
    this.#made = covered.filter((directory) => !existsSync(directory));
    for (const directory of this.#made) mkdirSync(directory);
    const mounts = covered.map((directory) => `mount -t tmpfs -o mode=755 tmpfs ${directory}`);
    const script = [...mounts, "ip link set lo up", "exec sleep infinity"].join(" && ");
    this.#holder = spawn(
      "unshare",
      ["--net", "--mount", "--ipc", "--propagation", "private", "sh", "-c", script],
      { stdio: "ignore" },
    );
  }

  /** Not before all is as it is to be: nothing of the host's is the engine's. */
  async made(): Promise<this> {
    const isApart = await eventually(
      () =>
        procLink(this.#holder.pid!, "exe")?.endsWith("/sleep") === true &&
        procLink(this.#holder.pid!, "ns/net") !== procLink(process.pid, "ns/net"),
      START_MS,
    );
    if (!isApart) throw new Error("no namespaces for an engine");
    return this;
  }

  /** Of the process that has its namespaces. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /** The words of a command in it. */
  words(command: readonly string[]): string[] {
    return ["-t", String(this.#holder.pid), "-n", "-m", "-i", "--", ...command];
  }

  run(command: readonly string[], options?: SpawnOptions): Promise<SpawnResult> {
    return run("nsenter", this.words(command), options);
  }

  /** What shell text prints; throws where it fails. */
  async sh(text: string, options?: SpawnOptions): Promise<string> {
    const { stdout, stderr, code } = await this.run(["sh", "-c", text], options);
    if (code !== 0) throw new Error(`${text}: ${code} ${stdout}${stderr}`);
    return stdout.toString();
  }

  async remove(): Promise<void> {
    const gone = new Promise((resolve) => this.#holder.once("exit", resolve));
    this.#holder.kill("SIGKILL");
    await gone;
    for (const directory of this.#made) rmdirSync(directory);
  }
}
