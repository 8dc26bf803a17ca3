// The ways to run a program that the bench compares: natively, here by a platform, in another runtime. A way is named
// NAME or NAME:FLAG=VALUE..., where the flags are those of the runtime: `systrap`, `systrap:patch=off`, `ptrace`,
// `runsc:platform=ptrace`. A further runtime is a row of the table below; a further platform or flag of our own is
// known as soon as the command line has it (src/main/cli/options.ts).

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { globalFlags } from "../src/main/cli/options.ts";
import { writeBundle } from "./bundle.ts";
import { BenchError } from "./error.ts";
import { checkout, find } from "./paths.ts";

export interface Place {
  /** The bench's own directory: what is made in it is gone at the end. */
  readonly work: string;
}

export interface Way {
  readonly name: string;
  /** What runs, with its version. */
  readonly version: string;
  /** Whether this is Ringfence. */
  readonly isHere: boolean;
  /** Command line that runs a command over the host's files; in place: its writes reach them. */
  run(argv: readonly string[], place: Place, inPlace: boolean): string[];
  /** Command line of a container command as runc has it (create, start, ...); absent: there are no containers. */
  readonly container?: (words: readonly string[]) => string[];
  /** Takes away this bench's containers that are left: a runtime that is killed leaves them, as all are that end early. */
  readonly clear?: (isEarly: boolean) => void;
}

interface Runtime {
  readonly binary: string | undefined;
  readonly isHere?: boolean;
  /** What stands before every command, and the name of a flag in it. */
  readonly flags: readonly string[];
  /** `do` and what it takes; absent: programs run as containers. */
  readonly do?: { readonly overlay: readonly string[]; readonly inPlace: readonly string[] };
}

const OVERLAY_OFF = "--overlay2=none";
const ROOTLESS = process.getuid!() === 0 ? [] : ["--rootless"];

const OTHERS: Readonly<Record<string, Runtime>> = {
  native: { binary: undefined, flags: [] },
  runsc: {
    binary: "runsc",
    flags: ["--network=none", "--ignore-cgroups", ...ROOTLESS],
    do: { overlay: ["do"], inPlace: [OVERLAY_OFF, "do", "--force-overlay=false"] },
  },
  runc: { binary: "runc", flags: [] },
  crun: { binary: "crun", flags: [] },
};

/** Platforms of our own, from the table of the command line. */
export const PLATFORMS: readonly string[] = globalFlags.find(({ name }) => name === "platform")!.choices!;
export const OTHER_NAMES: readonly string[] = Object.keys(OTHERS);

function here(platform: string): Runtime {
  return {
    // What engines are told of (`install`); the script of a checkout looks first whether it is up to date.
    binary: join(checkout, "build/native/ringfence-launcher"),
    isHere: true,
    flags: [`--platform=${platform}`],
    do: { overlay: ["do", "--"], inPlace: [OVERLAY_OFF, "do", "--"] },
  };
}

function known(name: string): Runtime | undefined {
  if (PLATFORMS.includes(name)) return here(name);
  return Object.hasOwn(OTHERS, name) ? OTHERS[name] : undefined;
}

function flagsOf(runtime: Runtime, words: readonly string[], name: string): string[] {
  if (runtime.binary === undefined && words.length > 0)
    throw new BenchError(`${name}: native takes no flags`);
  for (const word of words) {
    const flag = word.replace(/=.*/s, "");
    if (runtime.isHere === true && !globalFlags.some((global) => global.name === flag))
      throw new BenchError(`${name}: ringfence has no flag --${flag}`);
  }
  return words.map((word) => `--${word}`);
}

let containers = 0;

/** What names of this bench's containers begin with. */
export const CONTAINERS = `ringfence-bench-${process.pid}-`;

/** More are not run at once. */
const LATEST = 64;

/** Of one that was killed as it was made a runtime does not tell; it takes it away all the same. */
function clearContainers(prefix: readonly string[], isEarly: boolean): void {
  const [program, ...flags] = prefix;
  const told = (...words: string[]): string[] => {
    try {
      return outputOf(program!, [...flags, ...words]).split("\n");
    } catch {
      return []; // it is not to be used at all, or has no such container
    }
  };
  const ids = new Set(told("list", "--quiet").filter((id) => id.startsWith(CONTAINERS)));
  if (isEarly)
    for (let n = Math.max(0, containers - LATEST); n < containers; n++) ids.add(`${CONTAINERS}${n}`);
  for (const id of ids) told("delete", "--force", id);
}

/** A container without a sandbox's layer: what is written reaches the host in any case. */
function runAsContainer(prefix: readonly string[], argv: readonly string[], place: Place): string[] {
  const bundle = writeBundle(place.work, argv, true);
  return [...prefix, "run", "--bundle", bundle, `${CONTAINERS}${containers++}`];
}

/** The way of that name; a BenchError where there is none, undefined where its program is not installed. */
export function way(name: string): Way | undefined {
  const [first, ...words] = name.split(":");
  const runtime = known(first!);
  if (runtime === undefined)
    throw new BenchError(`no way to run programs: ${name} (${[...OTHER_NAMES, ...PLATFORMS].join(", ")})`);
  const flags = flagsOf(runtime, words, name);
  const isHere = runtime.isHere === true;
  if (runtime.binary === undefined) return { name, version: "", isHere, run: (argv) => [...argv] };
  const binary = find(runtime.binary);
  if (binary === undefined) return undefined;
  const prefix = [binary, ...runtime.flags, ...flags];
  return {
    name,
    version: version(binary, isHere),
    isHere,
    run: (argv, place, inPlace) =>
      runtime.do === undefined
        ? runAsContainer(prefix, argv, place)
        : [...prefix, ...(inPlace ? runtime.do.inPlace : runtime.do.overlay), ...argv],
    container: (given) => [...prefix, ...given],
    clear: (isEarly) => clearContainers(prefix, isEarly),
  };
}

function outputOf(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    cwd: checkout,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function version(binary: string, isHere: boolean): string {
  try {
    const first = outputOf(binary, ["--version"]).split("\n")[0]!;
    return isHere ? `ringfence ${first}${commit()}` : first.replace(/ version /, " ");
  } catch {
    return "";
  }
}

/** Which state of the sources: the commit, and whether something has been changed since. */
function commit(): string {
  try {
    const name = outputOf("git", ["rev-parse", "--short", "HEAD"]).trim();
    const changed = outputOf("git", ["status", "--porcelain", "--untracked-files=no"]) !== "";
    return ` (${name}${changed ? ", changed" : ""})`;
  } catch {
    return "";
  }
}
