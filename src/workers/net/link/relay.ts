// Streams that go on between the sandbox's stack and the host's side of its namespace: what comes out of an endpoint goes into
// a socket of the host's, and the other way, until both have ended. Each side's end is told to the other; what breaks one
// breaks the other.
//
// Bytes are never kept beyond a piece: whoever is not read from stops the other side by its own window.

import { EAGAIN } from "../../../shared/abi/errno.ts";
import { EPOLLET, POLLIN, POLLOUT, POLLRDHUP } from "../../../shared/abi/poll.ts";
import { MSG_PEEK, MSG_TRUNC, SHUT_WR } from "../../../shared/abi/socket.ts";
import type { NetContext } from "../context.ts";
import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";

/** Bytes that move at once, and how often so in one turn. */
const PIECE = 32768;
const PIECES_A_TURN = 8;
const NOTHING = new Uint8Array(0);

/** Relays of one kind: they are bounded together, and share a buffer. */
export class Relays {
  readonly kernel: NetContext;
  readonly #max: number;
  #piece: Buffer | null = null;
  count = 0;

  constructor(kernel: NetContext, max: number) {
    this.kernel = kernel;
    this.#max = max;
  }

  get piece(): Buffer {
    this.#piece ??= Buffer.allocUnsafeSlow(PIECE);
    return this.#piece;
  }

  get isFull(): boolean {
    return this.count >= this.#max;
  }

  /** The endpoint and the descriptor are the relay's from then on. */
  join(endpoint: TcpEndpoint, fd: number): void {
    new Relay(this, endpoint, fd);
  }
}

class Relay {
  readonly #relays: Relays;
  readonly #endpoint: TcpEndpoint;
  readonly #fd: number;
  readonly #cookie: number;
  /** What the endpoint has not taken yet. */
  #left: Uint8Array = NOTHING;
  #hostEnded = false;
  #guestEnded = false;
  #isAsked = false;
  #isOver = false;

  constructor(relays: Relays, endpoint: TcpEndpoint, fd: number) {
    this.#relays = relays;
    this.#endpoint = endpoint;
    this.#fd = fd;
    relays.count++;
    const changed = (): void => this.#later();
    endpoint.observer = {
      becameReadable: changed,
      becameWritable: changed,
      failed: changed,
      becameAcceptable: changed,
    };
    this.#cookie = relays.kernel.sleep.add(fd, POLLIN + POLLOUT + POLLRDHUP + EPOLLET, changed);
    this.#later();
  }

  // An endpoint's observer only notes that something has changed.
  #later(): void {
    if (this.#isAsked || this.#isOver) return;
    this.#isAsked = true;
    this.#relays.kernel.steps.later(() => {
      this.#isAsked = false;
      if (!this.#isOver) this.#goOn();
      return true;
    });
  }

  #goOn(): void {
    const { inet } = this.#relays.kernel.network;
    const { stack } = inet;
    inet.advance(stack);
    const isLeft = [this.#toHost(), this.#toGuest()].includes(true);
    if (this.#hostEnded && this.#guestEnded) this.#end();
    inet.deliver(stack);
    if (isLeft) this.#later();
  }

  /** True: there may be more. */
  #toHost(): boolean {
    const { kernel, piece } = this.#relays;
    const endpoint = this.#endpoint;
    for (let i = 0; i < PIECES_A_TURN; i++) {
      if (this.#isOver || this.#guestEnded) return false;
      const count = endpoint.receive(piece, MSG_PEEK);
      if (count === 0) {
        this.#guestEnded = true;
        kernel.native.socketShutdown(this.#fd, SHUT_WR);
      }
      const sent = count <= 0 ? count : kernel.native.socketSend(this.#fd, piece, count, 0, 0, 0);
      if (sent < 0) return this.#failed(sent);
      if (sent > 0) endpoint.receive(piece.subarray(0, sent), MSG_TRUNC);
    }
    return true;
  }

  #toGuest(): boolean {
    const { kernel, piece } = this.#relays;
    const endpoint = this.#endpoint;
    for (let i = 0; i < PIECES_A_TURN; i++) {
      if (this.#isOver || this.#hostEnded) return false;
      const count = this.#left.length || kernel.native.socketReceive(this.#fd, piece, PIECE, 0, 0);
      if (count === 0) {
        this.#hostEnded = true;
        endpoint.shutdown(SHUT_WR);
        return false;
      }
      if (count < 0) return this.#failed(count);
      const data = this.#left.length > 0 ? this.#left : piece.subarray(0, count);
      const taken = endpoint.send(data);
      if (taken < 0 && taken !== -EAGAIN) return this.#failed(taken);
      // The buffer is everybody's.
      this.#left = taken === data.length ? NOTHING : Uint8Array.from(data.subarray(Math.max(0, taken)));
      if (taken < 0) return false;
    }
    return true;
  }

  /** Nothing is left to do now: either it waits, or the other side is to know that this one broke. */
  #failed(error: number): boolean {
    if (error === -EAGAIN) return false;
    this.#endpoint.abort();
    this.#end();
    return false;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { sleep, native } = this.#relays.kernel;
    if (this.#cookie >= 0) sleep.remove(this.#fd, this.#cookie);
    native.close(this.#fd);
    this.#endpoint.close();
    this.#relays.count--;
  }
}
