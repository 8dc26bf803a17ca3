// A descriptor of a process (pidfd_open(2)): readable when the process has ended, hung up when it was waited
// for. It means this process, also when its number is somebody else's.

import { O_RDWR } from "../../shared/abi/fcntl.ts";
import { POLLHUP, POLLIN, POLLRDNORM } from "../../shared/abi/poll.ts";
import type { ThreadGroup } from "../supervisor/thread_group.ts";
import { OpenFile } from "./file.ts";

export class PidFile extends OpenFile {
  override readonly isStream = true;
  readonly group: ThreadGroup;

  /** `status`: O_NONBLOCK, of waitid(2) alone. */
  constructor(group: ThreadGroup, status: number) {
    super(O_RDWR | status, group.exitWatchers);
    this.group = group;
    this.inode = group.kernel.anonymous.other;
  }

  override poll(): number {
    const { state } = this.group;
    if (state === "running") return 0;
    return POLLIN | POLLRDNORM | (state === "reaped" ? POLLHUP : 0);
  }

  override describe(): string {
    return "anon_inode:[pidfd]";
  }

  override info(): string {
    const pid = this.group.state === "reaped" ? -1 : this.group.pid;
    return `Pid:\t${pid}\nNSpid:\t${pid}\n`;
  }

  release(): void {}
}
