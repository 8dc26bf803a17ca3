// Signals for what happens to an open file (fcntl(2), F_SETOWN, F_SETSIG, O_ASYNC): whom they go to, which
// signal it is, and sending it whenever the file wakes who waits for it.

import { EFAULT, EINVAL, ESRCH } from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP } from "../../shared/abi/ioctl.ts";
import * as P from "../../shared/abi/poll.ts";
import * as S from "../../shared/abi/signal.ts";
import { siginfo_poll } from "../../shared/abi/structs.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { fromKernel, SIGINFO_SIZE, type SigInfo } from "../call/siginfo.ts";
import type { WaitEntry } from "../call/wait_queue.ts";
import { type Credentials, withoutGroups } from "../credentials/credentials.ts";
import type { OpenFile, OwnerSignals } from "./file.ts";
import type { Process, ProcessCaller, ProcessName } from "./processes.ts";

const EVENTS = P.POLLIN | P.POLLRDNORM | P.POLLOUT | P.POLLWRNORM | P.POLLPRI;
/** Signals whose siginfo is theirs alone: of them Linux says SI_SIGIO. */
const OWN_CODES: ReadonlySet<number> = new Set([
  S.SIGILL,
  S.SIGFPE,
  S.SIGSEGV,
  S.SIGBUS,
  S.SIGTRAP,
  S.SIGCHLD,
  S.SIGSYS,
]);

/** What happened -> si_code and si_band. */
const REASONS: readonly { events: number; code: number; band: number }[] = [
  { events: P.POLLERR, code: S.POLL_ERR, band: P.POLLERR },
  { events: P.POLLHUP, code: S.POLL_HUP, band: P.POLLHUP | P.POLLERR },
  { events: P.POLLIN | P.POLLRDNORM, code: S.POLL_IN, band: P.POLLIN | P.POLLRDNORM },
  { events: P.POLLPRI, code: S.POLL_PRI, band: P.POLLPRI | P.POLLRDBAND },
  { events: P.POLLOUT | P.POLLWRNORM, code: S.POLL_OUT, band: P.POLLOUT | P.POLLWRNORM | P.POLLWRBAND },
];

/** Whom what happens to a file is told (fcntl(2), F_SETOWN). */
interface FileOwner {
  /** F_OWNER_* */
  readonly type: number;
  /** Thread, process or process group, as the type says. */
  readonly name: ProcessName;
  /** Of who named the owner: the signals are sent in this one's name. */
  readonly credentials: Credentials;
}

class AsyncSignals implements OwnerSignals, WaitEntry {
  readonly events = EVENTS;
  readonly #file: OpenFile;
  #owner: FileOwner | null = null;
  /** Of a socket with urgent data: it is told whether or not O_ASYNC is set. */
  readonly #urgent: WaitEntry = { events: P.POLLPRI, wake: (events) => this.#urgentCame(events) };
  /** F_SETSIG; 0: SIGIO without siginfo. */
  signal = 0;
  /** The descriptor through which O_ASYNC was set. */
  #fd = -1;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  /** O_ASYNC was set through this descriptor. */
  enable(fd: number): void {
    this.#fd = fd;
    this.#file.waiters.addLasting(this);
  }

  disable(): void {
    this.#file.waiters.remove(this);
  }

  get owner(): FileOwner | null {
    return this.#owner;
  }

  set owner(owner: FileOwner | null) {
    const { waiters, hasUrgentData } = this.#file;
    if (hasUrgentData && this.#owner === null && owner !== null) waiters.addLasting(this.#urgent);
    if (hasUrgentData && owner === null) waiters.remove(this.#urgent);
    this.#owner = owner;
  }

  #urgentCame(events: number): void {
    if ((events & P.POLLPRI) !== 0) this.#send(fromKernel(S.SIGURG));
  }

  wake(happened: number): void {
    if (this.#owner === null) return;
    // The ends of a pipe, and the sides of a terminal, may share a queue.
    let events = happened;
    if (!this.#file.readable) events &= ~(P.POLLIN | P.POLLRDNORM);
    if (!this.#file.writable) events &= ~(P.POLLOUT | P.POLLWRNORM);
    const reason = REASONS.find((candidate) => (candidate.events & events) !== 0);
    if (reason === undefined) return;
    this.#send(this.#info(reason.code, reason.band));
  }

  #send(info: SigInfo): void {
    const owner = this.#owner!;
    const { task, group, members } = owner.name;
    if (owner.type === F.F_OWNER_TID) {
      if (task !== null && maySend(owner.credentials, task.group)) task.send(info);
      return;
    }
    const groups = owner.type === F.F_OWNER_PGRP ? [...members] : group === null ? [] : [group];
    for (const each of groups) if (maySend(owner.credentials, each)) each.send(info);
  }

  #info(reason: number, band: number): SigInfo {
    const { signal } = this;
    if (signal === 0) return fromKernel(S.SIGIO);
    const code = OWN_CODES.has(signal) ? S.SI_SIGIO : reason;
    const raw = new Uint8Array(SIGINFO_SIZE);
    siginfo_poll.encode(
      { si_signo: signal, si_errno: 0, si_code: code, si_band: band, si_fd: this.#fd },
      raw,
      0,
    );
    return { signo: signal, code, raw };
  }
}

/** sigio_perm of Linux. */
function maySend({ euid, uid, userNamespace }: Credentials, group: Process): boolean {
  const target = group.leader.credentials;
  const isRoot = euid === 0 && userNamespace.ofGuests.parent === null;
  return isRoot || [euid, uid].some((id) => id === target.suid || id === target.uid);
}

function knownOf({ asyncSignals }: OpenFile): AsyncSignals | null {
  return asyncSignals as AsyncSignals | null;
}

function signalsOf(file: OpenFile): AsyncSignals {
  file.asyncSignals ??= new AsyncSignals(file);
  return file.asyncSignals as AsyncSignals;
}

function isThere({ task, members }: ProcessName, type: number): boolean {
  return type === F.F_OWNER_PGRP ? [...members].length > 0 : task !== null;
}

/** An owner's number as a task sees it; 0: it is not to be seen, or gone. */
function numberOf(task: ProcessCaller, { name, type }: FileOwner): number {
  const isGone = type === F.F_OWNER_PID ? name.group === null : !isThere(name, type);
  return isGone ? 0 : name.in(task.pids);
}

/** Names the owner: 0, -ESRCH or -EINVAL. */
function setOwner(task: ProcessCaller, file: OpenFile, type: number, id: number): number {
  const signals = signalsOf(file);
  if (id === 0) {
    signals.owner = null;
    return 0;
  }
  const name = task.pids.find(id);
  if (name === undefined || !isThere(name, type)) return -ESRCH;
  signals.owner = { type, name, credentials: withoutGroups(task.credentials) };
  return 0;
}

function* setOwnerEx(task: ProcessCaller, file: OpenFile, address: number): Coroutine {
  task.call.outAt(address, 8, WINDOW);
  if ((yield* task.call.copyInRound()) < 8) return -EFAULT;
  const type = task.call.view.getInt32(task.call.base + WINDOW, true);
  const id = task.call.view.getInt32(task.call.base + WINDOW + 4, true);
  if (type !== F.F_OWNER_TID && type !== F.F_OWNER_PID && type !== F.F_OWNER_PGRP) return -EINVAL;
  return setOwner(task, file, type, id);
}

function getOwnerEx(task: ProcessCaller, file: OpenFile, address: number): number {
  const owner = knownOf(file)?.owner;
  const at = task.call.out(address, 8);
  task.call.view.setInt32(at, owner?.type ?? F.F_OWNER_TID, true);
  task.call.view.setInt32(at + 4, owner ? numberOf(task, owner) : 0, true);
  return 0;
}

/** F_SETOWN and what ioctls say the same way: a process, or minus a process group. */
function setOwnerNumber(task: ProcessCaller, file: OpenFile, id: number): number {
  if (id === -0x80000000) return -EINVAL;
  return id >= 0 ? setOwner(task, file, F.F_OWNER_PID, id) : setOwner(task, file, F.F_OWNER_PGRP, -id);
}

function ownerNumber(task: ProcessCaller, file: OpenFile): number {
  const owner = knownOf(file)?.owner ?? null;
  if (owner === null) return 0;
  const number = numberOf(task, owner);
  return owner.type === F.F_OWNER_PGRP ? -number : number;
}

function* setOwnerByInt(task: ProcessCaller, file: OpenFile, address: number): Coroutine {
  task.call.outAt(address, 4, WINDOW);
  if ((yield* task.call.copyInRound()) < 4) return -EFAULT;
  return setOwnerNumber(task, file, task.call.view.getInt32(task.call.base + WINDOW, true));
}

/** The ioctls of sockets that name and tell the owner; null: another request. */
export function ownerIoctl(
  task: ProcessCaller,
  file: OpenFile,
  request: number,
  argument: number,
): number | null {
  switch (request) {
    case FIOSETOWN:
    case SIOCSPGRP:
      return task.call.start(setOwnerByInt(task, file, argument));
    case FIOGETOWN:
    case SIOCGPGRP:
      task.call.view.setInt32(task.call.out(argument, 4), ownerNumber(task, file), true);
      return 0;
    default:
      return null;
  }
}

/** O_ASYNC is set or cleared. */
export function setAsync(file: OpenFile, fd: number, on: boolean): void {
  if (on === ((file.flags & F.O_ASYNC) !== 0)) return;
  const signals = signalsOf(file);
  if (on) {
    signals.enable(fd);
    file.flags |= F.O_ASYNC;
  } else {
    signals.disable();
    file.flags &= ~F.O_ASYNC;
  }
}

/** The fcntl commands of owners and signals; null: another command. */
export function asyncFcntl(
  task: ProcessCaller,
  file: OpenFile,
  command: number,
  value: number,
  argument: number,
): number | null {
  switch (command) {
    case F.F_SETOWN:
      return setOwnerNumber(task, file, value);
    case F.F_GETOWN:
      return ownerNumber(task, file);
    case F.F_SETOWN_EX:
      return task.call.start(setOwnerEx(task, file, argument));
    case F.F_GETOWN_EX:
      return getOwnerEx(task, file, argument);
    case F.F_SETSIG:
      if (value < 0 || value > S.SIGRTMAX) return -EINVAL;
      signalsOf(file).signal = value;
      return 0;
    case F.F_GETSIG:
      return knownOf(file)?.signal ?? 0;
    default:
      return null;
  }
}
