// What a command tells in the end, on standard output and in files: all of it is written, or the command has failed. By itself
// Node does not say when a disk that is full takes a part of what goes to standard output.

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { isatty } from "node:tty";
import { CommandError } from "./command_error.ts";
import { CODE_FAILED } from "./options.ts";

const STDOUT = 1;
const STDOUT_PATH = "-";
const STDOUT_NAME = "standard output";
const MODE = 0o666;

export class OutputError extends CommandError {
  /** The bench has this module once more, and is known by names. */
  override readonly name = "OutputError";

  constructor(what: string, error: unknown) {
    super(`${what} cannot be written: ${(error as Error).message}`);
  }
}

let isWatched = false;

/** Whoever read it has gone, as `head` does: that is no failure, and whatever else is to be done is done. */
function watch(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.stderr.write(`ringfence: ${new OutputError(STDOUT_NAME, error).message}\n`);
    process.exit(CODE_FAILED);
  });
}

/** On standard output. Throws an OutputError. */
export function say(content: string | Uint8Array): void {
  const stats = fstatSync(STDOUT);
  if (stats.isFIFO() || stats.isSocket() || isatty(STDOUT)) {
    watch();
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(STDOUT, content);
  } catch (error) {
    throw new OutputError(STDOUT_NAME, error);
  }
}

interface Output {
  /** -1: it is opened when it is written. */
  fd: number;
  /** It was made for this, and is not whole. */
  isNew: boolean;
}

/** Of a file that is there the content stays until another is written. */
function opened(path: string): Output {
  const known = statSync(path, { throwIfNoEntry: false });
  // To open a pipe may take until somebody reads it.
  if (known !== undefined && !known.isFile() && !known.isDirectory()) return { fd: -1, isNew: false };
  return { fd: openSync(path, constants.O_WRONLY | constants.O_CREAT, MODE), isNew: known === undefined };
}

/** A file's content, from its beginning. */
function replace(fd: number, content: string | Uint8Array): void {
  ftruncateSync(fd);
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
}

/**
 * Files that a command fills when it has done what takes long: opened before that, so that one that cannot be is told of then.
 * That one of them cannot be written keeps nobody from the others.
 */
export class OutputFiles {
  readonly #files = new Map<string, Output>();
  #failed: OutputError | null = null;

  /** Opens them; undefined is none, - standard output. Throws an OutputError, and leaves no file then. */
  constructor(paths: readonly (string | undefined)[]) {
    for (const path of new Set(paths)) {
      if (path === undefined || path === STDOUT_PATH) continue;
      try {
        this.#files.set(path, opened(path));
      } catch (error) {
        this.close();
        throw new OutputError(path, error);
      }
    }
  }

  /** On standard output. */
  say(content: () => string | Uint8Array): void {
    this.#put(STDOUT_NAME, content(), say);
  }

  /** Writes one of them. */
  write(path: string | undefined, content: () => string | Uint8Array): void {
    if (path === STDOUT_PATH) this.say(content);
    else if (path !== undefined) this.#put(path, content(), (text) => this.#fill(path, text));
  }

  #fill(path: string, content: string | Uint8Array): void {
    const file = this.#files.get(path)!;
    if (file.fd < 0) writeFileSync(path, content);
    else replace(file.fd, content);
    file.isNew = false;
  }

  #put(what: string, content: string | Uint8Array, put: (content: string | Uint8Array) => void): void {
    try {
      put(content);
    } catch (error) {
      this.#failed ??= error instanceof OutputError ? error : new OutputError(what, error);
    }
  }

  /** Throws what has failed first. */
  check(): void {
    if (this.#failed !== null) throw this.#failed;
  }

  /** No file is left of which nothing, or a part, was written. */
  close(): void {
    for (const [path, { fd, isNew }] of this.#files) {
      if (fd >= 0) closeSync(fd);
      if (isNew) rmSync(path, { force: true });
    }
    this.#files.clear();
  }
}
