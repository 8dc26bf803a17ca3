// Runs a program with real pipes as its standard streams (Node's own would be sockets), natively or
// through any command, and tells how it ended. Always with a deadline.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { constants as osConstants, tmpdir } from "node:os";
import { join } from "node:path";

export interface PipedResult {
  /** One char a byte. */
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell says it: exit code, or 128 + signal. */
  readonly status: string;
}

export interface PipedOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly deadlineMs: number;
  /** Let a shell tell the status: Node has no names for real-time signals. */
  readonly statusByShell?: boolean;
  /** The file of the network namespace to run in, where a shell tells the status. */
  readonly network?: string | undefined;
}

/** How long a pipe may stay open after its program has ended. */
const PIPE_GRACE_MS = 2_000;
const SIGNALS: Readonly<Record<string, number>> = osConstants.signals;

/** FIFOs that are made by one mkfifo(1): to start it takes longer than many a program that is run. */
const FIFOS_AT_ONCE = 60;
const fifos: string[] = [];
let directory: string | undefined;

/** The path of a FIFO that is no longer needed when it has been opened: Node cannot make a pipe without a name. */
function fifo(): string {
  if (fifos.length === 0) {
    if (directory === undefined) {
      const made = mkdtempSync(join(tmpdir(), "ringfence-pipes-"));
      process.on("exit", () => rmSync(made, { recursive: true, force: true }));
      directory = made;
    }
    for (let i = 0; i < FIFOS_AT_ONCE; i++) fifos.push(join(directory, `${i}`));
    execFileSync("mkfifo", fifos);
  }
  return fifos.pop()!;
}

/** [reading end, writing end] */
function pipe(): [number, number] {
  const path = fifo();
  // The end that the test keeps is non-blocking; the flag belongs to that opening alone.
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  unlinkSync(path);
  return [reader, writer];
}

/** A pipe that holds `text` (at most 64 KiB) and then ends; its reading end blocks, as a shell's would. */
function fullPipe(text: string): number {
  const path = fifo();
  const both = openSync(path, constants.O_RDWR);
  const reader = openSync(path, constants.O_RDONLY);
  unlinkSync(path);
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length > 0 && writeSync(both, bytes) !== bytes.length)
    throw new Error("standard input does not fit a pipe");
  closeSync(both);
  return reader;
}

/** What comes out of a pipe until it ends; stop() is for a pipe that somebody holds open. */
class Collector {
  readonly text: Promise<string>;
  readonly #socket: Socket;

  constructor(fd: number) {
    const chunks: Buffer[] = [];
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.on("data", (bytes: Buffer) => chunks.push(bytes));
    this.text = new Promise((resolve, reject) => {
      this.#socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
      this.#socket.on("error", reject);
    });
  }

  stop(): void {
    this.#socket.destroy();
  }
}

/** A word for bash that stands for these bytes. */
function quoted(text: string): string {
  const hex = (char: string) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `$'${text.replace(/[^A-Za-z0-9_/.,=:-]/g, hex)}'`;
}

/**
 * What to start. Arguments and environment have one char a byte, and Node would pass them as UTF-8:
 * where that makes a difference, and where a shell is to tell the status, bash and env pass them.
 */
function started(command: string, args: readonly string[], options: PipedOptions): [string, string[]] {
  const settings = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
  const isAscii = [...args, ...settings].every((text) => /^[\x01-\x7f]*$/.test(text));
  const words = ["env", "-i", ...[...settings, command, ...args].map(quoted)].join(" ");
  // What bash itself says of a signal is not the program's.
  if (options.statusByShell) {
    const place = options.network === undefined ? "" : `nsenter --net=${options.network} `;
    return ["/bin/bash", ["-c", `exec 3>&2 2>/dev/null; ${place}${words} 2>&3 3>&-; exit $?`]];
  }
  return isAscii ? [command, [...args]] : ["/bin/bash", ["-c", `exec ${words}`]];
}

/** Runs a command with pipes as its streams. */
export async function runPiped(
  command: string,
  args: readonly string[],
  options: PipedOptions,
): Promise<PipedResult> {
  const stdin = fullPipe(options.stdin);
  const [outReader, outWriter] = pipe();
  const [errReader, errWriter] = pipe();
  const [file, list] = started(command, args, options);
  const child = spawn(file, list, {
    cwd: "/",
    env: options.env,
    stdio: [stdin, outWriter, errWriter],
    detached: true,
  });
  closeSync(stdin);
  closeSync(outWriter);
  closeSync(errWriter);
  const stdout = new Collector(outReader);
  const stderr = new Collector(errReader);
  const status = await ended(child, options.deadlineMs);
  const grace = setTimeout(() => {
    stdout.stop();
    stderr.stop();
  }, PIPE_GRACE_MS);
  const result = { stdout: await stdout.text, stderr: await stderr.text, status };
  clearTimeout(grace);
  return result;
}

function ended(child: ChildProcess, deadlineMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, deadlineMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (timedOut) resolve("deadline passed");
      else resolve(String(code ?? 128 + SIGNALS[signal!]!));
    });
  });
}
