// What the table of conversations holds: a connection, a request that is not one yet, or the remains of one. Each has both
// its ends, a place in the table, a timer that is itself, timestamps, and a bound of how often it answers what it does not
// take.

import { Timer } from "../timer_wheel.ts";
import type { TcpContext } from "./context.ts";
import type { Ends } from "./isn.ts";
import type { Segment } from "./segment.ts";

export abstract class Conversation extends Timer implements Ends {
  readonly tcp: TcpContext;
  /** Whether its segments go by IPv6. */
  isV6 = false;
  local0 = 0;
  local1 = 0;
  local2 = 0;
  local3 = 0;
  remote0 = 0;
  remote1 = 0;
  remote2 = 0;
  remote3 = 0;
  localPort = 0;
  remotePort = 0;
  /** The device that its segments come by; 0: any. */
  device = 0;
  hash = 0;
  /** Behind it in its place of the table. */
  following: Conversation | null = null;
  isInTable = false;

  // ---- Timestamps (RFC 7323) ----

  tsOk = false;
  /** What is added to the clock. */
  tsOffset = 0;
  /** The peer's, which is echoed, and when it came, in s. */
  tsRecent = 0;
  tsRecentAge = 0;

  /** 0: the next answer goes in any case. */
  #lastAnswerUs = 0;

  constructor(tcp: TcpContext) {
    super();
    this.tcp = tcp;
  }

  get nowUs(): number {
    return this.tcp.core.nowUs;
  }

  setEnds(ends: Ends, isV6: boolean, device: number): void {
    this.isV6 = isV6;
    this.local0 = ends.local0;
    this.local1 = ends.local1;
    this.local2 = ends.local2;
    this.local3 = ends.local3;
    this.remote0 = ends.remote0;
    this.remote1 = ends.remote1;
    this.remote2 = ends.remote2;
    this.remote3 = ends.remote3;
    this.localPort = ends.localPort;
    this.remotePort = ends.remotePort;
    this.device = device;
  }

  /** Of the local clock, in ms, as the peer sees it. */
  get timestamp(): number {
    return (Math.floor(this.nowUs / 1000) + this.tsOffset) | 0;
  }

  /** Whether a segment was sent before the one whose timestamp is echoed (PAWS). */
  isOlder({ hasTimestamp, tsValue }: Segment): boolean {
    return this.tsOk && hasTimestamp && ((this.tsRecent - tsValue) | 0) > 0;
  }

  /** The peer's timestamp is that from now on. */
  echo(tsValue: number): void {
    this.tsRecent = tsValue;
    this.tsRecentAge = this.nowS;
  }

  get nowS(): number {
    return Math.floor(this.nowUs / 1_000_000);
  }

  /** So often answers go to what is not acceptable (RFC 5961 7, tcp_invalid_ratelimit). */
  mayAnswer(): boolean {
    const { nowUs } = this;
    const last = this.#lastAnswerUs;
    if (last !== 0 && nowUs - last < this.tcp.settings.invalidRateUs) return false;
    this.#lastAnswerUs = nowUs;
    return true;
  }

  /** The next answer goes in any case. */
  willAnswer(): void {
    this.#lastAnswerUs = 0;
  }
}
