// Places that the kernel itself needs in a guest's tree: mount points and working directories, made where
// they are missing. Symlinks are resolved as for the guest, but for those of proc that lead to what others have (magic
// links): so nothing leads out of the root.

import { ELOOP, ENOENT, ENOTDIR, EROFS } from "../../shared/abi/errno.ts";
import { RESOLVE_NO_MAGICLINKS } from "../../shared/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../shared/abi/stat.ts";
import type { VfsContext } from "./context.ts";
import type { Creation } from "./inode.ts";
import { Path } from "./path.ts";
import { type WalkContext, walkPath } from "./path_walk.ts";

/** Walks as the kernel itself. */
export function kernelContext(kernel: VfsContext, root: Path): WalkContext {
  const namespace = root.mount.namespace!;
  return { kernel, namespace, root, credentials: kernel.rootCredentials, resolve: RESOLVE_NO_MAGICLINKS };
}

const SYMLINKS_MAX = 40;

const components = (path: string): string[] => path.split("/").filter((name) => name !== "");

/**
 * The place of an absolute path. What is missing is made, also where symlinks lead: directories with 0755, and
 * what the last component names as `last` says. A Path, or a negative errno.
 */
export function makePlace(kernel: VfsContext, root: Path, path: string, last: Creation): Path | number {
  const context = kernelContext(kernel, root);
  const names = components(path);
  let at = root;
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    let found = walkPath(context, at, name, { follow: true });
    if (found === -ENOENT) {
      const link = walkPath(context, at, name, { follow: false });
      if (link instanceof Path) {
        const target = link.inode.readlink();
        if (typeof target === "number") return target;
        if (++links > SYMLINKS_MAX) return -ELOOP;
        names.unshift(...components(target));
        if (target.startsWith("/")) at = root;
        continue;
      }
      const error = makeName(
        kernel,
        at,
        name,
        names.length === 0 ? last : { ...last, mode: S_IFDIR | 0o755 },
      );
      if (error < 0) return error;
      found = walkPath(context, at, name, { follow: true });
    }
    if (!(found instanceof Path)) return typeof found === "number" ? found : -ENOTDIR;
    at = found;
  }
  return at;
}

function makeName(
  kernel: VfsContext,
  { mount, dentry, inode }: Path,
  name: string,
  creation: Creation,
): number {
  if (mount.readOnly) return -EROFS;
  const entry = kernel.dentries.lookup(dentry, name);
  if (typeof entry === "number") return entry;
  const isFile = (creation.mode & S_IFREG) === S_IFREG;
  const made = isFile ? inode.create(name, creation) : inode.mkdir(name, creation);
  if (typeof made === "number") return made;
  kernel.dentries.instantiate(entry, made);
  return 0;
}
