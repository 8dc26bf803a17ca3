// The path walk that most calls make: every name is in the dentry cache, every directory may be searched, and no
// symlink, access control list or trailing slash comes in between. It goes along the bytes of the path in the
// slot, and makes no string and no object; whatever is not as simple as that is left to path_walk.ts, which begins
// anew and decides everything itself.
//
// The bytes may change while they are looked at: each is read once, into the name that is looked up.

import { ENOENT } from "../../shared/abi/errno.ts";
import { AT_FDCWD, NAME_MAX } from "../../shared/abi/fcntl.ts";
import { CSTRING_MAX, REQ_IN_LENGTH, WINDOW } from "../../shared/ring/layout.ts";
import type { VfsCaller } from "./caller.ts";
import type { DentryCache } from "./dentry_cache.ts";
import type { Dentry, Mount } from "./path.ts";
import { MAY_EXEC, permission } from "./permission.ts";

/** The walk is not a simple one. */
export const NOT_SIMPLE = 1;

const NUL = 0;
const DOT = 46;
const SLASH = 47;

export class CachedWalk {
  readonly #dentries: DentryCache;
  readonly #name = new Uint8Array(NAME_MAX);
  /** Where the last walk ended that found something. */
  mount!: Mount;
  dentry!: Dentry;

  constructor(dentries: DentryCache) {
    this.#dentries = dentries;
  }

  /**
   * Walks the path that stands in the slot as in piece 0, from a descriptor or the working directory: 0, and `mount`
   * and `dentry` say where it ended; -ENOENT; or NOT_SIMPLE. `follow`: a symlink at the end is followed.
   */
  find(task: VfsCaller, dirfd: number, follow: boolean): number {
    const length = task.kernel.slots.word(task.call.slot, REQ_IN_LENGTH);
    if (length <= 0) return NOT_SIMPLE; // it faulted, or there is none
    const { bytes } = task.call;
    let at = task.call.base + WINDOW;
    const end = at + Math.min(length, CSTRING_MAX);
    let byte = bytes[at]!;
    const { root } = task.fs;
    let start = task.fs.cwd;
    if (byte === SLASH) start = root;
    else if (byte === NUL) return NOT_SIMPLE;
    else if (dirfd !== AT_FDCWD) {
      const place = task.files.get(dirfd)?.path ?? null;
      if (place === null) return NOT_SIMPLE;
      start = place;
    }
    let { mount, dentry } = start;
    const name = this.#name;
    const dentries = this.#dentries;
    while (byte === SLASH) {
      if (++at >= end) return NOT_SIMPLE;
      byte = bytes[at]!;
    }
    while (byte !== NUL) {
      let count = 0;
      let hash = dentries.hashOf(dentry);
      do {
        if (count === NAME_MAX) return NOT_SIMPLE;
        name[count++] = byte;
        hash = dentries.hashWith(hash, byte);
        if (++at >= end) return NOT_SIMPLE;
        byte = bytes[at]!;
      } while (byte !== NUL && byte !== SLASH);
      if (byte === SLASH) {
        while (byte === SLASH) {
          if (++at >= end) return NOT_SIMPLE;
          byte = bytes[at]!;
        }
        if (byte === NUL) return NOT_SIMPLE;
      }
      const { inode } = dentry;
      if (inode === null || !inode.isDirectory) return NOT_SIMPLE;
      const attributes = inode.attributes();
      if (typeof attributes === "number" || attributes.acl !== null) return NOT_SIMPLE;
      if (permission(task.credentials, attributes, MAY_EXEC) < 0) return NOT_SIMPLE;
      if (name[0] === DOT && (count === 1 || (count === 2 && name[1] === DOT))) {
        if (count === 1 || (dentry === root.dentry && mount === root.mount)) continue;
        const { parent } = dentry;
        // Out of a mount, or of a part that a bind mount shows, leads no simple way.
        if (parent === null || dentry === mount.root || !mount.showsAll) return NOT_SIMPLE;
        if (parent.mountedHere > 0) return NOT_SIMPLE;
        dentry = parent;
        continue;
      }
      const child = dentries.cached(dentry, name, count, hash);
      if (child === null) return NOT_SIMPLE;
      const below = child.inode;
      if (below === null) return -ENOENT;
      if (below.isSymlink && (follow || byte !== NUL)) return NOT_SIMPLE;
      dentry = child;
      // What is mounted there, the topmost each time.
      while (dentry.mountedHere > 0) {
        const top = mount.topmostOn(dentry);
        if (top === null) break;
        mount = top;
        dentry = top.root;
      }
    }
    mount.expires = false;
    this.mount = mount;
    this.dentry = dentry;
    return 0;
  }
}
