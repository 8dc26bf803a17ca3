// What a sendmsg(2) says beside the bytes.

import type { IpAddress } from "../ip_address.ts";

/** One may be used again and again. */
export class Message {
  /** Null: whom the endpoint is connected to. */
  destination: IpAddress | null = null;
  port = 0;
  /** The device of a link-local destination's scope, or that of IP_PKTINFO; 0: none. */
  device = 0;
  /** IP_PKTINFO's source; null: none. */
  source: IpAddress | null = null;
  /** IP_TTL, IPV6_HOPLIMIT and IP_TOS, IPV6_TCLASS of this one message; -1: the endpoint's. */
  hopLimit = -1;
  trafficClass = -1;
  flowLabel = 0;
  /** MSG_DONTROUTE */
  staysOnLink = false;
  /** UDP_SEGMENT: it is cut into datagrams of so many bytes; 0: it is one. */
  segmentSize = 0;

  /** As a new one, to somebody. */
  to(destination: IpAddress | null, port: number): this {
    this.destination = destination;
    this.port = port;
    this.device = 0;
    this.source = null;
    this.hopLimit = -1;
    this.trafficClass = -1;
    this.flowLabel = 0;
    this.staysOnLink = false;
    this.segmentSize = 0;
    return this;
  }
}
