// The options of a TCP endpoint that setsockopt(2) sets, as far as they are values that are looked at when they matter.
// They are values: a change makes others, so that endpoints which have the same share one object, a listener and the connections
// that it accepts above all. TCP_SAVE_SYN and its like are not known; TCP_MD5SIG is
// refused by the socket.

import type { CongestionControlName } from "../../../../shared/abi/tcp.ts";

export class TcpOptions {
  /** TCP_NODELAY; set by the endpoint's call, which sends what may go then. */
  noDelay = false;
  /** SO_KEEPALIVE (by setKeepalive) and TCP_KEEPIDLE, TCP_KEEPINTVL in µs, TCP_KEEPCNT; 0: the sysctl's. */
  keepsAlive = false;
  keepaliveIdleUs = 0;
  keepaliveIntervalUs = 0;
  keepaliveProbes = 0;
  /** TCP_USER_TIMEOUT, in µs; 0: none. */
  userTimeoutUs = 0;
  /** SO_LINGER, in µs; -1: it is off. */
  lingerUs = -1;
  /** TCP_LINGER2, in µs: 0: the sysctl's, -1: FIN_WAIT2 is not waited for. */
  finTimeoutUs = 0;
  /** TCP_DEFER_ACCEPT, as retransmissions of the SYN-ACK, of a listener alone; 0: off. */
  deferAccept = 0;
  /** TCP_SYNCNT; 0: the sysctl's. */
  synRetries = 0;
  /** TCP_MAXSEG; 0: none. */
  maxSegment = 0;
  /** TCP_WINDOW_CLAMP; 0: none. */
  windowClamp = 0;
  /** TCP_NOTSENT_LOWAT; 0: the sysctl's. */
  notSentLowat = 0;
  /** TCP_CONGESTION; null: the sysctl's. */
  congestion: CongestionControlName | null = null;
  /** TCP_FASTOPEN's queue, TCP_FASTOPEN_CONNECT: kept and told, data waits for the handshake. */
  fastOpen = 0;
  fastOpenConnect = false;
  /** TCP_INQ is the socket's; SO_OOBINLINE: urgent data stays in its place. */
  urgentInline = false;
  /** SO_RCVLOWAT */
  receiveLowat = 1;
  /** SO_RCVBUF and SO_SNDBUF as getsockopt tells them, once set: SOCK_RCVBUF_LOCK, SOCK_SNDBUF_LOCK. 0: autotuned. */
  receiveBuffer = 0;
  sendBuffer = 0;
  /** IP_BIND_ADDRESS_NO_PORT */
  bindsAddressAlone = false;
  /** TCP_THIN_LINEAR_TIMEOUTS */
  thinLinearTimeouts = false;
}

const NAMES = Object.keys(new TcpOptions()) as readonly (keyof TcpOptions)[];

/** Those of a new endpoint. */
export const DEFAULT_OPTIONS: Readonly<TcpOptions> = new TcpOptions();

/** Makes others, or finds that they are those which were made last: programs set the same of one socket after the other. */
export class OptionChanges {
  #last = DEFAULT_OPTIONS;

  with<K extends keyof TcpOptions>(
    options: Readonly<TcpOptions>,
    name: K,
    value: TcpOptions[K],
  ): Readonly<TcpOptions> {
    if (options[name] === value) return options;
    const changed = Object.assign(new TcpOptions(), options);
    changed[name] = value;
    const last = this.#last;
    if (NAMES.every((each) => changed[each] === last[each])) return last;
    this.#last = changed;
    return changed;
  }
}
