// What CLONE_FS shares: umask, working directory.

export class FsState {
  umask: number;
  /** Absolute path in the guest's root. */
  cwd: string;

  constructor(umask: number, cwd: string) {
    this.umask = umask;
    this.cwd = cwd;
  }

  copy(): FsState {
    return new FsState(this.umask, this.cwd);
  }
}
