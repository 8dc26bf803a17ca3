// What a stream's endpoint tells of what has come of it, as events for whoever waits for the socket.

import * as P from "../../../shared/abi/poll.ts";
import { CAN_READ, CAN_WRITE } from "../socket.ts";
import { type TcpObserver, URGENT_NONE, URGENT_READ } from "../stack/tcp/connection.ts";
import type { StreamSocket } from "./stream_socket.ts";

export class StreamEvents implements TcpObserver {
  readonly #socket: StreamSocket;
  /** The place of the urgent byte that its owner has been told of. */
  #urgentSeq: number | null = null;

  constructor(socket: StreamSocket) {
    this.#socket = socket;
  }

  readable(): void {
    this.#wake(CAN_READ | this.#ends(P.POLLRDHUP | P.POLLHUP) | this.#urgent());
  }

  writable(): void {
    this.#wake(CAN_WRITE | this.#ends(P.POLLHUP | P.POLLERR));
  }

  failed(): void {
    this.#wake(P.POLLERR | this.#socket.poll());
  }

  acceptable(): void {
    this.#wake(CAN_READ);
  }

  #wake(events: number): void {
    this.#socket.waiters.wake(events);
  }

  // Of those events the ones that hold.
  #ends(events: number): number {
    return this.#socket.poll() & events;
  }

  // POLLPRI for an urgent byte of which nobody has been told.
  #urgent(): number {
    const { connection } = this.#socket.endpoint;
    if (connection === null || connection.urgentState === URGENT_NONE) return 0;
    if (connection.urgentState === URGENT_READ || connection.urgentSeq === this.#urgentSeq) return 0;
    this.#urgentSeq = connection.urgentSeq;
    return P.POLLPRI;
  }
}
