// Runs a command to its end, in a process group of its own with a deadline, and takes its time.

import { type ChildProcess, spawn } from "node:child_process";
import { BenchError } from "./error.ts";

const STDERR_KEPT = 4096;

export interface Ended {
  readonly stdout: string;
  /** From the start of the process to its end. */
  readonly ns: number;
}

export interface CommandOptions {
  readonly deadlineMs: number;
  /** Standard output is of no interest. */
  readonly quiet?: boolean;
  /** The bench's own, if absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** Is told the process's id. */
  readonly started?: (pid: number) => void;
}

const running = new Set<ChildProcess>();

export function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** Ends what still runs, when the bench itself is ended. */
export function killAll(): void {
  for (const child of running) killGroup(child.pid);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)!.slice(0, 300);
}

/** Rejects with a BenchError when it cannot be started, passes its deadline, or does not end with code 0. */
export function runCommand(argv: readonly string[], options: CommandOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const from = process.hrtime.bigint();
    const child = spawn(argv[0]!, argv.slice(1), {
      stdio: ["ignore", options.quiet === true ? "ignore" : "pipe", "pipe"],
      detached: true,
      env: options.env ?? process.env,
    });
    running.add(child);
    if (child.pid !== undefined) options.started?.(child.pid);
    let ns = 0;
    let late = false;
    const stdout: Buffer[] = [];
    let stderr = "";
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid);
      // What left the group may hold the pipes open.
      child.stdout?.destroy();
      child.stderr!.destroy();
    }, options.deadlineMs);
    child.stdout?.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr!.on("data", (bytes: Buffer) => {
      stderr = (stderr + bytes.toString("utf8")).slice(-STDERR_KEPT);
    });
    child.on("exit", () => {
      ns = Number(process.hrtime.bigint() - from);
      // A daemon that a container command leaves behind may have its error stream for good.
      if (options.quiet === true) child.stderr!.destroy();
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      running.delete(child);
      reject(new BenchError(error.message));
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const how = late
        ? `passed its deadline of ${options.deadlineMs / 1000} s`
        : `ended with ${signal ?? code}`;
      if (late || code !== 0) reject(new BenchError([how, lastLine(stderr)].filter(Boolean).join(": ")));
      else resolve({ stdout: Buffer.concat(stdout).toString("latin1"), ns });
    });
  });
}

/** A command that is looked at while it runs: its process, and its end, which whoever has started it waits for. */
export function startCommand(
  argv: readonly string[],
  deadlineMs: number,
): { readonly pid: number; readonly ended: Promise<Ended> } {
  let pid = 0;
  const ended = runCommand(argv, {
    deadlineMs,
    started: (started) => {
      pid = started;
    },
  });
  // Whatever goes wrong before its end is waited for is told there.
  ended.catch(() => {});
  return { pid, ended };
}
