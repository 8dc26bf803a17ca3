// Places that the kernel itself needs in a guest's tree: mount points and working directories, made where
// they are missing. Symlinks are resolved as for the guest, so nothing leads out of the root.

import { ELOOP, ENOENT, ENOTDIR, EROFS } from "../../shared/abi/errno.ts";
import { S_IFDIR, S_IFREG } from "../../shared/abi/stat.ts";
import type { Kernel } from "../kernel.ts";
import type { Creation } from "./inode.ts";
import { Path } from "./path.ts";
import { type WalkContext, walkPath } from "./path_walk.ts";

const SYMLINKS_MAX = 40;

/** Walks as the kernel itself. */
export function kernelContext(kernel: Kernel, root: Path): WalkContext {
  return { kernel, namespace: kernel.mounts, root, credentials: kernel.rootCredentials };
}

/**
 * The place of an absolute path. What is missing is made: directories with 0755, and what the last component
 * names as `last` says. A Path, or a negative errno.
 */
export function makePlace(kernel: Kernel, root: Path, path: string, last: Creation): Path | number {
  const context = kernelContext(kernel, root);
  const names = path.split("/");
  let at = root;
  let links = 0;
  while (names.length > 0) {
    const name = names.shift()!;
    if (name === "") continue;
    let found = walkPath(context, at, name, { follow: true });
    if (found === -ENOENT) {
      const target = danglingTarget(kernel, at, name);
      if (target !== null) {
        if (++links > SYMLINKS_MAX) return -ELOOP;
        if (target.startsWith("/")) at = root;
        names.unshift(...target.split("/"));
        continue;
      }
      const isLast = names.every((rest) => rest === "");
      const error = makeName(kernel, at, name, isLast ? last : { ...last, mode: S_IFDIR | 0o755 });
      if (error < 0) return error;
      found = walkPath(context, at, name, { follow: true });
    }
    if (!(found instanceof Path)) return typeof found === "number" ? found : -ENOTDIR;
    at = found;
  }
  return at;
}

/** Where a symlink leads that leads nowhere: its target is made, as container engines do. */
function danglingTarget(kernel: Kernel, { dentry }: Path, name: string): string | null {
  const entry = kernel.dentries.lookup(dentry, name);
  if (typeof entry === "number" || entry.inode?.isSymlink !== true) return null;
  const target = entry.inode.readlink();
  return typeof target === "number" ? null : target;
}

function makeName(kernel: Kernel, { mount, dentry, inode }: Path, name: string, creation: Creation): number {
  if (mount.readOnly) return -EROFS;
  const entry = kernel.dentries.lookup(dentry, name);
  if (typeof entry === "number") return entry;
  if (entry.inode !== null) return -ENOENT; // a symlink that cannot be read
  const isFile = (creation.mode & S_IFREG) === S_IFREG;
  const made = isFile ? inode.create(name, creation) : inode.mkdir(name, creation);
  if (typeof made === "number") return made;
  kernel.dentries.instantiate(entry, made);
  return 0;
}
