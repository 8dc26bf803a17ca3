// What tells a flow of packets from others in one direction (Linux's nf_conntrack_tuple): addresses, protocol, and ports or
// what a protocol has in their place. Echoes have their identifier as the source port, and type and code as the other.

import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import type { SipHash } from "../siphash.ts";

/** Types of ICMP that are asked and answered, and their counterparts. */
const ANSWERS4: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [0, 8],
  [13, 14],
  [14, 13],
  [15, 16],
  [16, 15],
  [17, 18],
  [18, 17],
]);
const ANSWERS6: ReadonlyMap<number, number> = new Map([
  [128, 129],
  [129, 128],
  [139, 140],
  [140, 139],
]);

/** The type of what answers that one, or is answered by it; -1: there is none. */
export function counterpart(protocol: number, type: number): number {
  return (protocol === IPPROTO_ICMP ? ANSWERS4 : ANSWERS6).get(type) ?? -1;
}

export function isIcmp(protocol: number): boolean {
  return protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
}

/** Protocols whose ports a tuple has. */
export function hasPorts(protocol: number): boolean {
  return protocol === IPPROTO_TCP || protocol === IPPROTO_UDP;
}

export class Tuple {
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  destination0 = 0;
  destination1 = 0;
  destination2 = 0;
  destination3 = 0;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;

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

  copy(other: Tuple): void {
    this.setSource(other.source0, other.source1, other.source2, other.source3);
    this.setDestination(other.destination0, other.destination1, other.destination2, other.destination3);
    this.protocol = other.protocol;
    this.sourcePort = other.sourcePort;
    this.destinationPort = other.destinationPort;
  }

  /** Becomes the tuple of what answers the other. */
  invert(other: Tuple): void {
    const { protocol, source0, source1, source2, source3 } = other;
    const { sourcePort, destinationPort } = other;
    this.setSource(other.destination0, other.destination1, other.destination2, other.destination3);
    this.setDestination(source0, source1, source2, source3);
    this.protocol = protocol;
    if (isIcmp(protocol)) {
      this.sourcePort = sourcePort;
      this.destinationPort =
        ((counterpart(protocol, destinationPort >> 8) & 0xff) << 8) | (destinationPort & 0xff);
    } else {
      this.sourcePort = destinationPort;
      this.destinationPort = sourcePort;
    }
  }

  equals(other: Tuple): boolean {
    return (
      this.source3 === other.source3 &&
      this.destination3 === other.destination3 &&
      this.sourcePort === other.sourcePort &&
      this.destinationPort === other.destinationPort &&
      this.protocol === other.protocol &&
      this.source0 === other.source0 &&
      this.source1 === other.source1 &&
      this.source2 === other.source2 &&
      this.destination0 === other.destination0 &&
      this.destination1 === other.destination1 &&
      this.destination2 === other.destination2
    );
  }

  /** By a key that nobody knows: no sender chooses where its flows stand. */
  hash(hash: SipHash): number {
    hash.begin();
    hash.word(this.source3);
    hash.word(this.destination3);
    hash.word((this.sourcePort << 16) | this.destinationPort);
    hash.word(this.protocol);
    // An IPv4 address is in its last word.
    if ((this.source0 | this.source1 | this.destination0 | this.destination1) !== 0) {
      hash.word(this.source0);
      hash.word(this.source1);
      hash.word(this.source2);
      hash.word(this.destination0);
      hash.word(this.destination1);
      hash.word(this.destination2);
    }
    return hash.end();
  }
}
