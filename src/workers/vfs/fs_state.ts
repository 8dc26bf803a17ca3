// What CLONE_FS shares (Linux's fs_struct): umask, root and working directory, and with them the mount
// namespace that they are in. The places are pinned in the dentry cache while somebody stands there.

import type { Owned } from "../credentials/user_namespace.ts";
import { type Mount, type MountNamespace, Path } from "./path.ts";

/** A place is not to be forgotten while somebody stands there. */
export function pin({ mount, dentry }: Path): void {
  dentry.pin();
  mount.use();
}

export function unpin({ mount, dentry }: Path): void {
  dentry.unpin();
  mount.letGo();
}

export class FsState {
  umask: number;
  #namespace: MountNamespace;
  #root: Path;
  #cwd: Path;
  #users = 1;
  /** Execs of its users that are under way: nobody may come to share it meanwhile. */
  execs = 0;

  constructor(umask: number, namespace: MountNamespace, root: Path, cwd: Path) {
    this.umask = umask;
    this.#namespace = namespace.use();
    this.#root = root;
    this.#cwd = cwd;
    pin(root);
    pin(cwd);
  }

  get namespace(): MountNamespace {
    return this.#namespace;
  }

  /** Goes on in a copy of its mount namespace (CLONE_NEWNS), which belongs there: at the same places. */
  enterCopy(owned: Owned): void {
    const { namespace, copies } = this.#namespace.copy(owned);
    const there = (path: Path) => new Path(copies.get(path.mount) ?? path.mount, path.dentry);
    this.enter(namespace, there(this.#root), there(this.#cwd));
  }

  enter(namespace: MountNamespace, root: Path, cwd: Path): void {
    const before = this.#namespace;
    this.#namespace = namespace.use();
    this.root = root;
    this.cwd = cwd;
    before.letGo();
  }

  /** A mount has another in its place (pivot_root(2)). */
  replaceRoot(old: Mount, next: Mount): void {
    const isOld = ({ mount, dentry }: Path) => mount === old && dentry === old.root;
    if (isOld(this.#root)) this.root = new Path(next, next.root);
    if (isOld(this.#cwd)) this.cwd = new Path(next, next.root);
  }

  get users(): number {
    return this.#users;
  }

  get root(): Path {
    return this.#root;
  }

  set root(path: Path) {
    pin(path);
    unpin(this.#root);
    this.#root = path;
  }

  get cwd(): Path {
    return this.#cwd;
  }

  set cwd(path: Path) {
    pin(path);
    unpin(this.#cwd);
    this.#cwd = path;
  }

  /** One more task uses it (CLONE_FS). */
  share(): FsState {
    this.#users++;
    return this;
  }

  copy(): FsState {
    return new FsState(this.umask, this.#namespace, this.#root, this.#cwd);
  }

  /** A task that used it is gone. */
  release(): void {
    if (--this.#users > 0) return;
    unpin(this.#root);
    unpin(this.#cwd);
    this.#namespace.letGo();
  }
}
