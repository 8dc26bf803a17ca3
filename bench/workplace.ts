// The bench's directory for one run, with the files that subjects read. Each is made when it is first needed, and
// all of it is gone at the end.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll, killGroup } from "./command.ts";
import { program } from "./programs.ts";
import type { Way } from "./ways.ts";

export interface Effort {
  /** How long a guest program runs each of its loops. */
  readonly budgetMs: number;
  /** Works through a small part of everything, to see that it works. */
  readonly quick: boolean;
  readonly libc: string;
}

const MEBIBYTE = 2 ** 20;
const ENTRIES = 1000;

export class Workplace {
  readonly work: string = mkdtempSync(join(tmpdir(), "rf-bench-"));
  readonly effort: Effort;
  /** The ways that are compared. */
  ways: readonly Way[] = [];
  /** The number of the signal that has ended the run early; 0: none. */
  endedBy = 0;
  readonly #killed: number[] = [];
  readonly #made = new Map<string, string>();
  readonly #clear = (): void => {
    for (const pid of this.#killed) killGroup(pid);
    for (const way of this.ways) way.clear?.(this.endedBy !== 0);
    try {
      // What was killed may still be writing for a moment.
      rmSync(this.work, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    } catch (error) {
      process.stderr.write(`ringfence: bench: ${this.work} is left: ${(error as Error).message}\n`);
    }
  };

  constructor(effort: Effort) {
    this.effort = effort;
    process.on("exit", this.#clear);
    for (const [signal, number] of [
      ["SIGINT", 2],
      ["SIGTERM", 15],
      ["SIGHUP", 1],
    ] as const)
      process.on(signal, () => {
        killAll();
        // What has been measured by then is told; who does not want to wait for that asks twice.
        if (this.endedBy !== 0) process.exit(128 + number);
        this.endedBy = number;
      });
  }

  clear(): void {
    process.off("exit", this.#clear);
    this.#clear();
  }

  /** A process group that must not outlive the bench. */
  killAtEnd(pid: number): void {
    this.#killed.push(pid);
  }

  program(name: string): string {
    return program(name, this.effort.libc);
  }

  /** A directory below this one, filled by `make` the first time. */
  directory(name: string, make: (path: string) => void): string {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const path = join(this.work, name);
    mkdirSync(path);
    make(path);
    this.#made.set(name, path);
    return path;
  }

  /** A directory as /tmp: some programs run as another user. */
  temporary(): string {
    return this.directory("tmp", (path) => {
      chmodSync(this.work, 0o711);
      chmodSync(path, 0o1777);
    });
  }

  /** What the guest programs read: a file of a mebibyte and a directory of a thousand names. */
  files(): string {
    if (this.#made.has("files")) return this.work;
    writeFileSync(join(this.work, "mebibyte"), Buffer.alloc(MEBIBYTE, "ringfence"));
    this.directory("thousand", (path) => {
      for (let i = 0; i < ENTRIES; i++) writeFileSync(join(path, `entry-${i}`), "");
    });
    this.#made.set("files", this.work);
    return this.work;
  }
}
