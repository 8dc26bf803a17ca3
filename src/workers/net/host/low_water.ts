// SO_RCVLOWAT of a host stream: of how many bytes the guest wants to be told, and of how many the host is to tell. These differ
// where bytes came back, which the host has no more, and while somebody receives, who has taken some already.

import { FIONREAD } from "../../../shared/abi/ioctl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLRDHUP } from "../../../shared/abi/poll.ts";
import { SO_RCVLOWAT, SOL_SOCKET } from "../../../shared/abi/socket.ts";
import { INT, int } from "../option_table.ts";
import { CAN_READ } from "../socket.ts";
import type { HostCalls } from "./host_calls.ts";

/** Nothing more will come. */
export const ENDS = POLLRDHUP | POLLHUP | POLLERR;

export class LowWater {
  readonly #host: HostCalls;
  /** What the guest has set, in the host's bounds. */
  #wanted = 1;
  /** What the host has now. */
  #hosts = 1;
  /** Calls that receive, and may wait. */
  #receivers = 0;

  constructor(host: HostCalls) {
    this.#host = host;
  }

  /** The guest has set the host's, which has its own bounds for it: what it is now, with so many bytes that came back. */
  learn(unread: number): number {
    const low = this.#host.get(SOL_SOCKET, SO_RCVLOWAT, INT);
    if (typeof low === "number") return this.#wanted;
    this.#wanted = low.readInt32LE();
    this.#hosts = this.#wanted;
    this.tell(unread);
    return this.#wanted;
  }

  /** The host has given a connection what its listener had. */
  inherit(listener: LowWater): void {
    this.#wanted = listener.#wanted;
    this.#hosts = listener.#hosts;
  }

  receiverComes(): void {
    if (this.#receivers++ === 0) this.tell(0);
  }

  receiverGoes(unread: number): void {
    if (--this.#receivers === 0) this.tell(unread);
  }

  /** So many bytes have come back by now, or others wait for them. */
  tell(unread: number): void {
    if (this.#wanted <= 1) return;
    const low = this.#receivers > 0 ? 1 : Math.max(1, this.#wanted - unread);
    if (low === this.#hosts) return;
    this.#hosts = low;
    this.#host.set(SOL_SOCKET, SO_RCVLOWAT, int(low));
  }

  /** Events as the guest sees them where the host tells of these. */
  seen(events: number, unread: number): number {
    if (unread >= this.#wanted) return events | CAN_READ;
    const isExact = this.#wanted <= 1 || this.#receivers === 0;
    if (isExact || (events & (ENDS | POLLIN)) !== POLLIN) return events;
    return unread + this.#host.count(FIONREAD) >= this.#wanted ? events : events & ~CAN_READ;
  }
}
