// Standard streams of a process as containerd names them: FIFOs by their paths, or URIs of files and of programs that log.
// The container has the FIFOs themselves; the shim only holds what must not close while the other side is away. A terminal
// is one file for both directions, and is relayed.

import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EINVAL, ENOTTY } from "../../shared/abi/errno.ts";
import { type Addon, DISCONNECTED } from "./addon.ts";
import type { Children } from "./children.ts";
import { startLogger } from "./logger.ts";
import { Relay } from "./relay.ts";

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** How long what a terminal still has may take to be read after its process has ended. */
const DRAIN_MS = 1000;
const SIZE_MAX = 65_535;
/** How long a FIFO's reader may take to come, and how often it is looked for. */
const READER_MS = 2000;
const LOOK_MS = 5;

/**
 * A FIFO's writing end, when somebody reads it: engines open theirs while they ask for the process's start, and what a short
 * one had written would be gone with it before they have. Undefined: nobody has come, and nobody is waited for any longer.
 */
async function openRead(path: string): Promise<number | undefined> {
  for (let waited = 0; waited < READER_MS; waited += LOOK_MS) {
    try {
      return openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error;
    }
    await sleep(LOOK_MS);
  }
  return undefined;
}

/** "" where there is to be none. */
export interface StdioPaths {
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

/** Whose streams they are. */
export interface Owner {
  id: string;
  namespace: string;
}

export class StdioError extends Error {}

export class Stdio {
  readonly #addon: Addon;
  /** What the process gets as 0, 1 and 2; with a terminal nothing. */
  #given: number[] = [];
  /** With a terminal: what is to be relayed to it and from it. */
  #relayed: { input?: number; output?: number } = {};
  readonly #relays: Relay[] = [];
  #master = -1;
  #stdinHold = -1;
  readonly #holds: number[] = [];
  readonly #endings = new Set<() => void>();

  private constructor(addon: Addon) {
    this.#addon = addon;
  }

  /** Opens them; throws a StdioError, or what Node throws. */
  static async open(addon: Addon, children: Children, paths: StdioPaths, owner: Owner): Promise<Stdio> {
    const stdio = new Stdio(addon);
    try {
      await (paths.terminal ? stdio.#openRelayed(paths) : stdio.#openGiven(children, paths, owner));
    } catch (error) {
      stdio.closeGiven();
      stdio.close();
      throw error;
    }
    return stdio;
  }

  get given(): readonly number[] {
    return this.#given;
  }

  /** The process has its own. */
  closeGiven(): void {
    for (const fd of this.#given) closeSync(fd);
    this.#given = [];
  }

  /** The terminal that the process has; its descriptor is the shim's from now on. */
  attach(master: number): void {
    const { input, output } = this.#relayed;
    this.#relayed = {};
    this.#master = master;
    this.#addon.setNonBlocking(master);
    // The one whose end is waited for comes first.
    if (output !== undefined)
      this.#relays.push(new Relay(this.#addon, this.#addon.duplicate(master), output));
    if (input !== undefined) this.#relays.push(new Relay(this.#addon, input, this.#addon.duplicate(master)));
  }

  /** Of a terminal, in characters: 0 or a negative errno. */
  resize(columns: number, rows: number): number {
    if (columns > SIZE_MAX || rows > SIZE_MAX) return -EINVAL;
    return this.#master < 0 ? -ENOTTY : this.#addon.setWindow(this.#master, columns, rows);
  }

  /** Whoever writes standard input has said all. */
  closeStdin(): void {
    if (this.#stdinHold >= 0) closeSync(this.#stdinHold);
    this.#stdinHold = -1;
  }

  /**
   * The process has ended. What it has written to a terminal goes out; a FIFO is held until nobody can write to it any
   * more: others of the container may have it. Then all is closed.
   */
  async end(): Promise<void> {
    this.closeStdin();
    const timer = setTimeout(() => this.#relays[0]?.close(), DRAIN_MS);
    await this.#relays[0]?.ended;
    clearTimeout(timer);
    if (this.#relays.length === 0) await Promise.all(this.#holds.map((fd) => this.#unwritten(fd)));
    this.close();
  }

  #unwritten(fd: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#addon.pollStop(poll);
        this.#endings.delete(done);
        resolve();
      };
      const poll = this.#addon.pollStart(fd, DISCONNECTED, done);
      this.#endings.add(done);
    });
  }

  /** Whoever still writes has nobody who reads. */
  close(): void {
    for (const end of [...this.#endings]) end();
    this.#release();
  }

  async #openGiven(children: Children, { stdin, stdout, stderr }: StdioPaths, owner: Owner): Promise<void> {
    this.#given.push(stdin === "" ? openSync("/dev/null", O_RDONLY) : this.#openInput(stdin, 0));
    const isLogger = (uri: string) => uri.startsWith("binary://");
    if (isLogger(stdout) && stderr === stdout) {
      this.#given.push(...(await startLogger(this.#addon, children, stdout, owner)));
      return;
    }
    for (const [at, uri] of [stdout, stderr].entries()) {
      if (isLogger(uri)) {
        const ends = await startLogger(this.#addon, children, uri, owner);
        this.#given.push(ends[at]!);
        closeSync(ends[1 - at]!);
      } else {
        this.#given.push(await this.#openOutput(uri, 0));
      }
    }
  }

  async #openRelayed({ stdin, stdout }: StdioPaths): Promise<void> {
    if (stdin !== "") this.#relayed.input = this.#openInput(stdin, O_NONBLOCK);
    // Who wants nothing of a terminal has it read all the same: the process would wait.
    this.#relayed.output = await this.#openOutput(stdout, O_NONBLOCK);
    const { input } = this.#relayed;
    if (input !== undefined && !fstatSync(input).isFIFO()) throw new StdioError(`${stdin} is no FIFO`);
  }

  /** A FIFO is opened without waiting for its other side. It ends when it is said to (CloseIO), not when nobody has it open. */
  #openInput(path: string, flags: number): number {
    const both = openSync(path, O_RDWR | O_NONBLOCK | O_NOCTTY);
    try {
      this.#stdinHold = openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
      return openSync(path, O_RDONLY | O_NOCTTY | flags);
    } finally {
      closeSync(both);
    }
  }

  async #openOutput(uri: string, flags: number): Promise<number> {
    if (uri === "") return openSync("/dev/null", O_WRONLY);
    const scheme = /^([a-z]+):\/\//.exec(uri)?.[1];
    const path = scheme === undefined ? uri : decodeURIComponent(new URL(uri).pathname);
    if (scheme === "file") {
      mkdirSync(dirname(path), { recursive: true });
      return openSync(path, O_WRONLY | O_CREAT | O_APPEND, 0o640);
    }
    if (scheme !== undefined && scheme !== "fifo") throw new StdioError(`streams cannot go to ${uri}`);
    // Who reads it may go and come again: somebody is always a reader. It tells, too, when nobody writes any more.
    if (!statSync(path).isFIFO()) return openSync(path, O_WRONLY | O_NOCTTY | flags);
    const writing = await openRead(path);
    try {
      this.#holds.push(openSync(path, O_RDONLY | O_NONBLOCK));
      return openSync(path, O_WRONLY | O_NOCTTY | flags);
    } finally {
      if (writing !== undefined) closeSync(writing);
    }
  }

  #release(): void {
    for (const relay of this.#relays) relay.close();
    this.closeStdin();
    const { input = -1, output = -1 } = this.#relayed;
    for (const fd of [...this.#holds, input, output, this.#master]) if (fd >= 0) closeSync(fd);
    this.#holds.length = 0;
    this.#relayed = {};
    this.#master = -1;
  }
}
