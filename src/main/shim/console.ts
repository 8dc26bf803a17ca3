// How a terminal comes to the shim: the launcher connects to a socket and sends its master (runc's --console-socket).

import { closeSync, rmSync } from "node:fs";
import { errnoText } from "../../shared/abi/errno_text.ts";
import type { Addon } from "./addon.ts";
import { StdioError } from "./stdio.ts";

const MESSAGE_MAX = 4096;

export class ConsoleSocket {
  readonly path: string;
  readonly #addon: Addon;
  readonly #fd: number;

  /** Throws a StdioError. */
  constructor(addon: Addon, path: string) {
    this.#addon = addon;
    this.path = path;
    this.#fd = addon.listen(path);
    if (this.#fd < 0) throw new StdioError(`making the console socket ${path}: ${errnoText(-this.#fd)}`);
  }

  /** The terminal, once the launcher has ended well. */
  take(): number {
    const connection = this.#addon.accept(this.#fd);
    if (connection < 0) throw new StdioError("no terminal has come");
    const message = this.#addon.recvMessage(connection, MESSAGE_MAX);
    closeSync(connection);
    const [master, ...others] = typeof message === "number" ? [] : message.fds;
    for (const fd of others) closeSync(fd);
    if (master === undefined) throw new StdioError("no terminal has come");
    return master;
  }

  close(): void {
    closeSync(this.#fd);
    rmSync(this.path, { force: true });
  }
}
