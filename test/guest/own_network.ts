// A network namespace for what runs natively: loopback and nothing else, as in a sandbox, so that no port of a program's
// is taken by what runs beside it. The namespace ends with one process.

import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";

const HOLDS = "ip link set lo up && echo made && exec cat > /dev/null";

export class OwnNetwork {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** null: who runs the tests may make none; programs share the host's network then. */
  static made(): Promise<OwnNetwork | null> {
    const holder = spawn("unshare", ["--net", "sh", "-c", HOLDS], { stdio: ["pipe", "pipe", "ignore"] });
    return new Promise((resolve) => {
      holder.once("error", () => resolve(null));
      holder.once("exit", () => resolve(null));
      holder.stdout.once("data", () => {
        holder.stdout.destroy();
        // It keeps nobody waiting, and ends with whoever holds its input.
        holder.unref();
        (holder.stdin as Socket).unref();
        resolve(new OwnNetwork(holder));
      });
    });
  }

  get path(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  end(): void {
    this.#holder.kill("SIGKILL");
  }
}
