// A tracked flow (Linux's nf_conn): its tuples in both directions, what has been seen of it, and where it stands in the
// table of conntrack.ts, whose timer ends it.

import { Timer } from "../timer_wheel.ts";
import { Tuple } from "./tuple.ts";

// What a packet is to its flow: IP_CT_*. From IS_REPLY on it goes in the other direction.
export const ESTABLISHED = 0;
export const RELATED = 1;
export const NEW = 2;
export const IS_REPLY = 3;
/** The packet is not tracked, by somebody's will. */
export const UNTRACKED = 7;

// IPS_*: what is known of a flow.
export const SEEN_REPLY = 1 << 1;
export const ASSURED = 1 << 2;
export const CONFIRMED = 1 << 3;
export const SRC_NAT = 1 << 4;
export const DST_NAT = 1 << 5;
export const SRC_NAT_DONE = 1 << 7;
export const DST_NAT_DONE = 1 << 8;
export const DYING = 1 << 9;

/** One direction, as it stands in the table. */
export class Direction extends Tuple {
  readonly flow: TrackedFlow;
  readonly isReply: boolean;
  next: Direction | null = null;
  hashed = 0;

  constructor(flow: TrackedFlow, isReply: boolean) {
    super();
    this.flow = flow;
    this.isReply = isReply;
  }
}

export class TrackedFlow extends Timer {
  readonly #expired: (flow: TrackedFlow) => void;
  readonly original = new Direction(this, false);
  readonly reply = new Direction(this, true);
  readonly isV6: boolean;
  status = 0;
  mark = 0;
  /** Of TCP: its state (tcp_states.ts), and the highest acknowledgement of each direction; -1: none was seen. */
  state = 0;
  maxAck = -1;
  maxAckReply = -1;
  /** Of UDP: from when on it is a stream. */
  streamUs = 0;
  /** Among all, for whoever lists them; -1: it is not in the table. */
  place = -1;

  constructor(isV6: boolean, expired: (flow: TrackedFlow) => void) {
    super();
    this.isV6 = isV6;
    this.#expired = expired;
  }

  has(status: number): boolean {
    return (this.status & status) !== 0;
  }

  override expired(): void {
    this.#expired(this);
  }
}
