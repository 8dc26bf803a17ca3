// What a call is about, by the table of calls: the path that it names, the file behind its descriptor, or a futex. A name is
// found as cheaply as can be, since every call comes by: that of an open file is made once.

import { AT_FDCWD } from "../../shared/abi/fcntl.ts";
import { pieceArguments } from "../../shared/abi/marshal.ts";
import { SYSCALLS } from "../../shared/abi/syscalls.ts";
import { NAME_MAX } from "../../shared/profile.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";
import type { Call } from "../call/call.ts";
import { SocketFile } from "../net/socket.ts";
import { StandIn } from "../net/stand_in.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import type { OpenFile } from "../vfs/file.ts";
import { type Path, pathName } from "../vfs/path.ts";
import { escaped, kept } from "./names.ts";
import type { CallSubjects, Subject } from "./recorder.ts";
import { SocketNames } from "./socket_names.ts";
import { WeakCache } from "./weak_cache.ts";

const IS_PATH = /path|^(target|filename|put_old|new_root)$/;

/** How the subject of a call is found. */
type Way =
  | { readonly kind: "path"; readonly piece: 0 | 1; readonly dirfd: number }
  | { readonly kind: "file"; readonly at: number }
  | { readonly kind: "futex" };

function wayOf(call: (typeof SYSCALLS)[number]): Way | undefined {
  if (call.name.startsWith("futex")) return { kind: "futex" };
  const pieces = pieceArguments(call);
  const piece = pieces.findIndex((index) => IS_PATH.test(call.arguments[index]!.name));
  if (piece >= 0) {
    const before = pieces[piece]! - 1;
    const dirfd = call.arguments[before]?.format === "dirfd" ? before : -1;
    return { kind: "path", piece: piece as 0 | 1, dirfd };
  }
  const at = call.arguments.findIndex(({ format }) => format === "fd");
  return at < 0 ? undefined : { kind: "file", at };
}

/** Files, and places, whose names are kept. */
const NAMES_MAX = 4096;
const NOWHERE = "";
/** Directories above a place that are looked at: a guest may make a hundred thousand, and be in another with each call. */
const STEPS_MAX = 64;

/** The path of a place; its name alone where that is too deep, or is not there any more. */
function placeName(path: Path, root: Path): string {
  const { mount, dentry } = path;
  if (mount.mountPoint === null && dentry.isAlone) return dentry.name;
  const text = pathName(path, root, STEPS_MAX);
  return typeof text === "number" ? `.../${dentry.name}` : text;
}

export class GuestSubjects implements CallSubjects {
  readonly #ways: (Way | undefined)[] = new Array(KP_MARSHAL_COUNT).fill(undefined);
  readonly #files = new WeakCache<OpenFile, Subject>(NAMES_MAX);
  readonly #places = new WeakCache<Path, string>(NAMES_MAX);
  readonly #names = new SocketNames();

  constructor() {
    for (const call of SYSCALLS) this.#ways[call.nr.x86_64] = wayOf(call);
  }

  of(call: Call): Subject | null {
    const way = call.nr >= 0 && call.nr < KP_MARSHAL_COUNT ? this.#ways[call.nr] : undefined;
    if (way === undefined) return null;
    const task = call.caller as VfsCaller;
    switch (way.kind) {
      case "path":
        return this.#path(task, way.piece, way.dirfd < 0 ? AT_FDCWD : call.frame.argumentLow(way.dirfd));
      case "file": {
        const file = task.files.get(call.frame.argumentLow(way.at));
        return file === undefined ? null : this.#file(task, file);
      }
      default:
        return {
          kind: "futexes",
          name: `process ${task.firstPid}, 0x${call.frame.argumentUnsigned(0).toString(16)}`,
        };
    }
  }

  /** As the call names it: what is relative stands behind where it begins. */
  #path(task: VfsCaller, piece: 0 | 1, dirfd: number): Subject | null {
    const path = task.call.inString(piece);
    if (typeof path === "number") return null;
    if (path.startsWith("/")) return { kind: "paths", name: escaped(path) };
    if (dirfd === AT_FDCWD)
      return { kind: "paths", name: escaped(`${this.#place(task, task.fs.cwd)}/${path}`) };
    const start = task.files.get(dirfd);
    if (start === undefined) return null;
    if (path === NOWHERE) return this.#file(task, start);
    if (start.path === null) return null;
    return { kind: "paths", name: escaped(`${this.#place(task, start.path)}/${path}`) };
  }

  #place(task: VfsCaller, path: Path): string {
    const known = this.#places.get(path);
    if (known !== undefined) return known;
    const text = placeName(path, task.fs.root);
    // More than what is left of a name is not wanted.
    const name = text === "/" ? "" : kept(text.slice(0, NAME_MAX + 1));
    this.#places.add(path, name);
    return name;
  }

  #file(task: VfsCaller, file: OpenFile): Subject {
    let subject = this.#files.get(file);
    if (subject === undefined) {
      const isSocket = file instanceof SocketFile || file instanceof StandIn;
      const name = file.path === null ? file.describe() : placeName(file.path, task.fs.root);
      subject = { kind: isSocket ? "sockets" : "paths", name: kept(escaped(name)) };
      this.#files.add(file, subject);
    }
    if (file instanceof SocketFile) this.#names.used(file, subject.name);
    return subject;
  }

  socketName(name: string): string {
    return this.#names.full(name);
  }
}
