// Better next hops that routers named (RFC 1122 3.2.2.2, RFC 4861 8), by destination: a table of fixed size, in which a
// newer destination takes an older one's place. They stand for a time, and for that route's gateway alone.

import { REDIRECT_TIME_US, REDIRECTS_MAX } from "../limits.ts";
import { mixAddress } from "../path_mtu.ts";
import type { Flow } from "./flow.ts";

const WORDS = 12;

export class Redirects {
  readonly #key: number;
  /** Of each place: destination, gateway, next hop. */
  #words: Int32Array | null = null;
  #expiresUs: Float64Array | null = null;

  constructor(key: number) {
    this.#key = key;
  }

  /** A router, who is the flow's next hop, has named another for its destination. */
  learn(flow: Flow, w0: number, w1: number, w2: number, w3: number, nowUs: number): void {
    this.#words ??= new Int32Array(REDIRECTS_MAX * WORDS);
    this.#expiresUs ??= new Float64Array(REDIRECTS_MAX);
    const place = this.#place(flow);
    const { destination0, destination1, destination2, destination3 } = flow;
    const { nextHop0, nextHop1, nextHop2, nextHop3 } = flow;
    this.#words.set(
      [
        ...[destination0, destination1, destination2, destination3],
        ...[nextHop0, nextHop1, nextHop2, nextHop3],
        ...[w0, w1, w2, w3],
      ],
      place * WORDS,
    );
    this.#expiresUs[place] = nowUs + REDIRECT_TIME_US;
  }

  #place(flow: Flow): number {
    const { destination0, destination1, destination2, destination3 } = flow;
    const mixed = mixAddress(this.#key, destination0, destination1, destination2, destination3);
    return mixed & (REDIRECTS_MAX - 1);
  }

  /** The flow, whose next hop is a gateway, goes where it was told to go. */
  apply(flow: Flow, nowUs: number): void {
    const words = this.#words;
    if (words === null) return;
    const place = this.#place(flow);
    if (this.#expiresUs![place]! <= nowUs) return;
    const at = place * WORDS;
    if (
      words[at + 3] !== flow.destination3 ||
      words[at + 2] !== flow.destination2 ||
      words[at + 1] !== flow.destination1 ||
      words[at] !== flow.destination0 ||
      words[at + 7] !== flow.nextHop3 ||
      words[at + 6] !== flow.nextHop2 ||
      words[at + 5] !== flow.nextHop1 ||
      words[at + 4] !== flow.nextHop0
    )
      return;
    flow.isRedirected = true;
    flow.nextHop0 = words[at + 8]!;
    flow.nextHop1 = words[at + 9]!;
    flow.nextHop2 = words[at + 10]!;
    flow.nextHop3 = words[at + 11]!;
  }

  /** Of a router that is none any more: all of them, since they are few. */
  forget(): void {
    this.#expiresUs?.fill(0);
  }
}
