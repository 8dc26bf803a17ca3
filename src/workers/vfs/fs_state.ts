// What CLONE_FS shares: umask, and root and working directory.

export class FsState {
  umask: number;
  constructor(umask: number) {
    this.umask = umask;
  }

  copy(): FsState {
    return new FsState(this.umask);
  }
}
