// Finding a file below the sandbox's root directory descriptor, one component at a time (hardening.md,
// F6): each step opens a name O_PATH without following anything, symlinks and `..` are resolved here,
// and the host never sees a path of more than one component.

import { ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR } from "../../shared/abi/errno.ts";
import { readU64 } from "../../shared/abi/struct.ts";
import type { Native } from "../native.ts";

const O_PATH = 0o10000000;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const STAT_MODE_AT = 24;
const STAT_UID_AT = 28;
const STAT_GID_AT = 32;
const SYMLINKS_MAX = 40;
const NAME_MAX = 255;
const PATH_MAX = 4096;

export interface HostFile {
  /** O_PATH descriptor, the caller's to close. */
  fd: number;
  mode: number;
  uid: number;
  gid: number;
  dev: number;
  ino: number;
}

function describe(native: Native, fd: number): HostFile {
  native.fstat(fd);
  const view = native.scratchView;
  return {
    fd,
    mode: view.getUint32(STAT_MODE_AT, true),
    uid: view.getUint32(STAT_UID_AT, true),
    gid: view.getUint32(STAT_GID_AT, true),
    dev: readU64(view, 0),
    ino: readU64(view, 8),
  };
}

/** Walks `path` (bytes as chars, relative ones from `cwd`) below `root`; the file, or a negative errno. */
export function walkHost(native: Native, root: number, cwd: string, path: string): HostFile | number {
  if (path === "") return -ENOENT;
  if (path.length >= PATH_MAX) return -ENAMETOOLONG;
  let rest = (path.startsWith("/") ? path : `${cwd}/${path}`).split("/").filter((name) => name !== "");
  const start = native.openComponent(root, ".", O_PATH);
  if (start < 0) return start;
  const stack: HostFile[] = [describe(native, start)];
  let links = 0;
  const fail = (error: number): number => {
    for (const file of stack) native.close(file.fd);
    return error;
  };
  while (rest.length > 0) {
    const name = rest[0]!;
    rest = rest.slice(1);
    const directory = stack[stack.length - 1]!;
    if ((directory.mode & S_IFMT) !== S_IFDIR) return fail(-ENOTDIR);
    if (name === ".") continue;
    if (name === "..") {
      if (stack.length > 1) native.close(stack.pop()!.fd);
      continue;
    }
    if (name.length > NAME_MAX) return fail(-ENAMETOOLONG);
    const fd = native.openComponent(directory.fd, name, O_PATH);
    if (fd < 0) return fail(fd);
    const file = describe(native, fd);
    if ((file.mode & S_IFMT) !== S_IFLNK) {
      stack.push(file);
      continue;
    }
    const length = native.readlink(fd);
    const target = length < 0 ? "" : Buffer.from(native.scratch.subarray(0, length)).toString("latin1");
    native.close(fd);
    if (length < 0) return fail(length);
    if (++links > SYMLINKS_MAX) return fail(-ELOOP);
    if (target.startsWith("/")) while (stack.length > 1) native.close(stack.pop()!.fd);
    rest = [...target.split("/").filter((part) => part !== ""), ...rest];
  }
  const found = stack.pop()!;
  for (const file of stack) native.close(file.fd);
  if (path.endsWith("/") && (found.mode & S_IFMT) !== S_IFDIR) {
    native.close(found.fd);
    return -ENOTDIR;
  }
  return found;
}

