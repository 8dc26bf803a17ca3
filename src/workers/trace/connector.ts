// What finds a reader anew where one has gone: a process outside of the sandbox (native/launcher/trace_connector.c), which knows
// the sockets of a session by their places in the list and gives back connected ones. Questions are answered in their order.

import { EAGAIN, EPIPE } from "../../shared/abi/errno.ts";
import { EPOLLIN } from "../../shared/abi/poll.ts";
import type { SinkContext } from "./sink.ts";

export class Connector {
  readonly #kernel: SinkContext;
  #channel: number;
  readonly #cookie: number;
  readonly #asked: ((fd: number) => void)[] = [];

  /** `channel`: its own from now on. */
  constructor(kernel: SinkContext, channel: number) {
    this.#kernel = kernel;
    this.#channel = channel;
    this.#cookie = kernel.sleep.add(channel, EPOLLIN, () => this.#answered());
  }

  /** Is told a connected socket, which is the caller's then, or a negative errno. */
  ask(index: number, found: (fd: number) => void): void {
    if (this.#channel < 0) {
      found(-EPIPE);
      return;
    }
    const question = new Uint8Array(Uint32Array.of(index).buffer);
    const sent = this.#kernel.native.socketSend(this.#channel, question, question.length, 0, 0, 0);
    if (sent < 0) found(sent);
    else this.#asked.push(found);
  }

  #answered(): void {
    const { native } = this.#kernel;
    const fd = native.makerAnswer(this.#channel);
    if (fd === -EAGAIN) return;
    if (fd < 0) {
      this.end();
      return;
    }
    const result = native.scratchView.getInt32(0, true);
    const found = this.#asked.shift();
    if (found !== undefined) found(fd > 0 ? fd : Math.min(result, -1));
    else if (fd > 0) native.close(fd);
  }

  end(): void {
    if (this.#channel < 0) return;
    if (this.#cookie >= 0) this.#kernel.sleep.remove(this.#channel, this.#cookie);
    this.#kernel.native.close(this.#channel);
    this.#channel = -1;
    for (const found of this.#asked.splice(0)) found(-EPIPE);
  }
}
