// containerd's config.toml: tables of its own at the end, which are taken out again as a whole.

import { dirname, join } from "node:path";
import { parse } from "smol-toml";
import { CommandError } from "../cli/command_error.ts";
import { type Editor, isThere, mustMean, nodeAt, parsed, type Runtime, type Tree, withNode } from "./edit.ts";

/** Where runtimes stand, by the file's version. */
const RUNTIMES: Readonly<Record<number, readonly string[]>> = {
  2: ["plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes"],
  3: ["plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes"],
};
const FRESH = "version = 2\n";
const SHIM = "io.containerd.ringfence.v1";
/** What containerd looks for in its PATH for that, where it does not heed runtime_path (before 1.6, and in some later places). */
const SHIM_FILE = "containerd-shim-ringfence-v1";

const HEADER = /^\s*\[([^\]]*(?:"[^"]*"[^\]]*)*)\]\s*(?:#.*)?$/;
const EMPTY = /^\s*(?:#.*)?$/;

function runtimesOf(tree: Tree): readonly string[] {
  const version = tree.version ?? 1;
  const path = RUNTIMES[version as number];
  if (path !== undefined) return path;
  throw new CommandError(`its version is ${version}, not ${Object.keys(RUNTIMES).join(" or ")}`);
}

const dotted = (path: readonly string[]): string =>
  path.map((name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name))).join(".");

const FLAG = /^--([a-z0-9-]+)(?:=(.*))?$/;

type Flags = Record<string, string | true | string[]>;

/** One that is given several times has a list; without a value it is true. */
function flagTable(flags: readonly string[]): Flags {
  const table: Flags = {};
  for (const flag of flags) {
    const [, name, value] = FLAG.exec(flag)!;
    const known = table[name!];
    if (known === undefined) table[name!] = value ?? true;
    else table[name!] = [known, value ?? true].flat().map(String);
  }
  return table;
}

/** Tables of a runtime, by where each stands below it. containerd hands the second on to the shim, which reads it. */
function tablesOf({ path, flags }: Runtime): [below: readonly string[], table: Tree][] {
  const own = { runtime_type: SHIM, runtime_path: join(dirname(path), SHIM_FILE) };
  return [
    [[], own],
    ...(flags.length > 0 ? [[["options", "ringfence_config"], flagTable(flags)] as [string[], Tree]] : []),
  ];
}

const lineOf = ([key, value]: [string, unknown]): string => `${key} = ${JSON.stringify(value)}`;

/** The names that a line opens a table of; null: it opens none. */
function opened(line: string): string[] | null {
  if (!HEADER.test(line)) return null;
  const names: string[] = [];
  try {
    for (let node: unknown = parse(line); ; ) {
      const [name] = Object.keys(node as Tree);
      if (name === undefined) return names;
      names.push(name);
      node = (node as Tree)[name];
    }
  } catch {
    return null; // within a text of several lines
  }
}

/** The lines without the tables at and below a path, and without the empty line before them. */
function withoutTables(text: string, path: readonly string[]): string {
  const kept: string[] = [];
  let isInside = false;
  /** Where remarks and empty lines begin that may belong to what follows. */
  let tail = 0;
  const lines = text.split("\n");
  const left = (end: number) => kept.push(...lines.slice(tail, end));
  for (const [index, line] of lines.entries()) {
    const names = opened(line);
    if (names !== null) {
      const isOurs = path.every((name, at) => names[at] === name);
      if (isInside && !isOurs) left(index);
      if (isOurs && !isInside && kept.at(-1) === "") kept.pop();
      isInside = isOurs;
    }
    if (!isInside) kept.push(line);
    else if (names !== null || !EMPTY.test(line)) tail = index + 1;
  }
  if (isInside) left(lines.length);
  return kept.join("\n");
}

function edited(text: string, tree: Tree, path: readonly string[], table: unknown): string {
  return mustMean(text, parse, withNode(tree, path, table));
}

export const containerdToml: Editor = {
  add(before, runtime, clobber) {
    const given = before === null || before.trim() === "" ? FRESH : before;
    const tree = parsed(given, parse);
    const path = [...runtimesOf(tree), runtime.name];
    const tables = tablesOf(runtime);
    const wanted = tables.reduce<Tree>(
      (node, [below, table]) => (below.length > 0 ? withNode(node, below, table) : table),
      {},
    );
    const known = nodeAt(tree, path);
    if (isThere(known, wanted, runtime.name, clobber)) return given;
    const text = known === undefined ? given : withoutTables(given, path);
    const lines = [
      ...(text.endsWith("\n") ? [] : [""]),
      "",
      ...tables.flatMap(([below, table]) => [
        `[${dotted([...path, ...below])}]`,
        ...Object.entries(table).map(lineOf),
      ]),
      "",
    ];
    return edited(text + lines.join("\n"), tree, path, wanted);
  },

  remove(text, name) {
    const tree = parsed(text, parse);
    const path = [...runtimesOf(tree), name];
    if (nodeAt(tree, path) === undefined) return text;
    const without = withoutTables(text, path);
    // Tables that stood for nothing but this one are gone as well.
    const wanted =
      nodeAt(parsed(without, parse), path.slice(0, -1)) === undefined ? pruned(tree, path) : null;
    return wanted === null ? edited(without, tree, path, undefined) : mustMean(without, parse, wanted);
  },
};

/** The tree without a node, and without those above it that hold nothing else. */
function pruned(tree: Tree, path: readonly string[]): Tree {
  for (let length = path.length; ; length--) {
    const above = nodeAt(tree, path.slice(0, length - 1)) as Tree;
    if (length === 1 || Object.keys(above).length > 1)
      return withNode(tree, path.slice(0, length), undefined);
  }
}
