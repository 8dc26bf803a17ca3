// A descriptor of a process (pidfd_open(2)): readable when the process has ended, hung up when it was waited
// for. It means this process, also when its number is somebody else's.

import { EFAULT, EINVAL, ENOTTY, ESRCH } from "../../shared/abi/errno.ts";
import { O_RDWR } from "../../shared/abi/fcntl.ts";
import * as P from "../../shared/abi/pidfd.ts";
import { POLLHUP, POLLIN, POLLRDNORM } from "../../shared/abi/poll.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { PidSpace } from "../call/pid.ts";
import { OpenFile } from "../vfs/file.ts";
import type { Task } from "./task.ts";
import type { ThreadGroup } from "./thread_group.ts";

const IOC_SIZE_SHIFT = 16;
const IOC_SIZE_MASK = 0x3fff;
const IOC_READ_WRITE = 3 << 30;
/** PIDFD_GET_INFO without the size of struct pidfd_info as the caller knows it. */
const GET_INFO = IOC_READ_WRITE | (P.PIDFS_IOCTL_MAGIC << 8) | 11;
/** Behind the mask and the control group's number, which is not told: pid, tgid, ppid, then ids. */
const FIELDS_AT = 16;
const EXIT_CODE_AT = 60;

export class PidFile extends OpenFile {
  override readonly isStream = false;
  readonly group: ThreadGroup;

  /** `status`: O_NONBLOCK, of waitid(2) alone. */
  constructor(group: ThreadGroup, status: number) {
    super(O_RDWR | status, group.exitWatchers);
    this.group = group;
    this.inode = group.kernel.anonymous.other;
  }

  override get splices(): boolean {
    return false;
  }

  override poll(): number {
    const { state } = this.group;
    if (state === "running") return 0;
    return POLLIN | POLLRDNORM | (state === "reaped" ? POLLHUP : 0);
  }

  override pread(): number {
    return -EINVAL;
  }

  override pwrite(): number {
    return -EINVAL;
  }

  override ioctl(task: Task, request: number, argument: number): number {
    const size = (request >>> IOC_SIZE_SHIFT) & IOC_SIZE_MASK;
    if ((request & ~(IOC_SIZE_MASK << IOC_SIZE_SHIFT)) !== GET_INFO || size < P.PIDFD_INFO_SIZE_VER0)
      return -ENOTTY;
    return argument === 0 ? -EINVAL : task.call.start(this.#getInfo(task, argument, size));
  }

  /** struct pidfd_info, whose first word says what is wanted and then what was given. */
  *#getInfo(task: Task, address: number, size: number): Coroutine {
    task.call.outAt(address, 8, WINDOW);
    if ((yield* task.call.copyInRound()) < 8) return -EFAULT;
    const wanted = task.call.view.getUint32(task.call.base + WINDOW, true);
    const { group } = this;
    const isGone = group.state === "reaped";
    const tellsExit = isGone && (wanted & P.PIDFD_INFO_EXIT) !== 0;
    if (isGone && !tellsExit) return -ESRCH;
    const at = task.call.out(address, size);
    task.call.bytes.fill(0, at, at + size);
    const pid = group.id.in(task.pids);
    if (!isGone && pid === 0) return -ESRCH;
    const { credentials: c } = group.leader;
    const { uids, gids } = task.credentials.userNamespace;
    const ids = [c.uid, c.gid, c.euid, c.egid, c.suid, c.sgid, c.fsuid, c.fsgid];
    const fields = isGone
      ? []
      : [
          ...[pid, pid, group.parent?.id.in(task.pids) ?? 0],
          ...ids.map((id, i) => (i % 2 === 0 ? uids : gids).told(id)),
        ];
    task.call.view.setUint32(at, isGone ? P.PIDFD_INFO_EXIT : P.PIDFD_INFO_PID | P.PIDFD_INFO_CREDS, true);
    for (const [index, value] of fields.entries())
      task.call.view.setUint32(at + FIELDS_AT + 4 * index, value, true);
    if (tellsExit) task.call.view.setInt32(at + EXIT_CODE_AT, group.exitStatus, true);
    return 0;
  }

  override describe(): string {
    return "anon_inode:[pidfd]";
  }

  override info(space: PidSpace): Iterable<string> {
    const { id, state } = this.group;
    const pid = state === "reaped" ? -1 : id.in(space);
    const all = pid > 0 ? id.from(space) : [pid];
    return [`Pid:\t${pid}\nNSpid:\t${all.join("\t")}\n`];
  }

  release(): void {}
}
