// What every endpoint of the stack has for a socket, whatever its protocol: names, and options that IP acts on.

import type { IpAddress } from "../stack/ip_address.ts";

export interface InetEndpoint {
  /** IPPROTO_* of what it sends. */
  readonly protocol: number;
  readonly isV6: boolean;
  readonly local: IpAddress;
  /** 0: not bound. */
  readonly localPort: number;
  /** Null: not connected. */
  readonly remote: IpAddress | null;
  readonly remotePort: number;

  boundDevice: number;
  v6only: boolean;
  reuseAddress: boolean;
  reusePort: boolean;
  bindsAnywhere: boolean;
  staysOnLink: boolean;
  mark: number;
  hopLimit4: number;
  hopLimit6: number;
  tos: number;
  trafficClass: number;
  discovery4: number;
  discovery6: number;
  receivesErrors4: boolean;
  receivesErrors6: boolean;
  /** SO_RCVBUF, as getsockopt tells it. */
  receiveBuffer: number;

  bind(address: IpAddress, port: number, scopeDevice?: number): number;
  optionsChanged(): void;
  setBoundDevice(index: number): void;
  setReusePort(isOn: boolean): void;
}
