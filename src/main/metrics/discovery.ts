// Which containers there are, by their state directories. What is known of one is kept until its state is another's: a look
// at all of them is one of each directory, and one of each state.json.

import { closeSync, readdirSync, statSync } from "node:fs";
import { readBounded } from "../bounded_file.ts";
import { CommandError } from "../cli/command_error.ts";
import { type ContainerState, findContainer } from "../cli/state_directory.ts";
import { CgroupFiles, cgroupVersion } from "../usage/cgroup_files.ts";
import { groupReader } from "./group_reader.ts";
import { type Labels, labelsOf } from "./labels.ts";

/** More of them are left out. */
export const CONTAINERS_MAX = 4096;
const CONFIG_MAX = 4 << 20;
const EVERY_BELOW = "/*";

export interface KnownContainer {
  readonly root: string;
  readonly state: ContainerState;
  readonly labels: Labels;
  readonly files: CgroupFiles;
  /** Which control groups it has. */
  readonly groups: 1 | 2 | undefined;
  /** Seconds since 1970. */
  readonly created: number | undefined;
}

export interface Look {
  readonly containers: readonly KnownContainer[];
  /** Directories that are of no container that can be read, by what is wrong. */
  readonly unreadable: ReadonlyMap<string, string>;
}

interface Entry {
  readonly container: KnownContainer;
  /** Which state.json it was read of. */
  readonly stamp: string;
}

/** Of a sandbox without a container there is nothing to tell by its name. */
const NO_CONTAINER = /^container does not exist/;

/** Where it cannot be read, that is put into `unreadable`. */
function namesIn(directory: string, unreadable: Map<string, string>): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    // The first container makes it.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      unreadable.set(directory, `${directory} cannot be read: ${(error as Error).message}`);
    return [];
  }
}

/** The directories that a pattern stands for now: itself, or all below it. */
function rootsOf(pattern: string, unreadable: Map<string, string>): string[] {
  if (!pattern.endsWith(EVERY_BELOW)) return [pattern];
  const above = pattern.slice(0, -EVERY_BELOW.length);
  return namesIn(above, unreadable).map((name) => `${above}/${name}`);
}

/** undefined: there is none. */
function stampOf(directory: string): string | undefined {
  try {
    const { ino, mtimeMs } = statSync(`${directory}/state.json`);
    return `${ino} ${mtimeMs}`;
  } catch {
    return undefined;
  }
}

function configOf({ directory }: ContainerState): unknown {
  try {
    return JSON.parse(readBounded(`/proc/self/fd/${directory}/config.json`, CONFIG_MAX));
  } catch {
    return null; // it is told without what stands there
  }
}

function secondsOf(created: string): number | undefined {
  const ms = Date.parse(created);
  return Number.isFinite(ms) && ms >= 0 ? ms / 1000 : undefined;
}

export class Discovery {
  readonly #patterns: readonly string[];
  readonly #hasRoots: boolean;
  readonly #read = groupReader();
  #known = new Map<string, Entry>();

  /** `patterns`: directories of states, or with /* at the end every directory below one. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
    this.#hasRoots = patterns.length > 1 || patterns.some((pattern) => pattern.endsWith(EVERY_BELOW));
  }

  /** `ids`: only these, and those by whose sockets their sandboxes are asked; undefined: all. */
  look(ids?: readonly string[]): Look {
    const known = new Map<string, Entry>();
    const unreadable = new Map<string, string>();
    for (const root of new Set(this.#patterns.flatMap((pattern) => rootsOf(pattern, unreadable))))
      for (const id of ids ?? namesIn(root, unreadable)) {
        const directory = `${root}/${id}`;
        if (known.size >= CONTAINERS_MAX) unreadable.set(directory, "there are too many containers");
        else this.#lookAt(root, id, known, unreadable);
        const first = known.get(directory)?.container.state.sandbox;
        if (ids !== undefined && first !== undefined) this.#lookAt(root, first, known, unreadable);
      }
    for (const [directory, entry] of this.#known)
      if (known.get(directory) !== entry) closeSync(entry.container.state.directory);
    this.#known = known;
    return { containers: [...known.values()].map(({ container }) => container), unreadable };
  }

  #lookAt(root: string, id: string, into: Map<string, Entry>, unreadable: Map<string, string>): void {
    const directory = `${root}/${id}`;
    const stamp = stampOf(directory);
    if (stamp === undefined) return;
    const before = this.#known.get(directory);
    if (before?.stamp === stamp) {
      into.set(directory, before);
      return;
    }
    try {
      into.set(directory, { stamp, container: this.#open(root, id) });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (!NO_CONTAINER.test(error.message)) unreadable.set(directory, error.message);
    }
  }

  #open(root: string, id: string): KnownContainer {
    const state = findContainer(root, id);
    const files = new CgroupFiles(state.cgroups, this.#read);
    const named = { id, sandbox: state.sandbox ?? id, root, hasRoots: this.#hasRoots };
    return {
      root,
      state,
      labels: labelsOf(configOf(state), named),
      files,
      groups: cgroupVersion(files),
      created: secondsOf(state.created),
    };
  }
}
