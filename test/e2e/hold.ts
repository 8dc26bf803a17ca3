// A held sandbox for a test: started, used by `exec` or by its control socket, ended.

import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { eventually, ringfence, run, type SpawnOptions, type SpawnResult } from "../spawn.ts";

export interface Held {
  /** Value of --root. */
  root: string;
  /** Pid of its launcher. */
  launcher: number;
  exec(args: string[], options?: SpawnOptions): Promise<SpawnResult>;
  /** Sends lines of text to the control socket; resolves with all it answers until either side ends. */
  talk(
    text: string | Uint8Array,
    waitFor?: (received: string) => boolean,
  ): Promise<{ received: string; closed: boolean }>;
}

const TALK_MS = 5000;

/** Runs `body` with a sandbox named `held`; resolves with how its launcher ended. */
export async function withHeld(
  body: (held: Held) => Promise<void>,
  flags: string[] = [],
): Promise<SpawnResult> {
  const root = mkdtempSync("/tmp/ringfence-held-");
  let launcher: ChildProcess | undefined;
  let announced = "";
  const ended = run(ringfence, ["--root", root, ...flags, "hold", "held"], {
    keepStdin: true,
    deadlineMs: 110_000,
    started: (child) => {
      launcher = child;
      child.stdout!.on("data", (bytes: Buffer) => {
        announced += bytes.toString("latin1");
      });
    },
  });
  try {
    const up = await eventually(() => announced === "ready\n" || launcher!.exitCode !== null, 20_000);
    if (!up || launcher!.exitCode !== null) {
      launcher!.kill("SIGKILL");
      throw new Error(`no sandbox: ${(await ended).stderr.toString("latin1")}`);
    }
    await body({
      root,
      launcher: launcher!.pid!,
      exec: (args, options) => run(ringfence, ["--root", root, "exec", "held", ...args], options),
      talk: (text, waitFor) => talk(`${root}/held/s`, text, waitFor),
    });
    launcher!.stdin!.end();
    return await ended;
  } finally {
    launcher!.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
  }
}

function talk(
  path: string,
  text: string | Uint8Array,
  waitFor?: (received: string) => boolean,
): ReturnType<Held["talk"]> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let received = "";
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ received, closed });
    };
    const timer = setTimeout(() => finish(false), TALK_MS);
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (waitFor?.(received)) finish(false);
    });
    socket.on("error", () => finish(true));
    socket.on("close", () => finish(true));
    socket.write(text);
  });
}
