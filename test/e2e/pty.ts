// A program on a pseudo-terminal, driven from a test by pty_driver.c, which plays its shell.

import { type ChildProcess, spawn } from "node:child_process";
import { eventually } from "../spawn.ts";
import { buildDriver } from "./driver.ts";

const DEADLINE_MS = 30_000;

export class Pty {
  readonly #child: ChildProcess;
  readonly #timer: NodeJS.Timeout;
  #lines: string[] = [];
  /** Everything that the terminal has shown. */
  shown = "";

  constructor(program: string, args: string[]) {
    this.#child = spawn(buildDriver("pty_driver"), [program, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      detached: true,
    });
    this.#timer = setTimeout(() => this.#child.kill("SIGKILL"), DEADLINE_MS);
    let rest = "";
    this.#child.stdout!.on("data", (bytes: Buffer) => {
      const lines = (rest + bytes.toString("latin1")).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    });
    this.#child.stdin!.on("error", () => {});
  }

  #take(line: string): void {
    if (line.startsWith("out ")) this.shown += Buffer.from(line.slice(4), "hex").toString("latin1");
    else this.#lines.push(line);
  }

  /** A command of the driver. */
  send(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  type(text: string): void {
    this.send(`type ${Buffer.from(text, "latin1").toString("hex")}`);
  }

  /** Waits until the terminal shows something. */
  async shows(what: string | RegExp): Promise<void> {
    const found = await eventually(
      () => (typeof what === "string" ? this.shown.includes(what) : what.test(this.shown)),
      10_000,
    );
    if (!found) throw new Error(`the terminal does not show ${what}: ${JSON.stringify(this.shown)}`);
  }

  /** Changes the size until that is shown: a program may look at it, and be told of changes only a moment later. */
  async sized(rows: number, columns: number, what: string): Promise<void> {
    const isShown = () => this.shown.includes(what);
    for (let i = 0; i < 10 && !isShown(); i++) {
      this.send("size 20 20");
      this.send(`size ${rows} ${columns}`);
      await eventually(isShown, 1000);
    }
    await this.shows(what);
  }

  /** Waits for an event of the driver that begins so, and returns it. */
  async event(begin: string): Promise<string> {
    let found: string | undefined;
    await eventually(() => {
      found = this.#lines.find((line) => line.startsWith(begin));
      return found !== undefined;
    }, 10_000);
    if (found === undefined)
      throw new Error(`no ${begin} among ${this.#lines.join(", ")}; shown: ${JSON.stringify(this.shown)}`);
    this.#lines = this.#lines.slice(this.#lines.indexOf(found) + 1);
    return found;
  }

  /** Waits until the terminal has the modes it had at the start. */
  async restored(): Promise<boolean> {
    for (let i = 0; i < 50; i++) {
      this.send("modes");
      if ((await this.event("modes")) === "modes same") return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  }

  /** Pid of the driver: the job is its child. */
  get pid(): number {
    return this.#child.pid!;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#child.kill("SIGKILL");
  }
}
