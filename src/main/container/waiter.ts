// The sandbox's end of a waiter's channel (native/launcher/waiter.c): the process that stands for a guest's
// outside. What it is sent comes here; the guest's wait status goes back; its death is the guest's.

import { closeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { type Host, type PollHandle, READABLE } from "../host.ts";

const MESSAGE_SIZE = 4;
const SIGNAL_MAX = 64;
/** Set in a message beside the signal number: a terminal sent it. */
const FROM_TERMINAL = 0x100;

export interface WaiterEvents {
  signal(signo: number, fromTerminal: boolean): void;
  /** The waiter is dead, or talks nonsense. */
  gone(): void;
}

export class Waiter {
  readonly #host: Host;
  readonly #fd: number;
  readonly #events: WaiterEvents;
  readonly #poll: PollHandle;
  #open = true;

  /** `fd` is the waiter's from now on. */
  constructor(host: Host, fd: number, events: WaiterEvents) {
    this.#host = host;
    this.#fd = fd;
    this.#events = events;
    this.#poll = host.pollStart(fd, READABLE, () => this.#read());
  }

  /** The guest's process has ended with that wait status: so does the waiter. */
  end(status: number): void {
    const message = Buffer.alloc(MESSAGE_SIZE);
    message.writeInt32LE(status);
    if (this.#open) this.#host.sendMessage(this.#fd, message, [], true);
    this.close();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#host.pollStop(this.#poll);
    closeSync(this.#fd);
  }

  #read(): void {
    const message = this.#host.recvMessage(this.#fd, MESSAGE_SIZE);
    if (message === -EAGAIN || !this.#open) return;
    const word =
      typeof message !== "number" && message.data.length === MESSAGE_SIZE ? message.data.readInt32LE() : 0;
    const signo = word & ~FROM_TERMINAL;
    if (signo >= 1 && signo <= SIGNAL_MAX) {
      this.#events.signal(signo, (word & FROM_TERMINAL) !== 0);
      return;
    }
    this.close();
    this.#events.gone();
  }
}
