// What an engine's configuration is changed by: text in, text out, and all that is not the runtime's stays as it is.

import { isDeepStrictEqual } from "node:util";
import { CommandError } from "../cli/command_error.ts";

/** What an engine is told of a runtime. */
export interface Runtime {
  /** By which the engine's users ask for it. */
  readonly name: string;
  /** Of its command. */
  readonly path: string;
  /** Global flags of every call. */
  readonly flags: readonly string[];
}

export interface Editor {
  /**
   * The text with the runtime in it; null before: there is no file. With `clobber`, another runtime of that name is
   * replaced. Throws CommandError.
   */
  add(text: string | null, runtime: Runtime, clobber: boolean): string;
  /** The text without it, the text itself where it is not there, null: nothing is left of the file. Throws CommandError. */
  remove(text: string, name: string): string | null;
}

export type Tree = Readonly<Record<string, unknown>>;

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A node at a path of names, or undefined. */
export function nodeAt(tree: unknown, path: readonly string[]): unknown {
  let node = tree;
  for (const name of path) {
    if (!isTree(node) || !Object.hasOwn(node, name)) return undefined;
    node = node[name];
  }
  return node;
}

/** The tree with another node at a path, or without one there. */
export function withNode(tree: unknown, path: readonly string[], node: unknown): Tree {
  const [name, ...rest] = path;
  const { [name!]: known, ...others } = isTree(tree) ? tree : {};
  if (rest.length > 0) return { ...others, [name!]: withNode(known, rest, node) };
  return node === undefined ? others : { ...others, [name!]: node };
}

/** Dates and other things of a parser's own compare as what they are written as. */
const plain = (tree: unknown): unknown => JSON.parse(JSON.stringify(tree));

/** Edits of text go wrong where it is written in a way that nobody thought of: what comes out is read again. */
export function mustMean(text: string, parse: (text: string) => unknown, wanted: unknown): string {
  let got: unknown;
  try {
    got = parse(text);
  } catch {
    got = undefined;
  }
  if (got !== undefined && isDeepStrictEqual(plain(got), plain(wanted))) return text;
  throw new CommandError("the file is written in a way that cannot be changed safely: edit it by hand");
}

/** What is there already under the runtime's name. True: the same; there is nothing to do. */
export function isThere(known: unknown, wanted: unknown, name: string, clobber: boolean): boolean {
  if (known === undefined) return false;
  if (isDeepStrictEqual(plain(known), plain(wanted))) return true;
  if (clobber) return false;
  throw new CommandError(
    `there is another runtime ${name}: ${JSON.stringify(known)} (--clobber replaces it)`,
  );
}

export function parsed(text: string, parse: (text: string) => unknown): Tree {
  let tree: unknown;
  try {
    tree = parse(text);
  } catch (error) {
    throw new CommandError((error as Error).message.split("\n")[0]!);
  }
  if (!isTree(tree)) throw new CommandError("it is no object");
  return tree;
}
