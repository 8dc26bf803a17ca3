// `ringfence install` and `uninstall`: an engine's configuration is told of this runtime, or no longer.

import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Editor } from "../install/edit.ts";
import { defaultFile, type Engine, engines } from "../install/engines.ts";
import { CommandError } from "./command_error.ts";
import { globalFlags } from "./options.ts";

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

/** Null: there is none. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** All of it at once, with owner and mode as they were: an engine may be reading. */
function replaceFile(path: string, text: string, exists: boolean): void {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  try {
    writeFileSync(fresh, text, { mode: 0o644, flag: "wx" });
    if (exists) {
      const { mode, uid, gid } = statSync(path);
      chownSync(fresh, uid, gid);
      chmodSync(fresh, mode & 0o7777);
    }
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
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
function change(path: string, editor: (text: string | null) => string | null): boolean {
  return about(path, () => {
    const before = readText(path);
    const after = editor(before);
    if (after === before) return false;
    if (after === null) rmSync(path);
    else replaceFile(path, after, before !== null);
    return true;
  });
}

/**
 * Of a checkout the launcher itself is named, not the script that looks at each call whether it is up to date: an engine
 * makes several calls for every container.
 */
const launcher = (): string => realpathSync(join(import.meta.dirname, "../native/ringfence-launcher"));

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

export function install(words: InstallWords): void {
  const engine = engines[words.engine]!;
  const path = pathOf(engine, words);
  const flags = checkFlags((words["--"] ?? []).map(String));
  const runtime = { name: words.runtime, path: launcher(), flags };
  const isChanged = change(path, (text) => engine.editor.add(text, runtime, words.clobber === true));
  say(`${path}: ${isChanged ? "the runtime" : "nothing to do, there is"} ${words.runtime}: ${runtime.path}`);
  if (isChanged) say(`next: ${engine.next}`);
  say(`then: ${engine.use(words.runtime)}`);
}

export function uninstall(words: InstallWords): void {
  const engine = engines[words.engine]!;
  const path = pathOf(engine, words);
  const remove = (text: string | null, editor: Editor) =>
    text === null ? null : editor.remove(text, words.runtime);
  const isChanged = change(path, (text) => remove(text, engine.editor));
  say(`${path}: ${isChanged ? "without the runtime" : "nothing to do, there is no"} ${words.runtime}`);
  if (isChanged) say(`next: ${engine.next}`);
}
