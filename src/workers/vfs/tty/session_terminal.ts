// A terminal as the controlling terminal of a session (credentials(7), tty_ioctl(4)): the foreground process
// group, and the requests that are about sessions and process groups.

import { EFAULT, EIO, ENOTTY, EPERM } from "../../../shared/abi/errno.ts";
import * as IO from "../../../shared/abi/ioctl.ts";
import { SIGCONT, SIGHUP, SIGWINCH } from "../../../shared/abi/signal.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import type { Coroutine } from "../../call/call.ts";
import { fromKernel } from "../../call/siginfo.ts";
import type { OpenFile } from "../file.ts";
import type { ProcessCaller, ProcessContext, ProcessName } from "../processes.ts";
import { setForegroundGroup } from "./job_control.ts";
import type { ControllingTerminal, Session } from "./session.ts";

const INT_SIZE = 4;

export abstract class SessionTerminal implements ControllingTerminal {
  readonly kernel: ProcessContext;
  readonly device: number;
  foregroundGroup: ProcessName | null = null;
  session: Session | null = null;
  /** User whose node in /dev/pts it is, where that is not kept elsewhere. */
  owner: number | null = null;

  constructor(kernel: ProcessContext, device: number) {
    this.kernel = kernel;
    this.device = device;
  }

  abstract open(flags: number): OpenFile | number;

  setOurs(_value: boolean): void {}

  /** Becomes the controlling terminal of a session, with that process group in the foreground. */
  attach(session: Session, processGroup: ProcessName): void {
    this.session = session;
    this.foregroundGroup = processGroup;
    session.terminal = this;
  }

  detach(): void {
    if (this.session?.terminal === this) this.session.terminal = null;
    this.session = null;
    this.foregroundGroup = null;
  }

  /** A signal for every member of the foreground process group. */
  signalForeground(signo: number): void {
    const { session, foregroundGroup } = this;
    if (session === null || foregroundGroup === null) return;
    for (const group of [...foregroundGroup.members])
      if (group.session === session && group.state === "running") group.send(fromKernel(signo));
  }

  signalLeader(signo: number): void {
    const leader = this.session?.id?.group;
    if (leader?.state === "running") leader.send(fromKernel(signo));
  }

  /** The session leader has ended, or gives it up: the foreground learns of it, the session has no terminal. */
  disassociate(onExit: boolean): void {
    this.signalForeground(SIGHUP);
    if (!onExit) this.signalForeground(SIGCONT);
    this.detach();
  }

  sizeChanged(): void {
    this.signalForeground(SIGWINCH);
  }

  writeInt(task: ProcessCaller, address: number, value: number): number {
    task.call.view.setInt32(task.call.out(address, INT_SIZE), value, true);
    return 0;
  }

  /** Requests about the session; null: it is another one. */
  sessionIoctl(task: ProcessCaller, request: number, argument: number, isMaster = false): number | null {
    const { group } = task;
    const isControlling = group.session.terminal === this;
    switch (request) {
      case IO.TIOCGPGRP:
        if (!isControlling && !isMaster) return -ENOTTY;
        return this.writeInt(task, argument, this.foregroundGroup?.in(task.pids) ?? 0);
      case IO.TIOCGSID:
        if (this.session === null || (!isControlling && !isMaster)) return -ENOTTY;
        return this.writeInt(task, argument, this.session.id?.in(task.pids) ?? 0);
      case IO.TIOCSPGRP:
        return task.call.start(this.#setForeground(task, argument, isMaster));
      case IO.TIOCSCTTY:
        return this.takeOver(task, isControlling);
      case IO.TIOCNOTTY:
        if (!isControlling) return -ENOTTY;
        if (group.session.id === group.id) this.disassociate(false);
        return 0;
      case IO.TIOCSTI:
        return isControlling ? -EIO : -EPERM;
      default:
        return null;
    }
  }

  takeOver({ group }: ProcessCaller, isControlling: boolean): number {
    const isLeader = group.session.id === group.id;
    if (isLeader && isControlling) return 0;
    if (!isLeader || group.session.terminal !== null || this.session !== null) return -EPERM;
    this.attach(group.session, group.processGroup);
    return 0;
  }

  *#setForeground(task: ProcessCaller, argument: number, isMaster: boolean): Coroutine {
    task.call.outAt(argument, INT_SIZE, WINDOW);
    if ((yield* task.call.copyInRound()) < INT_SIZE) return -EFAULT;
    const processGroup = task.call.view.getInt32(task.call.base + WINDOW, true);
    if (isMaster && task.group.session.terminal !== this) return -ENOTTY;
    return setForegroundGroup(task, this, processGroup);
  }
}
