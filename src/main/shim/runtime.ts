// The runtime's command as the shim calls it, for what needs the launcher: a process to be made, a container to be removed,
// control groups to be changed, hooks of the host's to be run.

import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { errnoText } from "../../shared/abi/errno_text.ts";
import { type Children, exitStatus } from "./children.ts";

const LOG_MAX = 64 * 1024;
const OUTPUT_MAX = 4 << 20;

/** In the runtime's own words. */
export class RuntimeError extends Error {}

export interface Command {
  /** The bundle: the command's working directory, and where its log is while it runs. */
  bundle: string;
  words: readonly string[];
  /** Descriptors 0-2; /dev/null where there are none. */
  stdio?: readonly number[];
}

function readFrom(path: string, start: number, limit: number): string {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.min(limit, sizeOf(path) - start));
    return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, start));
  } finally {
    closeSync(fd);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last error in a log of JSON lines, behind that place. */
function lastError(log: string, start: number): string | undefined {
  const from = Math.max(start, sizeOf(log) - LOG_MAX);
  const lines = sizeOf(log) === 0 ? [] : readFrom(log, from, LOG_MAX).split("\n");
  for (const line of lines.reverse()) {
    try {
      const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
      if (level === "error" && typeof msg === "string") return msg;
    } catch {
      // The first may be cut, and the last is empty.
    }
  }
  return undefined;
}

/** Of all commands of this shim: several may run in one bundle. */
let lastLog = 0;

export class Runtime {
  readonly #children: Children;
  readonly #program: string;
  readonly #flags: readonly string[];
  readonly root: string;

  /** `flags`: of all its commands, beside --root and --log. */
  constructor(children: Children, program: string, root: string, flags: readonly string[]) {
    this.#children = children;
    this.#program = program;
    this.#flags = flags;
    this.root = root;
  }

  /**
   * Resolves when the command has ended well, to the moment of its start as Children.end wants it; rejects with a
   * RuntimeError.
   */
  async run({ bundle, words, stdio }: Command): Promise<number> {
    // Of one that containerd has removed without its shim there is nothing left to write to.
    const directory = existsSync(bundle) ? bundle : "/";
    // What `create` leaves goes on to write to its log.
    const name = words[0] === "create" ? "log.json" : `log-${++lastLog}.json`;
    const log = directory === "/" ? "/dev/null" : `${bundle}/${name}`;
    const start = sizeOf(log);
    const flags = ["--root", this.root, "--log", log, "--log-format", "json", "--log-alone", ...this.#flags];
    // Who deletes the container of a shim that was killed deletes all: nothing may be on its way still.
    flags.push(`--parent=${process.pid}`);
    const args = ["ringfence", ...flags, ...words];
    const since = this.#children.reaped;
    try {
      const pid = this.#spawn(args, stdio, directory);
      if (pid < 0) throw new RuntimeError(`starting ${this.#program}: ${errnoText(-pid)}`);
      const status = exitStatus(await this.#children.end(pid, since));
      if (status === 0) return since;
      throw new RuntimeError(lastError(log, start) ?? `${words[0]} ended with exit status ${status}`);
    } finally {
      if (directory !== "/" && words[0] !== "create") rmSync(log, { force: true });
    }
  }

  /** Its pid, or a negative errno. */
  #spawn(args: readonly string[], stdio: readonly number[] | undefined, directory: string): number {
    if (stdio !== undefined) return this.#children.spawn(this.#program, args, stdio, directory);
    const nothing = openSync("/dev/null", "r+");
    try {
      return this.#children.spawn(this.#program, args, [nothing, nothing, nothing], directory);
    } finally {
      closeSync(nothing);
    }
  }

  /** As run; resolves to what the command has printed. */
  async output(command: Omit<Command, "stdio">, input?: string): Promise<string> {
    const path = `${command.bundle}/${command.words[0]}.out`;
    const output = openSync(path, "w+", 0o600);
    let given = -1;
    try {
      rmSync(path);
      given = openSync(input ?? "/dev/null", "r");
      await this.run({ ...command, stdio: [given, output, output] });
      return readFrom(`/proc/self/fd/${output}`, 0, OUTPUT_MAX);
    } finally {
      if (given >= 0) closeSync(given);
      closeSync(output);
    }
  }
}
