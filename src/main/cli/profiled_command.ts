// A command in a sandbox of its own that is profiled from before its first call on: a held sandbox, and an exec in it. The
// sandbox ends with this process, however that ends, since it is held by a pipe.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "./command_error.ts";
import { ControlClient } from "./control_client.ts";

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

/** Resolves when the sandbox is up. */
async function held(root: string, globals: readonly string[]): Promise<Held> {
  // In a session of its own, so that a terminal's keys reach the command alone.
  const child = spawn(LAUNCHER, [...globals, "--root", root, "hold", ID], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const end = ended(child);
  end.catch(() => {}); // whoever waits for it is told
  child.stdin!.on("error", () => {});
  const up = new Promise<void>((resolve) => {
    let said = "";
    child.stdout!.on("data", (bytes: Buffer) => {
      said += bytes.toString("latin1");
      if (said.includes(READY)) resolve();
    });
  });
  const failed = await Promise.race([up, end.then((code) => code)]);
  if (typeof failed === "number") throw new CommandError("profile: there is no sandbox for the command");
  return { child, end };
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
  const root = mkdtempSync(join(tmpdir(), "ringfence-profile-"));
  let sandbox: Held | null = null;
  let client: ControlClient | null = null;
  try {
    sandbox = await held(root, globals);
    client = await ControlClient.connect(join(root, ID, "s"));
    if (client === null) throw new CommandError("profile: the sandbox has ended");
    await begin(client);
    const child = spawn(LAUNCHER, ["--root", root, "exec", ID, "--", ...command], { stdio: "inherit" });
    // The terminal's keys are the command's, which gets them itself; of others it is told.
    const ignore = () => {};
    const pass = () => child.kill("SIGTERM");
    process.on("SIGINT", ignore).on("SIGQUIT", ignore).on("SIGTERM", pass);
    const code = await ended(child).finally(() =>
      process.off("SIGINT", ignore).off("SIGQUIT", ignore).off("SIGTERM", pass),
    );
    await end(client);
    return code;
  } finally {
    client?.close();
    sandbox?.child.stdin?.end();
    // It may have been killed, and have nothing more to tell.
    await sandbox?.end;
    rmSync(root, { recursive: true, force: true });
  }
}
