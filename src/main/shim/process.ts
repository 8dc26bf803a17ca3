// A process of a container as containerd knows it: the first one, or one that was added (exec). On the host a waiter stands
// for it, whose parent the shim is (docs/process-model.md).

import type { Stdio, StdioPaths } from "./stdio.ts";

export interface Exit {
  status: number;
  /** Milliseconds since the epoch. */
  at: number;
}

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

  /** It has ended: what it wrote goes out, then `tell` tells it. */
  async end(status: number, tell: (exit: Exit) => Promise<void>): Promise<void> {
    const exit = { status, at: Date.now() };
    this.exit = exit;
    await this.starting?.catch(() => {});
    await this.stdio?.end();
    this.stdio = null;
    await tell(exit);
    this.#tell(exit);
  }
}
