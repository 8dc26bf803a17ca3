// Pseudo-terminals (pty(7)): a pair of ends with a line discipline between them, and the registry that gives
// them numbers. The master writes keys and reads what programs show; the slave is a terminal to programs.

import { makedev } from "../../../shared/abi/device.ts";
import { EIO, ENOSPC } from "../../../shared/abi/errno.ts";
import * as IO from "../../../shared/abi/ioctl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI } from "../../../shared/abi/poll.ts";
import { SIGCONT, SIGHUP } from "../../../shared/abi/signal.ts";
import { WaitQueue } from "../../call/wait_queue.ts";
import type { OpenFile } from "../file.ts";
import type { ProcessContext } from "../processes.ts";
import { LineDiscipline } from "./line_discipline.ts";
import { SessionTerminal } from "./session_terminal.ts";
import { WINSIZE_SIZE } from "./settings.ts";

const PTYS_MAX = 1024;
const SLAVE_MAJOR = 136;

// What the master reads first in packet mode (TIOCPKT).
export const PACKET_DATA = 0;
const PACKET_FLUSHREAD = 1;
const PACKET_FLUSHWRITE = 2;
const PACKET_STOP = 4;
const PACKET_START = 8;
const PACKET_NOSTOP = 16;
const PACKET_DOSTOP = 32;
const PACKET_IOCTL = 64;

/** Of the bits in one group the last one counts. */
const PACKET_GROUPS = [PACKET_STOP | PACKET_START, PACKET_NOSTOP | PACKET_DOSTOP];

/** A slave end that is open, as its terminal needs to know it. */
export interface SlaveEnd extends OpenFile {
  hangUp(): void;
}

/** What pseudo-terminals use of their kernel. */
export interface PtyContext extends ProcessContext {
  readonly ptys: Ptys;
}

export class Pty extends SessionTerminal {
  declare readonly kernel: PtyContext;
  readonly number: number;
  readonly line: LineDiscipline;
  readonly windowSize = new Uint8Array(WINSIZE_SIZE);
  readonly masterWaiters = new WaitQueue();
  readonly slaveWaiters = new WaitQueue();
  readonly slaves = new Set<SlaveEnd>();
  /** Owner of /dev/pts/N. */
  uid: number;
  gid: number;
  mode = 0o620;
  locked = true;
  masterOpen = true;
  /** The slave was open and is not any more: the master reads an error. */
  slaveLeft = false;
  packetMode = false;
  /** Control bits for the master's next read in packet mode. */
  packetStatus = 0;
  readonly #openSlave: (pty: Pty, flags: number) => OpenFile | number;
  /** Where it has its number. */
  readonly home: Ptys;

  constructor(
    kernel: PtyContext,
    home: Ptys,
    number: number,
    owner: { uid: number; gid: number },
    openSlave: (pty: Pty, flags: number) => OpenFile | number,
  ) {
    super(kernel, makedev(SLAVE_MAJOR, number));
    this.home = home;
    this.number = number;
    this.uid = owner.uid;
    this.gid = owner.gid;
    this.#openSlave = openSlave;
    this.line = new LineDiscipline({
      signal: (signo) => this.signalForeground(signo),
      flow: (stopped) => {
        this.#notePacket(stopped ? PACKET_STOP : PACKET_START);
        if (!stopped) this.slaveWaiters.wake(POLLOUT);
      },
      flushed: () => this.#notePacket(PACKET_FLUSHWRITE),
    });
  }

  override open(flags: number): OpenFile | number {
    return this.masterOpen ? this.#openSlave(this, flags) : -EIO;
  }

  #notePacket(bits: number): void {
    if (!this.packetMode) return;
    for (const group of PACKET_GROUPS) if ((bits & group) !== 0) this.packetStatus &= ~group;
    this.packetStatus |= bits;
    this.masterWaiters.wake(POLLIN | POLLPRI);
  }

  /** Something moved in the line discipline: whoever may go on looks again. */
  moved(): void {
    if (this.line.available >= 0) this.slaveWaiters.wake(POLLIN);
    if (this.line.outputLength > 0) this.masterWaiters.wake(POLLIN);
    if (this.line.outputRoom > 0) this.slaveWaiters.wake(POLLOUT);
    if (this.line.inputRoom > 0) this.masterWaiters.wake(POLLOUT);
  }

  /** TCFLSH by a slave: 0 input, 1 output, 2 both. */
  flush(queue: number): void {
    if (queue !== 1) {
      this.line.dropInput();
      this.#notePacket(PACKET_FLUSHREAD);
    }
    if (queue !== 0) this.line.flushOutput();
    this.moved();
  }

  setSettings(bytes: Uint8Array): void {
    const { settings } = this.line;
    const wasCanonical = settings.local(IO.ICANON);
    const wasExternal = settings.local(IO.EXTPROC);
    const { usualFlow } = settings;
    settings.set(bytes);
    this.line.changed(wasCanonical);
    if (!settings.input(IO.IXON)) this.line.setStopped(false);
    if (usualFlow !== settings.usualFlow)
      this.#notePacket(settings.usualFlow ? PACKET_DOSTOP : PACKET_NOSTOP);
    if (wasExternal || settings.local(IO.EXTPROC)) this.#notePacket(PACKET_IOCTL);
    this.moved();
  }

  setWindowSize(bytes: Uint8Array): void {
    if (Buffer.compare(bytes, this.windowSize) === 0) return;
    this.windowSize.set(bytes);
    this.sizeChanged();
  }

  /** All that have the slave open lose it: they read an end of file. */
  hangUpSlaves(): void {
    for (const slave of [...this.slaves]) slave.hangUp();
    this.slaves.clear();
    this.slaveLeft = true;
    this.slaveWaiters.wake(POLLHUP | POLLERR | POLLIN);
    this.masterWaiters.wake(POLLHUP);
  }

  /** The master is gone: the terminal is hung up, its session leader and foreground learn of it. */
  closeMaster(): void {
    this.masterOpen = false;
    const { session } = this;
    if (session !== null) {
      this.signalLeader(SIGHUP);
      this.signalLeader(SIGCONT);
      this.detach();
    }
    this.hangUpSlaves();
    this.home.release(this);
  }
}

/** Those of a container. */
export class Ptys {
  readonly #kernel: PtyContext;
  readonly #ptys = new Map<number, Pty>();
  /** Numbers that terminals of the caller have. */
  readonly lent = new Map<number, SessionTerminal>();

  constructor(kernel: PtyContext) {
    this.#kernel = kernel;
  }

  /** Pairs, and terminals of the caller: for counters. */
  get size(): number {
    return this.#ptys.size + this.lent.size;
  }

  /** A new pair at the lowest free number, or -ENOSPC. */
  make(
    owner: { uid: number; gid: number },
    openSlave: (pty: Pty, flags: number) => OpenFile | number,
  ): Pty | number {
    let number = 0;
    while (this.#ptys.has(number) || this.lent.has(number)) number++;
    if (number >= PTYS_MAX) return -ENOSPC;
    const pty = new Pty(this.#kernel, this, number, owner, openSlave);
    this.#ptys.set(number, pty);
    return pty;
  }

  get(number: number): Pty | undefined {
    return this.#ptys.get(number);
  }

  numbers(): number[] {
    return [...this.#ptys.keys(), ...this.lent.keys()].sort((a, b) => a - b);
  }

  release(pty: Pty): void {
    this.#ptys.delete(pty.number);
  }
}
