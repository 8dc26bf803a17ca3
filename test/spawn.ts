// Starts a program for a test, with a deadline: when it passes, the program's whole process group
// is killed and the result says so. uvu has no time-outs, so tests start programs through here only.

import { type ChildProcess, spawn as nodeSpawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout, where bin/ringfence is. */
export const checkout: string = fileURLToPath(new URL("..", import.meta.url));

/** The command, with the global flags of $RINGFENCE_TEST_FLAGS if there are any: another placement, for one. */
export const ringfence: string = commandWith(process.env.RINGFENCE_TEST_FLAGS ?? "");

/** The command for a sandbox that runs, and so was set up: the same without the look at all sources that bin/ringfence has. */
export const launcher: string = process.env.RINGFENCE_TEST_FLAGS
  ? ringfence
  : `${checkout}build/native/ringfence-launcher`;

/** What the command catches calls by. */
export const platform: string =
  /--platform=(\w+)/.exec(process.env.RINGFENCE_TEST_FLAGS ?? "")?.[1] ?? "systrap";

/** Which kernel threads its sandboxes have. */
export const workers: string = /--workers=(\S+)/.exec(process.env.RINGFENCE_TEST_FLAGS ?? "")?.[1] ?? "solo";

function commandWith(flags: string): string {
  const command = `${checkout}bin/ringfence`;
  if (flags === "") return command;
  const wrapper = join(mkdtempSync(join(tmpdir(), "ringfence-flags-")), "ringfence");
  writeFileSync(wrapper, `#!/bin/sh\nexec ${command} ${flags} "$@"\n`, { mode: 0o755 });
  chmodSync(dirname(wrapper), 0o755); // others' containers are started by it, too
  process.on("exit", () => rmSync(dirname(wrapper), { recursive: true, force: true }));
  return wrapper;
}

export interface SpawnOptions {
  /** Milliseconds until the process group is killed; 30 000 if absent. */
  deadlineMs?: number;
  /** What standard input gives; empty if absent. */
  input?: string | Uint8Array;
  cwd?: string;
  /** The whole environment; the test's own if absent. */
  env?: Record<string, string>;
  /** Sees the process as soon as it runs (to signal it, or to write to it: then give `keepStdin`). */
  started?: (child: ChildProcess) => void;
  /** Leave standard input open after `input`. */
  keepStdin?: boolean;
}

export interface SpawnResult {
  stdout: Buffer;
  stderr: Buffer;
  /** Exit code, or null when a signal ended the program. */
  code: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
}

/** Runs a program to its end. Rejects only if it cannot be started at all. */
export function run(program: string, args: string[], options: SpawnOptions = {}): Promise<SpawnResult> {
  return new Promise((resolve, reject) => {
    const child = nodeSpawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["pipe", "pipe", "pipe"],
      detached: true, // a process group of its own
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
      // What left the group may still hold the pipes: do not wait for their end of file.
      child.stdout.destroy();
      child.stderr.destroy();
    }, options.deadlineMs ?? 30_000);
    child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
    child.stdin.on("error", () => {}); // EPIPE: the program did not read all of it
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), code, signal, timedOut });
    });
    if (options.input !== undefined) child.stdin.write(options.input);
    if (!options.keepStdin) child.stdin.end();
    options.started?.(child);
  });
}

/** Runs a program that must end by itself within its deadline with exit code 0; returns what it printed. */
export async function output(program: string, args: string[], options: SpawnOptions = {}): Promise<string> {
  const result = await run(program, args, options);
  if (result.timedOut || result.code !== 0) {
    const how = result.timedOut ? "passed its deadline" : `ended with ${result.signal ?? result.code}`;
    throw new Error(`${[program, ...args].join(" ")} ${how}: ${result.stderr.toString("latin1")}`);
  }
  return result.stdout.toString("latin1");
}

/** Polls until `condition` holds; false when it does not within the deadline. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // the group is gone already
  }
}
