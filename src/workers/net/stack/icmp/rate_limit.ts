// How often this host answers with errors: so many a second in all, and so many a second to each peer, as Linux's
// icmp_global_allow and inet_peer_xrlim_allow.

import {
  ICMP_MESSAGES_BURST,
  ICMP_MESSAGES_PER_S,
  ICMP_PEER_BURST,
  ICMP_PEER_TIME_US,
  ICMP_PEERS,
} from "../limits.ts";
import { mixAddress } from "../path_mtu.ts";

const US_PER_S = 1_000_000;

export class IcmpRateLimit {
  readonly #key: number;
  #credit = ICMP_MESSAGES_BURST;
  #creditedUs = 0;
  /** By peer: µs of waiting that it has not used, up to a burst's, and when that was. */
  readonly #tokens = new Float64Array(ICMP_PEERS).fill(ICMP_PEER_BURST * ICMP_PEER_TIME_US);
  readonly #tokensUs = new Float64Array(ICMP_PEERS);

  constructor(key: number) {
    this.#key = key;
  }

  /** Whether one more may go to anybody. */
  takeGlobal(nowUs: number): boolean {
    const gained = ((nowUs - this.#creditedUs) * ICMP_MESSAGES_PER_S) / US_PER_S;
    this.#credit = Math.min(ICMP_MESSAGES_BURST, this.#credit + gained);
    this.#creditedUs = nowUs;
    if (this.#credit < 1) return false;
    this.#credit--;
    return true;
  }

  /** Whether one more may go to that peer. */
  takePeer(w0: number, w1: number, w2: number, w3: number, nowUs: number): boolean {
    const place = mixAddress(this.#key, w0, w1, w2, w3) & (ICMP_PEERS - 1);
    const gained = this.#tokens[place]! + nowUs - this.#tokensUs[place]!;
    const tokens = Math.min(gained, ICMP_PEER_BURST * ICMP_PEER_TIME_US);
    this.#tokensUs[place] = nowUs;
    const isAllowed = tokens >= ICMP_PEER_TIME_US;
    this.#tokens[place] = isAllowed ? tokens - ICMP_PEER_TIME_US : tokens;
    return isAllowed;
  }
}
