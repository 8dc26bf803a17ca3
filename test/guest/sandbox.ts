// One sandbox for many test programs: `ringfence hold ID` until its standard input ends, and
// `ringfence exec ID PROGRAM` for each. All in a state directory of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ringfence } from "../spawn.ts";

/** Platforms and placements that exist; most programs of tests are too short for sites to be patched when it pays. */
export const CONFIGURATIONS = [
  { name: "systrap, solo", flags: ["--platform=systrap", "--workers=solo"] },
  {
    name: "systrap, kernel threads of their own, call sites patched at their first trap",
    flags: ["--platform=systrap", "--workers=net,data=2", "--patch=eager"],
  },
] as const;

/** Every guest program runs under each. */
export const ALL_CONFIGURATIONS = [
  ...CONFIGURATIONS,
  {
    name: "systrap, a kernel thread beside Node's, nothing patched",
    flags: ["--platform=systrap", "--workers=1", "--patch=off"],
  },
  { name: "ptrace, solo", flags: ["--platform=ptrace", "--workers=solo"] },
] as const;

const ID = "test";
const START_DEADLINE_MS = 120_000; // the first start of a checkout builds it
const END_DEADLINE_MS = 10_000;
/** What is kept for the report of a sandbox that ended by itself. */
const LOG_TAIL = 4096;
const PROGRAMS_KEPT = 5;
/** Sandboxes are profiled meanwhile. */
const PROFILED = process.env.RINGFENCE_TEST_PROFILED === "1";

export class Sandbox {
  readonly root: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #errors: string[] = [];
  readonly #lastPrograms: string[] = [];
  #running = true;
  #how = "it runs";

  private constructor(root: string, child: ChildProcess) {
    this.root = root;
    this.#child = child;
    child.stderr!.on("data", (bytes: Buffer) => this.#errors.push(bytes.toString("latin1")));
    this.#ended = new Promise((resolve) => {
      // Not `close`: what the sandbox left behind may hold the pipes.
      child.on("exit", (code, signal) => {
        this.#running = false;
        this.#how = String(signal ?? code);
        resolve(this.#how);
      });
    });
  }

  /** Starts one, with global flags and those of `hold`, by a command that runs another, and waits until it serves. */
  static async start(
    flags: readonly string[],
    own: readonly string[] = [],
    through: readonly string[] = [],
  ): Promise<Sandbox> {
    const root = mkdtempSync(join(tmpdir(), "ringfence-test-"));
    const words = [ringfence, `--root=${root}`, `--log=${join(root, "log")}`, ...flags, "hold", ...own, ID];
    const [program, ...args] = [...through, ...words];
    const child = spawn(program!, args, { stdio: "pipe", detached: true });
    const sandbox = new Sandbox(root, child);
    let text = "";
    const ready = new Promise<boolean>((resolve) => {
      child.stdout.on("data", (bytes: Buffer) => {
        text += bytes.toString("latin1");
        if (text.includes("ready\n")) resolve(true);
      });
      child.on("close", () => resolve(false));
    });
    if (!(await within(ready, START_DEADLINE_MS))) {
      sandbox.kill();
      throw new Error(`the sandbox did not start: ${sandbox.report}`);
    }
    if (PROFILED) sandbox.#profile();
    return sandbox;
  }

  /** Has it recorded what its kernel does until it ends: no guest is to notice. */
  #profile(): void {
    const params = { cpu: true, stacksPerSecond: 1000 };
    const recording = connect(this.socket, () => {
      recording.write(`${JSON.stringify({ id: 1, method: "profile_start", params })}\n`);
    });
    recording.unref();
    recording.on("error", () => {});
    recording.once("data", (answer: Buffer) => {
      if (!answer.toString().includes("result")) this.#errors.push(`not profiled: ${answer}`);
    });
  }

  /** How it ended if it has, what it printed on standard error, the end of its log, the last programs. */
  get report(): string {
    let log = "";
    try {
      log = readFileSync(join(this.root, "log"), "latin1").slice(-LOG_TAIL);
    } catch {
      // it did not come so far
    }
    const programs = this.#lastPrograms.map((program) => basename(program)).join(", ");
    return `\nended: ${this.#how}\nlast programs: ${programs}\n${this.#errors.join("")}\nlog: ${log}`;
  }

  /** The launcher's pid. */
  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Arguments for the ringfence command that run a program in the sandbox. */
  execArguments(program: string, args: readonly string[]): string[] {
    if (this.#lastPrograms.push(program) > PROGRAMS_KEPT) this.#lastPrograms.shift();
    return [`--root=${this.root}`, "exec", ID, program, ...args];
  }

  /** Path of its control socket. */
  get socket(): string {
    return join(this.root, ID, "s");
  }

  /** Ends it in the ordinary way; how the launcher ended, "0" if all is well. */
  async end(): Promise<string> {
    this.#child.stdin!.end();
    const how = await within(this.#ended, END_DEADLINE_MS);
    if (how === undefined) {
      this.kill();
      await this.#ended; // else the next test would take it for one that runs
    }
    rmSync(this.root, { recursive: true, force: true });
    return how ?? "deadline passed";
  }

  /** As end(); rejects if it did not end well. */
  async endWell(): Promise<void> {
    const report = this.report;
    const how = await this.end();
    if (how !== "0") throw new Error(`the sandbox ended with ${how}: ${report}`);
  }

  kill(): void {
    try {
      process.kill(-this.#child.pid!, "SIGKILL");
    } catch {
      // it has ended already
    }
  }
}

/** uvu fails without a word when a hook rejects: says why. */
export function told<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error: unknown) => {
    console.error(error);
    throw error;
  });
}

async function within<T>(promise: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), deadlineMs);
  });
  const result = await Promise.race([promise, late]);
  clearTimeout(timer);
  return result;
}
