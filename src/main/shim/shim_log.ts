// The shim's own log: containerd reads it from a FIFO and passes it on.

import { closeSync, openSync, writeSync } from "node:fs";
import { formatRecord } from "../../shared/log_format.ts";

export class ShimLog {
  /** containerd's, unless the options name a file. */
  #fd: number;
  #path = "";

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(level: string, msg: string): void {
    const fields = { runtime: "io.containerd.ringfence.v1" };
    try {
      writeSync(this.#fd, formatRecord("text", { level, time: Date.now(), msg, fields }));
    } catch {
      // Nobody reads it, and it is full.
    }
  }

  /** "": where it is. */
  goTo(path: string): void {
    if (path === "" || path === this.#path) return;
    try {
      const fd = openSync(path, "a", 0o640);
      if (this.#path !== "") closeSync(this.#fd);
      this.#fd = fd;
      this.#path = path;
    } catch (error) {
      this.write("warning", `the log ${path} cannot be opened: ${(error as Error).message}`);
    }
  }
}
