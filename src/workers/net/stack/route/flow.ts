// What a route is looked up for, and what was found: one object that is filled again and again, so that lookups allocate
// nothing.

import type { NetDevice } from "../device.ts";
import type { Packet } from "../packet.ts";
import type { RouteEntry } from "./entry.ts";

export class Flow {
  isV6 = false;
  /** Any (all words of its family's any): none was chosen yet. */
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  /** Indices of devices; 0: any. */
  inputDevice = 0;
  outputDevice = 0;
  mark = 0;
  tos = 0;
  /** What rules may ask for besides: who sends, and what. */
  user = 0;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Routes of a narrower scope do not count: RT_SCOPE_LINK of what is to stay on the link. */
  scope = 0;

  // ---- What was found ----

  /** In which generation of the tables; 0: nothing was, or nobody remembers it. */
  generation = 0;

  route: RouteEntry | null = null;
  /** RTN_* */
  type = 0;
  device: NetDevice | null = null;
  nextHop0 = 0;
  nextHop1 = 0;
  nextHop2 = 0;
  nextHop3 = 0;
  /** By another next hop than its route says, for a time (redirects.ts). */
  isRedirected = false;

  /** Whether a source was chosen. */
  get hasSource(): boolean {
    return this.source3 !== 0 || (this.isV6 && (this.source0 | this.source1 | this.source2) !== 0);
  }

  setSource(w0: number, w1: number, w2: number, w3: number): void {
    this.source0 = w0;
    this.source1 = w1;
    this.source2 = w2;
    this.source3 = w3;
  }

  setDestination(w0: number, w1: number, w2: number, w3: number): void {
    this.destination0 = w0;
    this.destination1 = w1;
    this.destination2 = w2;
    this.destination3 = w3;
  }

  nextHopIsDestination(): void {
    this.nextHop0 = this.destination0;
    this.nextHop1 = this.destination1;
    this.nextHop2 = this.destination2;
    this.nextHop3 = this.destination3;
  }

  /** Back to a flow without conditions. */
  reset(isV6: boolean): void {
    this.isV6 = isV6;
    this.inputDevice = 0;
    this.outputDevice = 0;
    this.mark = 0;
    this.tos = 0;
    this.user = 0;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.scope = 0;
    this.generation = 0;
    this.route = null;
    this.type = 0;
    this.device = null;
    this.isRedirected = false;
  }

  /** Whether both ask for the same. */
  asksAs(other: Flow): boolean {
    return (
      this.destination3 === other.destination3 &&
      this.destination2 === other.destination2 &&
      this.destination1 === other.destination1 &&
      this.destination0 === other.destination0 &&
      this.source3 === other.source3 &&
      this.source2 === other.source2 &&
      this.source1 === other.source1 &&
      this.source0 === other.source0 &&
      this.isV6 === other.isV6 &&
      this.inputDevice === other.inputDevice &&
      this.outputDevice === other.outputDevice &&
      this.mark === other.mark &&
      this.tos === other.tos &&
      this.user === other.user &&
      this.protocol === other.protocol &&
      this.sourcePort === other.sourcePort &&
      this.destinationPort === other.destinationPort &&
      this.scope === other.scope
    );
  }

  /** Of a packet that came in, from whom to whom. */
  setFromPacket(packet: Packet): void {
    this.reset(packet.isV6);
    this.setSource(packet.source0, packet.source1, packet.source2, packet.source3);
    this.setDestination(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
    this.inputDevice = packet.device!.index;
    this.mark = packet.mark;
    this.protocol = packet.protocol;
  }
}
