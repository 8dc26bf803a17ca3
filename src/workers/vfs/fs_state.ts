// What CLONE_FS shares (Linux's fs_struct): umask, root and working directory. The places are pinned in
// the dentry cache while somebody stands there.

import type { Path } from "./path.ts";

export class FsState {
  umask: number;
  #root: Path;
  #cwd: Path;
  #users = 1;

  constructor(umask: number, root: Path, cwd: Path) {
    this.umask = umask;
    this.#root = root;
    this.#cwd = cwd;
    root.dentry.pins++;
    cwd.dentry.pins++;
  }

  get root(): Path {
    return this.#root;
  }

  set root(path: Path) {
    path.dentry.pins++;
    this.#root.dentry.pins--;
    this.#root = path;
  }

  get cwd(): Path {
    return this.#cwd;
  }

  set cwd(path: Path) {
    path.dentry.pins++;
    this.#cwd.dentry.pins--;
    this.#cwd = path;
  }

  /** One more task uses it (CLONE_FS). */
  share(): FsState {
    this.#users++;
    return this;
  }

  copy(): FsState {
    return new FsState(this.umask, this.#root, this.#cwd);
  }

  /** A task that used it is gone. */
  release(): void {
    if (--this.#users > 0) return;
    this.#root.dentry.pins--;
    this.#cwd.dentry.pins--;
  }
}
