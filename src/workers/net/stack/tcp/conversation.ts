// What the table of conversations holds: a connection, a request that is not one yet, or the remains of one. Each has both
// its ends, a place in the table, and a timer that is itself.

import { Timer } from "../timer_wheel.ts";
import type { Ends } from "./isn.ts";

export abstract class Conversation extends Timer implements Ends {
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
}
