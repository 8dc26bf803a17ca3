// A file system of the host's that answers when a test lets it (slow_host.c), and guests beside it whose progress is seen.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import { eventually, type SpawnOptions, type SpawnResult } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

/** How long is waited for what comes soon, or never. */
export const DEADLINE_MS = 20_000;

export class SlowHost {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #server: ChildProcess;
  readonly #answers: ((line: string) => void)[] = [];

  readonly #isOwn: boolean;

  /** `where`: a directory that is there, of another such host for one. */
  constructor(entries: number, where?: string) {
    this.#isOwn = where === undefined;
    this.directory = where ?? mkdtempSync(join(tmpdir(), "ringfence-slow-"));
    this.#server = spawn(buildDriver("slow_host"), [this.directory, String(entries)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface(this.#server.stdout!).on("line", (line) => this.#answers.shift()?.(line));
  }

  #line(): Promise<string> {
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  async ready(): Promise<void> {
    assert.is(await this.#line(), "ready");
  }

  async tell(command: string): Promise<string> {
    const answer = this.#line();
    this.#server.stdin!.write(`${command}\n`);
    return answer;
  }

  /** Somebody's request waits for the host, at least so many. */
  async isAsked(count = 1): Promise<void> {
    const asked = async () => Number(await this.tell("asked")) >= count;
    assert.ok(await eventually(asked, DEADLINE_MS), "the host is asked");
  }

  /** No process of ours stays in a call that nobody answers. */
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.on("exit", resolve));
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      this.#server.stdin!.end();
      await ended;
    }
    if (this.#isOwn) rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function withSlowHost(
  body: (host: SlowHost) => Promise<void>,
  entries = 0,
  where?: string,
): Promise<void> {
  const host = new SlowHost(entries, where);
  try {
    await host.ready();
    await body(host);
  } finally {
    await host.end();
  }
}

/** Runs a program beside others. */
type Exec = (args: string[], options?: SpawnOptions) => Promise<SpawnResult>;

/** A guest that goes on as long as it is served: it starts programs, opens files, lists directories. */
export class Witness {
  count = 0;
  #child: ChildProcess | undefined;
  readonly #ended: Promise<SpawnResult>;

  constructor(exec: Exec) {
    const script =
      "while read -r go <&0; do :; done & while cat /proc/self/stat > /dev/null && ls / > /dev/null; do echo on; done";
    this.#ended = exec(["sh", "-c", script], {
      keepStdin: true,
      deadlineMs: 170_000,
      started: (child) => {
        this.#child = child;
        child.stdout!.on("data", (bytes: Buffer) => {
          for (const byte of bytes) if (byte === 10) this.count++;
        });
      },
    });
  }

  /** It makes so many rounds from now on. */
  async goesOn(rounds = 10): Promise<void> {
    const goal = this.count + rounds;
    assert.ok(await eventually(() => this.count >= goal, DEADLINE_MS), "others go on");
  }

  async end(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#ended;
  }
}
