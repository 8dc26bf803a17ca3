// `ringfence install` and `uninstall`: an engine's configuration is told of this runtime, or no longer.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { O_NONBLOCK, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { defaultFile, type Engine, engines } from "../install/engines.ts";
import { CommandError } from "./command_error.ts";
import { globalFlags } from "./options.ts";
import { say } from "./output.ts";

export interface InstallWords {
  engine: string;
  runtime: string;
  "config-file"?: string;
  clobber?: boolean;
  "--"?: readonly (string | number)[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** Docker passes flags on by a shell. */
const FLAG = /^--([a-z0-9-]+)(?:=[A-Za-z0-9_.,:/@%+=-]*)?$/;

function pathOf(engine: Engine, { engine: name, runtime, "config-file": given }: InstallWords): string {
  if (!NAME.test(runtime)) throw new CommandError(`${runtime} is no name of a runtime`);
  const path = given ?? defaultFile(engine, runtime);
  if (path === null) throw new CommandError(`${name} is root's to configure`);
  try {
    return realpathSync(path); // what a link stands for is what is to be changed
  } catch {
    return path;
  }
}

function checkFlags(words: readonly string[]): readonly string[] {
  for (const word of words) {
    const name = FLAG.exec(word)?.[1];
    if (!globalFlags.some((flag) => flag.name === name))
      throw new CommandError(`${word} is no global flag of the form --NAME=VALUE (ringfence --help)`);
  }
  return words;
}

/** A file as it was found. */
interface Found {
  readonly text: string;
  readonly stats: Stats;
}

/** Null: there is none. */
function readFound(path: string): Found | null {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NONBLOCK); // who asks for a FIFO does not wait
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new CommandError("it is no regular file");
    // What is no UTF-8 would come back as something else.
    return {
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(fd)),
      stats,
    };
  } finally {
    closeSync(fd);
  }
}

/**
 * All of it at once, with owner and mode as they were: an engine may be reading. The directory may be another user's, who
 * puts something else in a file's place: owner and mode are given to what was opened. Nobody else reads before they are.
 */
function replaceFile(path: string, text: string, before: Stats | null): void {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  const fd = openSync(fresh, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    if (before !== null) fchownSync(fd, before.uid, before.gid);
    fchmodSync(fd, before === null ? 0o644 & ~process.umask() : before.mode & 0o7777);
    fsyncSync(fd);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Where one of these fails, the file is named. */
function about<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`);
  }
}

/** Changes the file; returns whether that was necessary. */
export function change(path: string, editor: (text: string | null) => string | null): boolean {
  return about(path, () => {
    const found = readFound(path);
    const before = found?.text ?? null;
    const after = editor(before);
    if (after === before) return false;
    if (after === null) rmSync(path);
    else replaceFile(path, after, found?.stats ?? null);
    return true;
  });
}

/**
 * Of a checkout the launcher itself is named, not the script that looks at each call whether it is up to date: an engine
 * makes several calls for every container.
 */
const launcher = (): string => realpathSync(join(import.meta.dirname, "../native/ringfence-launcher"));

const line = (text: string): void => say(`${text}\n`);

export function install(words: InstallWords): void {
  const engine = engines[words.engine]!;
  const path = pathOf(engine, words);
  const flags = checkFlags((words["--"] ?? []).map(String));
  const runtime = { name: words.runtime, path: launcher(), flags };
  const isChanged = change(path, (text) => engine.editor.add(text, runtime, words.clobber === true));
  line(`${path}: ${isChanged ? "the runtime" : "nothing to do, there is"} ${words.runtime}: ${runtime.path}`);
  if (isChanged) line(`next: ${engine.next}`);
  line(`then: ${engine.use(words.runtime)}`);
}

export function uninstall(words: InstallWords): void {
  const engine = engines[words.engine]!;
  const path = pathOf(engine, words);
  const isChanged = change(path, (text) =>
    text === null ? null : engine.editor.remove(text, words.runtime),
  );
  line(`${path}: ${isChanged ? "without the runtime" : "nothing to do, there is no"} ${words.runtime}`);
  if (isChanged) line(`next: ${engine.next}`);
}
