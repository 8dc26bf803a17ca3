// Messages that wait at an AF_NETLINK socket: in order, with Linux's account of the memory that they take (truesize),
// by which its receive buffer is full.

const HEAD_ALIGNMENT = 64;
/** struct skb_shared_info behind the bytes, and struct sk_buff. */
const SHARED_INFO = 320;
const SK_BUFF = 256;
/** Up to that size memory comes in powers of two. */
const PAGE_SIZE = 4096;
const KEPT_HEAD = 64;

/** What waits to be received. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly from: number;
  /** The group that it was sent to, as addresses name it; 0: none. */
  readonly groups: number;
}

/** What a message of that length is charged. */
export function chargeOf(length: number): number {
  const head = ((length + HEAD_ALIGNMENT - 1) & -HEAD_ALIGNMENT) + SHARED_INFO;
  return SK_BUFF + (head > PAGE_SIZE ? head : 2 ** (32 - Math.clz32(head - 1)));
}

export class Inbox {
  #messages: (Datagram | undefined)[] = [];
  #head = 0;
  /** What those that are in it are charged. */
  charge = 0;

  get isEmpty(): boolean {
    return this.#head === this.#messages.length;
  }

  get first(): Datagram | undefined {
    return this.#messages[this.#head];
  }

  push(message: Datagram): void {
    this.#messages.push(message);
    this.charge += chargeOf(message.bytes.length);
  }

  /** The first one leaves: what it was charged. */
  shift(): number {
    const charge = chargeOf(this.first!.bytes.length);
    this.charge -= charge;
    this.#messages[this.#head++] = undefined;
    if (this.isEmpty || (this.#head > KEPT_HEAD && this.#head * 2 > this.#messages.length)) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return charge;
  }

  /** All leave at once: what they were charged. */
  clear(): number {
    const { charge } = this;
    this.#messages = [];
    this.#head = 0;
    this.charge = 0;
    return charge;
  }
}
