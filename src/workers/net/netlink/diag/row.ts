// A socket as sock_diag and the files of /proc/net tell it.

import type { IpAddress } from "../../stack/ip_address.ts";

/** What runs for a connection: tcpi's and /proc/net/tcp's `timer`. */
export const TIMER_NONE = 0;
export const TIMER_RETRANSMIT = 1;
export const TIMER_KEEPALIVE = 2;
export const TIMER_TIME_WAIT = 3;
export const TIMER_PROBE = 4;

export interface SocketRow {
  /** AF_INET or AF_INET6 */
  readonly family: number;
  /** IPPROTO_TCP, IPPROTO_UDP, or that of a raw socket. */
  readonly protocol: number;
  /** TCP_*: of sockets without connections TCP_ESTABLISHED if they are connected, else TCP_CLOSE. */
  readonly state: number;
  readonly local: IpAddress;
  readonly localPort: number;
  /** Any: it is not connected. */
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** The interface that it is bound to; 0: none. */
  readonly device: number;
  /** 0: there is no socket, as behind TIME_WAIT. */
  readonly cookie: number;
  readonly uid: number;
  readonly inode: number;
  readonly timer: number;
  /** In how many ms the timer expires. */
  readonly expiresMs: number;
  readonly retransmits: number;
  /** Bytes to be read, or connections to be accepted; bytes to be acknowledged, or how many may wait. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
  /** Bytes of memory of both, and their bounds. */
  readonly receiveMemory: number;
  readonly receiveBuffer: number;
  readonly sendMemory: number;
  readonly sendBuffer: number;
  readonly drops: number;
  /** RCV_SHUTDOWN (1) and SEND_SHUTDOWN (2). */
  readonly shutdown: number;
  readonly tos: number;
  readonly trafficClass: number;
  readonly isV6Only: boolean;
  readonly mark: number;
  readonly priority: number;
  /** Whether somebody chose its port. */
  readonly hasChosenPort: boolean;
  /** Bits of struct inet_diag_sockopt. */
  readonly optionBits: number;
  /** The name of its congestion control; null: it has none. */
  readonly congestion: string | null;
  /** struct tcp_info; null: it has none. */
  info(): Uint8Array | null;
  /** Ends it (SOCK_DESTROY): 0 or a negative errno. */
  abort(): number;
}
