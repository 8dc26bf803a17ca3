// The nursery (native/launcher/nursery.c), which makes a zygote for each kernel of a group.

import type { Host } from "../host.ts";
import { READABLE } from "../host.ts";

const BORN = 1;
const ENDED = 2;
const SIZE = 12;
/** Told at once, one of which is looked at in a turn. */
const MESSAGE_MAX = 4096;

export interface Zygote {
  readonly pid: number;
  /** Its socket: the kernel's. */
  readonly socket: number;
  /** Resolves when it has ended, to its wait status. */
  readonly ended: Promise<number>;
}

export class Nursery {
  readonly #host: Host;
  readonly #socket: number;
  /** Who waits for one, in the order in which they have asked. */
  readonly #waiting: { resolve: (zygote: Zygote) => void; reject: (error: Error) => void }[] = [];
  readonly #ends = new Map<number, (status: number) => void>();

  constructor(host: Host, socket: number) {
    this.#host = host;
    this.#socket = socket;
    host.pollStart(socket, READABLE, () => this.#receive());
  }

  /** Rejects where the host has no process, or no descriptor, to spare. */
  make(): Promise<Zygote> {
    return new Promise((resolve, reject) => {
      const sent = this.#host.sendMessage(this.#socket, Buffer.from("z"), [], true);
      if (sent === 1) this.#waiting.push({ resolve, reject });
      else reject(new Error(`asking for a zygote: errno ${-sent}`));
    });
  }

  #receive(): void {
    const message = this.#host.recvMessage(this.#socket, MESSAGE_MAX);
    // It has gone: init ends the sandbox.
    if (typeof message === "number" || message.data.length < SIZE) return;
    const { data, fds } = message;
    const [event, pid, status] = [data.readInt32LE(0), data.readInt32LE(4), data.readInt32LE(8)];
    if (event === ENDED) {
      this.#ends.get(pid)?.(status);
      this.#ends.delete(pid);
    }
    if (event !== BORN) return;
    const asked = this.#waiting.shift();
    if (fds.length !== 1) asked?.reject(new Error(`making a zygote: errno ${-pid}`));
    else {
      const ended = new Promise<number>((resolve) => this.#ends.set(pid, resolve));
      asked?.resolve({ pid, socket: fds[0]!, ended });
    }
  }
}
