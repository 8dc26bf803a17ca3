// A command in a sandbox of its own that is profiled from before its first call on: a held sandbox, and an exec in it. The
// sandbox ends with this process, however that ends, since it is held by a pipe.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";
import { findSandbox } from "./state_directory.ts";

const ID = "profiled";
const READY = "ready\n";
const LAUNCHER = join(import.meta.dirname, "../native/ringfence-launcher");
const CODE_SIGNAL = 128;

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new CommandError(`profile: ${error.message}`)));
    child.once("close", (code, signal) => resolve(code ?? CODE_SIGNAL + constants.signals[signal!]));
  });
}

interface Held {
  readonly child: ChildProcess;
  /** Its exit code. It is told once, whenever it comes. */
  readonly end: Promise<number>;
}

function hold(root: string, globals: readonly string[]): Held {
  // In a session of its own, so that a terminal's keys reach the command alone.
  const child = spawn(LAUNCHER, [...globals, "--root", root, "hold", ID], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const end = ended(child);
  end.catch(() => {}); // whoever waits for it is told
  child.stdin!.on("error", () => {});
  return { child, end };
}

async function isUp({ child, end }: Held): Promise<void> {
  const up = new Promise<void>((resolve) => {
    let said = "";
    child.stdout!.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
      if (said.includes(READY)) resolve();
    });
  });
  const failed = await Promise.race([up, end.then((code) => code)]);
  if (typeof failed === "number") throw new CommandError("profile: there is no sandbox for the command");
}

/** Nobody else can have it. */
function makeRoot(): string {
  try {
    return mkdtempSync(join(tmpdir(), "ringfence-profile-"));
  } catch (error) {
    throw new CommandError(`profile: there is no place for a sandbox: ${(error as Error).message}`);
  }
}

/** Of these a terminal sends those of its keys to the command as well. */
const SIGNALS = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;
const OF_KEYS: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT"]);

/** Signals are the command's while it runs. Before and behind it they end what is under way, so that nothing is left of that. */
class Signals {
  #command: ChildProcess | null = null;
  #heard: NodeJS.Signals | null = null;
  /** Ends it. */
  whenHeard: () => void = () => {};
  readonly #take = (signal: NodeJS.Signals): void => {
    if (this.#command !== null && this.#command.exitCode === null && this.#command.signalCode === null) {
      if (!OF_KEYS.has(signal)) this.#command.kill(signal);
      return;
    }
    this.#heard ??= signal;
    this.whenHeard();
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#take);
  }

  areFor(command: ChildProcess): ChildProcess {
    this.#command = command;
    return command;
  }

  /** Throws a CommandError where there was one that was nobody else's. */
  check(): void {
    if (this.#heard !== null) throw new CommandError(`profile: ended by ${this.#heard}`);
  }

  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#take);
  }
}

/**
 * Runs a command with the caller's streams; `begin` and `end` are called with a connection to its sandbox, before and
 * behind it. Resolves to the command's exit code. Throws a CommandError.
 */
export async function runCommand(
  command: readonly string[],
  globals: readonly string[],
  begin: (client: ControlClient) => Promise<void>,
  end: (client: ControlClient) => Promise<void>,
): Promise<number> {
  const signals = new Signals();
  const root = makeRoot();
  const sandbox = hold(root, globals);
  let client: ControlClient | null = null;
  signals.whenHeard = () => {
    client?.close();
    sandbox.child.stdin!.end();
  };
  try {
    await isUp(sandbox);
    client = await ControlClient.connect(findSandbox(root, ID).socket);
    if (client === null) throw new CommandError("profile: the sandbox has ended");
    await begin(client);
    signals.check();
    const words = ["--root", root, "exec", ID, "--", ...command];
    const code = await ended(signals.areFor(spawn(LAUNCHER, words, { stdio: "inherit" })));
    await end(client);
    return code;
  } catch (error) {
    signals.check();
    throw error;
  } finally {
    client?.close();
    sandbox.child.stdin!.end();
    // It may have been killed, and have nothing more to tell.
    await sandbox.end.catch(() => {});
    rmSync(root, { recursive: true, force: true });
    signals.end();
  }
}
