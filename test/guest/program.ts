// A guest program: its directives (guest.h lists them) and its compiled form. Programs are compiled
// once and kept under build/guest by a hash of everything that goes into them.

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { checkout } from "../spawn.ts";

export type Field = "stdout" | "stderr" | "status";

/** With which C library, and how. */
export type Link = "static" | "dynamic" | "musl";

export function compilerOf({ link }: { readonly link: Link }): string {
  return link === "musl" ? "musl-gcc" : "gcc";
}

/** A difference by design; with a value, what the sandbox must give. */
export interface Difference {
  readonly value: string | undefined;
  readonly why: string;
}

export interface GuestProgram {
  readonly name: string;
  readonly source: string;
  /** Argument lists, one a run. */
  readonly runs: readonly string[][];
  /** Hostile programs: runs that take long, and attack what is the same in each configuration: the first alone has them. */
  readonly runsOnce: readonly string[][];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly needs: readonly string[];
  readonly cflags: readonly string[];
  readonly link: Link;
  readonly differences: ReadonlyMap<Field, Difference>;
  /** Hostile programs: the ways in which it may end; empty for all others. */
  readonly ends: readonly string[];
  readonly deadlineMs: number;
}

const OUTPUT = join(checkout, "build/guest");
const HEADER_DIRECTORIES = ["test/guest", "test/hostile", "native/include/ringfence"];
const FLAGS = ["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-stack-protector"];

function headers(): string[] {
  return HEADER_DIRECTORIES.flatMap((directory) =>
    readdirSync(join(checkout, directory))
      .filter((file) => file.endsWith(".h"))
      .sort()
      .map((file) => join(checkout, directory, file)),
  );
}

/** Programs of a directory, by name. */
export function programsIn(directory: string): GuestProgram[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".c"))
    .sort()
    .map((file) => parse(join(directory, file)));
}

/** Reads a program's directives; throws on one that is not known. */
export function parse(source: string): GuestProgram {
  const runs: string[][] = [];
  const runsOnce: string[][] = [];
  const needs: string[] = [];
  const cflags: string[] = [];
  const env: Record<string, string> = {};
  const differences = new Map<Field, Difference>();
  const ends: string[] = [];
  let deadlineMs = 20_000;
  let link: Link = "static";
  let stdin = "";
  for (const line of readFileSync(source, "latin1").split("\n")) {
    if (!line.startsWith("//")) break;
    const match = /^\/\/@ ([a-z-]+):(?: (.*))?$/.exec(line);
    if (match === null) continue;
    const text = match[2] ?? "";
    switch (match[1]) {
      case "args":
        runs.push(words(text).map(fromC));
        break;
      case "args-once":
        runsOnce.push(words(text).map(fromC));
        break;
      case "stdin":
        stdin = fromC(text);
        break;
      case "env": {
        const at = text.indexOf("=");
        env[text.slice(0, at)] = fromC(text.slice(at + 1));
        break;
      }
      case "needs":
        needs.push(...words(text));
        break;
      case "cflags":
        cflags.push(...words(text));
        break;
      case "ends":
        ends.push(...words(text));
        break;
      case "deadline":
        deadlineMs = Number(text) * 1000;
        break;
      case "link":
        if (text !== "dynamic" && text !== "musl") throw new Error(`${source}: ${line}`);
        link = text;
        break;
      case "expect-differs": {
        const parts = /^(stdout|stderr|status)(?:=(\S+))? (.+)$/.exec(text);
        if (parts === null) throw new Error(`${source}: ${line}`);
        differences.set(parts[1] as Field, { value: parts[2], why: parts[3]! });
        break;
      }
      default:
        throw new Error(`${source}: unknown directive ${match[1]}`);
    }
  }
  if (runs.length + runsOnce.length === 0) runs.push([]);
  const name = basename(source, ".c");
  return { name, source, runs, runsOnce, stdin, env, needs, cflags, link, differences, ends, deadlineMs };
}

function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/** C escapes; the result has one char a byte. */
function fromC(text: string): string {
  const simple: Record<string, string> = { n: "\n", t: "\t", r: "\r", "0": "\0", "\\": "\\" };
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex: string | undefined, char: string) =>
    hex === undefined ? (simple[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** How a program is compiled, and where its binary is then: that name tells all that goes into it. */
function compilation(program: GuestProgram): { binary: string; compiler: string; flags: string[] } {
  const compiler = compilerOf(program);
  const flags = [
    ...FLAGS,
    ...(program.link === "static" ? ["-static"] : []),
    ...program.cflags,
    `-I${join(checkout, "native/include")}`,
  ];
  const hash = createHash("sha256").update(JSON.stringify([compiler, flags]));
  for (const header of headers()) hash.update(readFileSync(header));
  hash.update(readFileSync(program.source));
  mkdirSync(OUTPUT, { recursive: true });
  const binary = join(OUTPUT, `${program.name}-${hash.digest("hex").slice(0, 16)}`);
  return { binary, compiler, flags };
}

const compiled = new WeakMap<GuestProgram, string>();

/** Path of the compiled program; compiles it if its sources or flags are new. */
export function compile(program: GuestProgram): string {
  const known = compiled.get(program);
  if (known !== undefined) return known;
  const { binary, compiler, flags } = compilation(program);
  if (!existsSync(binary)) {
    const fresh = `${binary}.${process.pid}`;
    execFileSync(compiler, [...flags, "-o", fresh, program.source], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    renameSync(fresh, binary);
  }
  compiled.set(program, binary);
  return binary;
}

/** Compiles those that are new, on all CPUs. What cannot be compiled is told by who calls compile(). */
export async function compileAll(programs: readonly GuestProgram[]): Promise<void> {
  const left = [...programs];
  const work = async () => {
    for (let program = left.pop(); program !== undefined; program = left.pop()) {
      const { binary, compiler, flags } = compilation(program);
      if (existsSync(binary)) continue;
      const fresh = `${binary}.${process.pid}`;
      const args = [...flags, "-o", fresh, program.source];
      const isMade = await new Promise((resolve) => execFile(compiler, args, (error) => resolve(!error)));
      if (isMade) renameSync(fresh, binary);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}
