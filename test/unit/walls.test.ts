// The walls between the rooms (docs/architecture.md): imports, those of types included, run one way, and no ring of
// files that know each other grows beyond what a reader keeps in mind.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const CHECKOUT = join(import.meta.dirname, "../..");
const RING_MAX = 10;

/** Files that these are not to know. */
const SUPERVISOR =
  /^src\/workers\/(process|signals|seccomp|time|futex|identity|system|platform|proc|strace|trace|inspect|ptrace)\//;
const WIRING = /^src\/workers\/(kernel|handlers|host|kernel_api|thread)\.ts$/;
const SUBSYSTEM = /^src\/workers\/(vfs|net|mem|patch|gofer|ipc|pool|profile|unwind)\//;

interface Wall {
  readonly what: string;
  readonly from: RegExp;
  readonly to: (path: string) => boolean;
}

const WALLS: readonly Wall[] = [
  { what: "shared imports nobody", from: /^src\/shared\//, to: (path) => !path.startsWith("src/shared/") },
  { what: "workers do not import main", from: /^src\/workers\//, to: (path) => path.startsWith("src/main/") },
  {
    what: "the shim does not import workers: it knows no kernel, and stays small",
    from: /^src\/main\/(shim|usage)\//,
    to: (path) => path.startsWith("src/workers/"),
  },
  {
    what: "subsystems know neither supervisor nor wiring",
    from: SUBSYSTEM,
    to: (path) => SUPERVISOR.test(path) || WIRING.test(path),
  },
  {
    what: "a call, credentials and programs of BPF know no room",
    from: /^src\/workers\/(call|credentials|bpf)\//,
    to: (path) => SUPERVISOR.test(path) || SUBSYSTEM.test(path) || WIRING.test(path),
  },
  {
    what: "the platform knows no process",
    from: /^src\/workers\/platform\//,
    to: (path) =>
      (SUPERVISOR.test(path) && !path.startsWith("src/workers/platform/")) ||
      /^src\/workers\/(vfs|net|ipc|gofer)\//.test(path),
  },
  {
    what: "a report knows nobody: who has something to show knows reports",
    from: /^src\/main\/report\//,
    to: (path) => !/^src\/main\/report\//.test(path),
  },
  {
    what: "what runs in a browser imports nothing of Node's side",
    from: /^src\/main\/report\/page\//,
    to: (path) => !/^src\/main\/report\/(page\/|(document|units)\.ts$)/.test(path),
  },
  { what: "rooms do not import what wires them", from: SUPERVISOR, to: (path) => WIRING.test(path) },
];

/** Every source file with the files that it imports, by paths from the checkout. */
function importsOf(folder: string): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const entry of readdirSync(join(CHECKOUT, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
    const file = join(entry.parentPath, entry.name);
    const targets: string[] = [];
    for (const [, target] of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g))
      targets.push(relative(CHECKOUT, join(dirname(file), target!)));
    imports.set(relative(CHECKOUT, file), targets);
  }
  return imports;
}

/** Strongly connected components of more than one file (Tarjan). */
function rings(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  function visit(file: string): void {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!imports.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const ring = stack.splice(stack.indexOf(file));
    if (ring.length > 1) found.push(ring);
  }
  for (const file of imports.keys()) if (!index.has(file)) visit(file);
  return found;
}

const imports = importsOf("src");

for (const { what, from, to } of WALLS) {
  test(what, () => {
    const through: string[] = [];
    for (const [file, targets] of imports)
      if (from.test(file)) for (const target of targets) if (to(target)) through.push(`${file} -> ${target}`);
    assert.equal(through, []);
  });
}

test("every room is known to the walls", () => {
  const rooms = readdirSync(join(CHECKOUT, "src/workers"), { withFileTypes: true });
  const unknown = rooms.filter(
    (room) =>
      room.isDirectory() &&
      !SUPERVISOR.test(`src/workers/${room.name}/`) &&
      !SUBSYSTEM.test(`src/workers/${room.name}/`) &&
      !["call", "credentials", "bpf"].includes(room.name),
  );
  assert.equal(
    unknown.map(({ name }) => name),
    [],
  );
});

test("no ring of files that know each other is large", () => {
  const large = rings(imports).filter((ring) => ring.length > RING_MAX);
  assert.equal(large, []);
});

test("a ring is found", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["a", "d"]],
    ["d", ["e"]],
    ["e", []],
  ]);
  assert.equal(
    rings(graph).map((ring) => ring.sort()),
    [["a", "b", "c"]],
  );
});

test.run();
