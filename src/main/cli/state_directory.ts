// A container's state directory, <root>/<id>, as commands of Node's find it; the launcher writes it
// (native/launcher/state.h, record.h). What stands there is believed only where nobody else can have written it.

import { closeSync, constants, fstatSync, openSync, readdirSync } from "node:fs";
import { readBounded } from "../bounded_file.ts";
import { byteString, integer, list, object, optional, SchemaError } from "../oci/schema.ts";
import { CommandError } from "./command_error.ts";

const ID = /^[\w+.-]{1,255}$/;
const RECORD_MAX = 1 << 20;
const CGROUPS_MAX = 32;
const PID_MAX = 1 << 22;
const OTHERS_MAY_WRITE = 0o022;

const readRecord = object({
  bundle: optional(byteString, undefined),
  init: integer(0, PID_MAX),
  cgroups: optional(list(byteString, CGROUPS_MAX), []),
  created: optional(byteString, ""),
  sandbox: optional(byteString, undefined),
});

export interface ContainerState {
  id: string;
  /** Process 1 of the sandbox's PID namespace, as the host knows it; it may have ended. */
  init: number;
  /** Directories of its control groups: one for each hierarchy of v1, and of v2. */
  cgroups: string[];
  /** When it was created (RFC 3339); "": nobody has noted it. */
  created: string;
  /** The container in whose sandbox it is; undefined: it has one of its own. */
  sandbox: string | undefined;
  /** Its state directory, open. */
  directory: number;
  /** Its control socket; a path of a few bytes, good while that is open. */
  socket: string;
}

/** The directory of all containers' states. */
export function rootPath(root: string | undefined): string {
  if (root !== undefined) return root;
  if (process.geteuid!() === 0) return "/run/ringfence";
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (!runtime?.startsWith("/")) throw new CommandError("set --root: XDG_RUNTIME_DIR is not set");
  return `${runtime}/ringfence`;
}

function openDirectory(root: string | undefined, id: string): number {
  if (!ID.test(id) || id === "." || id === "..") throw new CommandError(`invalid container ID format: ${id}`);
  let fd: number;
  try {
    const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
    fd = openSync(`${rootPath(root)}/${id}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`container does not exist: ${id}`);
  }
  const { uid, mode } = fstatSync(fd);
  const isTrusted = (uid === 0 || uid === process.geteuid!()) && (mode & OTHERS_MAY_WRITE) === 0;
  if (!isTrusted) closeSync(fd);
  if (!isTrusted) throw new CommandError(`the state of ${id} can be changed by other users`);
  return fd;
}

/** All that can be read, of which some may have ended. */
export function* listSandboxes(root: string | undefined): Generator<{ id: string; init: number }> {
  const path = rootPath(root);
  let names: string[];
  try {
    names = readdirSync(path);
  } catch {
    return;
  }
  for (const name of names) {
    try {
      const { id, init, directory } = findSandbox(root, name);
      closeSync(directory);
      yield { id, init };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
}

/** Throws a CommandError where there is no such container. */
export function findContainer(root: string | undefined, id: string): ContainerState {
  return find(root, id, true);
}

/** As findContainer, of a sandbox that may have none (`hold`). */
export function findSandbox(root: string | undefined, id: string): ContainerState {
  return find(root, id, false);
}

function find(root: string | undefined, id: string, needsContainer: boolean): ContainerState {
  const directory = openDirectory(root, id);
  const path = `/proc/self/fd/${directory}`;
  const refuse = (message: string) => {
    closeSync(directory);
    return new CommandError(message);
  };
  let record: ReturnType<typeof readRecord>;
  try {
    record = readRecord(JSON.parse(readBounded(`${path}/state.json`, RECORD_MAX)), "");
  } catch (error) {
    const isMade = error instanceof SchemaError || error instanceof SyntaxError;
    throw refuse(
      isMade ? `the state of ${id} cannot be read: ${error.message}` : `container does not exist: ${id}`,
    );
  }
  if (needsContainer && record.bundle === undefined) throw refuse(`container does not exist: ${id}`);
  const { init, cgroups, created, sandbox } = record;
  return { id, init, cgroups, created, sandbox, directory, socket: `${path}/s` };
}
