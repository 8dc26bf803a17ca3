// A group that an endpoint is in, and from whom it takes what is sent there (RFC 3376 3.1, RFC 3810 4.1): from the sources
// that are listed, or from all but those.

import type { IpAddress } from "../ip_address.ts";
import type { Packet } from "../packet.ts";

/** MCAST_EXCLUDE, MCAST_INCLUDE. */
export const EXCLUDE = 0;
export const INCLUDE = 1;

export class Membership {
  readonly group: IpAddress;
  readonly device: number;
  mode: number;
  sources: readonly IpAddress[] = [];
  /** Somebody has listed sources, though there may be none of them left: the mode stays. */
  hasList = false;

  constructor(group: IpAddress, device: number, mode: number) {
    this.group = group;
    this.device = device;
    this.mode = mode;
  }

  takes({ source0, source1, source2, source3 }: Packet): boolean {
    const { sources, mode } = this;
    if (sources.length === 0) return mode === EXCLUDE;
    const isListed = sources.some(
      ({ w0, w1, w2, w3 }) => w3 === source3 && w2 === source2 && w1 === source1 && w0 === source0,
    );
    return isListed === (mode === INCLUDE);
  }

  lists(source: IpAddress): boolean {
    return this.sources.some((one) => one.equals(source));
  }
}
