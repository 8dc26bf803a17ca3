// What a congestion control is to a connection, in the shape of Linux's struct tcp_congestion_ops: the connection counts
// what was acknowledged and lost, and holds the window; the control says how the window grows and how far it is cut. A
// connection has a control of its own. Windows are counted in packets, of MSS bytes at most, as TCP_INFO tells them.

/** What the connection knows of the network: enum tcp_ca_state. */
export const CA_OPEN = 0;
export const CA_DISORDER = 1;
export const CA_CWR = 2;
export const CA_RECOVERY = 3;
export const CA_LOSS = 4;

/** net.ipv4's TCP_INIT_CWND (RFC 6928), and the threshold of who has seen no loss. */
export const INITIAL_WINDOW = 10;
export const INFINITE_THRESHOLD = 0x7fffffff;

/** The window, and what a control looks at. It is the connection that has it. */
export interface CongestionWindow {
  /** In packets. */
  cwnd: number;
  /** Acknowledged packets that have not yet made the window grow. */
  cwndCount: number;
  ssthresh: number;
  /** The window before it was cut. */
  priorCwnd: number;
  /** RTAX_CWND, or no bound: 2^32 - 1. */
  readonly cwndClamp: number;
  /** The window keeps the connection from sending more: others are not let grow. */
  readonly isCwndLimited: boolean;
  readonly srttUs: number;
  /** The least round-trip time of late; UNKNOWN_US: none was measured. */
  readonly minRttUs: number;
  readonly nowUs: number;
  /** Sequence numbers, int32. */
  readonly sndUna: number;
  readonly sndNxt: number;
}

export interface CongestionControl {
  /** As TCP_CONGESTION names it. */
  readonly name: string;
  /** The connection is established, or has changed to this control. */
  init(c: CongestionWindow): void;
  /** The threshold after a loss, or what tells of congestion; also the time of loss that it reckons from. */
  ssthresh(c: CongestionWindow): number;
  /** So many packets were newly acknowledged, in a state in which the window may grow. */
  avoid(c: CongestionWindow, packets: number): void;
  /** An acknowledgement of so many packets, with a round-trip time in µs, or -1. */
  acked(c: CongestionWindow, packets: number, rttUs: number): void;
  /** The connection comes to that state (CA_*). */
  setState(c: CongestionWindow, state: number): void;
  /** A cut proved wrong: the window that it should have again. */
  undo(c: CongestionWindow): number;
  /** Sending goes on after a pause in which nothing was under way; since when nothing was sent. */
  restarted(c: CongestionWindow, lastSentUs: number): void;
}

/** Grows by one for each packet, up to the threshold: how many packets are left for beyond it. */
export function slowStart(c: CongestionWindow, packets: number): number {
  const grown = Math.min(c.cwnd + packets, c.ssthresh);
  const left = packets - (grown - c.cwnd);
  c.cwnd = Math.min(grown, c.cwndClamp);
  return left;
}

/** Grows by one for each `every` packets. */
export function additiveIncrease(c: CongestionWindow, every: number, packets: number): void {
  // A window that grew by less than it had counted for does so now.
  if (c.cwndCount >= every) {
    c.cwndCount = 0;
    c.cwnd++;
  }
  c.cwndCount += packets;
  if (c.cwndCount >= every) {
    const growth = Math.floor(c.cwndCount / every);
    c.cwndCount -= growth * every;
    c.cwnd += growth;
  }
  c.cwnd = Math.min(c.cwnd, c.cwndClamp);
}
