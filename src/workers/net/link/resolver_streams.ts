// Questions to the engine's name server by TCP (RFC 7766), which are long, or those of who asks no other way: what a guest
// sends to its address goes on to a socket of the host's, which the keeper connects, and answers come back the same way.

import { EAGAIN } from "../../../shared/abi/errno.ts";
import type { NetContext } from "../context.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import type { Stack } from "../stack/stack.ts";
import { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { Relays } from "./relay.ts";

const STREAMS_MAX = 64;
const BACKLOG = 16;

export class ResolverStreams {
  readonly #kernel: NetContext;
  readonly #stack: Stack;
  /** Asks the keeper for a connection. */
  readonly #ask: () => number;
  readonly #relays: Relays;
  readonly #listener: TcpEndpoint;
  /** Those for whom the keeper has been asked, in that order. */
  readonly #waiting: TcpEndpoint[] = [];
  #isAsked = false;

  constructor(kernel: NetContext, stack: Stack, address: IpAddress, port: number, ask: () => number) {
    this.#kernel = kernel;
    this.#stack = stack;
    this.#ask = ask;
    this.#relays = new Relays(kernel, STREAMS_MAX);
    this.#listener = new TcpEndpoint(stack.tcp, false);
    this.#listener.isAside = true;
    this.#listener.bind(address, port);
    this.#listener.listen(BACKLOG);
    const came = (): void => this.#later();
    this.#listener.observer = {
      becameAcceptable: came,
      becameReadable: came,
      becameWritable: () => {},
      failed: () => {},
    };
  }

  #later(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#kernel.steps.later(() => {
      this.#isAsked = false;
      this.#accept();
      return true;
    });
  }

  #accept(): void {
    const { inet } = this.#kernel.network;
    inet.advance(this.#stack);
    // There are no more than the backlog has room for.
    for (let child = this.#listener.accept(); typeof child !== "number"; child = this.#listener.accept()) {
      const isFull = this.#relays.count + this.#waiting.length >= STREAMS_MAX;
      if (isFull || this.#ask() < 0) this.#refuse(child);
      else this.#waiting.push(child);
    }
    inet.deliver(this.#stack);
  }

  #refuse(child: TcpEndpoint): void {
    child.abort();
    child.close();
  }

  /** What the keeper has made for the first of them; -EAGAIN or another error: nothing. */
  answered(fd: number): void {
    const { native, network } = this.#kernel;
    const { inet } = network;
    const child = this.#waiting.shift();
    if (child !== undefined && fd >= 0) this.#relays.join(child, fd);
    else if (child !== undefined) this.#refuse(child);
    else if (fd >= 0) native.close(fd);
    inet.advance(this.#stack);
    inet.deliver(this.#stack);
  }

  /** The keeper has gone. */
  end(): void {
    this.#listener.close();
    while (this.#waiting.length > 0) this.answered(-EAGAIN);
  }
}
