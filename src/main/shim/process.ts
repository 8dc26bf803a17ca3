// A process of a container as containerd knows it: the first one, or one that was added (exec). On the host a waiter stands
// for it, whose parent the shim is (docs/process-model.md).

import type { Stdio, StdioPaths } from "./stdio.ts";

export interface Exit {
  status: number;
  /** Milliseconds since the epoch. */
  at: number;
}

/** As long as runc's shim waits, when a process is deleted, for what it has written. */
const STREAMS_MS = 2000;

export class Process {
  /** "" of the first one. */
  readonly execId: string;
  readonly paths: StdioPaths;
  /** Resolves when its end was told. */
  readonly told: Promise<Exit>;
  /** Its waiter; 0 before there is one. */
  pid = 0;
  stdio: Stdio | null = null;
  exit: Exit | null = null;
  isStarted = false;
  /** Its start, while that goes on: its end is told behind it. */
  starting: Promise<void> | null = null;
  #tell!: (exit: Exit) => void;
  #isTold = false;
  #streams: Promise<void> | undefined;
  readonly #waiting = new Set<(exit: Exit) => void>();

  constructor(execId: string, paths: StdioPaths) {
    this.execId = execId;
    this.paths = paths;
    this.told = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  get isRunning(): boolean {
    return this.pid > 0 && this.exit === null;
  }

  /** Starts it; one start at a time. */
  async start(start: () => Promise<void>): Promise<void> {
    this.starting = start();
    try {
      await this.starting;
    } finally {
      this.starting = null;
    }
  }

  /** Resolves as `told`; what nobody will see costs nothing. */
  wait(gone: AbortSignal): Promise<Exit> {
    if (this.#isTold) return this.told;
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(done);
        reject(new Error("the caller has gone"));
      };
      const done = (exit: Exit) => {
        gone.removeEventListener("abort", leave);
        resolve(exit);
      };
      this.#waiting.add(done);
      gone.addEventListener("abort", leave);
    });
  }

  /** Its streams are over, or are ended after a while: others may have them that live on. */
  async closeStreams(): Promise<void> {
    const timer = setTimeout(() => this.stdio?.close(), STREAMS_MS);
    await this.#streams;
    clearTimeout(timer);
  }

  /** It has ended: what it wrote to a terminal goes out, then `tell` tells it. */
  async end(status: number, tell: (exit: Exit) => Promise<void>): Promise<void> {
    const exit = { status, at: Date.now() };
    this.exit = exit;
    await this.starting?.catch(() => {});
    const streams = this.stdio?.end();
    this.#streams = streams?.then(() => {
      this.stdio = null;
    });
    if (this.paths.terminal) await streams;
    await tell(exit);
    this.#isTold = true;
    this.#tell(exit);
    for (const done of this.#waiting) done(exit);
    this.#waiting.clear();
  }
}
