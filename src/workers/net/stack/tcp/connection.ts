// A connection: its state, as RFC 9293 3.3.1 and Linux's struct tcp_sock have it. What happens to it stands in the files
// around it: input.ts and ack.ts (segments that come in), output.ts and retransmit.ts (what is sent), recovery.ts and rack.ts
// (losses), timers.ts, close.ts.
//
// Sequence numbers and timestamps are int32 and compared by sequence.ts; times are µs of the stack's clock.

import type { EndpointObserver, InetEndpoint } from "../inet/endpoint.ts";
import { RECEIVE_WINDOW_MAX } from "../limits.ts";
import { Timer } from "../timer_wheel.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import {
  CA_OPEN,
  type CongestionControl,
  type CongestionWindow,
  INFINITE_THRESHOLD,
  INITIAL_WINDOW,
} from "./congestion/congestion.ts";
import type { TcpContext } from "./context.ts";
import { Conversation } from "./conversation.ts";
import { Disorder, NO_DISORDER } from "./disorder.ts";
import * as F from "./format.ts";
import { Losses, NO_LOSSES } from "./losses.ts";
import type { TcpOptions } from "./options.ts";
import { RoundTrips, RTO_INITIAL_US } from "./rtt.ts";
import type { Scoreboard } from "./scoreboard.ts";
import * as S from "./states.ts";

/** What the retransmission timer stands for. */
export const TIMER_NONE = 0;
export const TIMER_RETRANSMIT = 1;
export const TIMER_PROBE_WINDOW = 2;
export const TIMER_LOSS_PROBE = 3;
export const TIMER_REORDER = 4;

/** Urgent data: none, announced, there to be read, read. */
export const URGENT_NONE = 0;
export const URGENT_NOT_YET = 1;
export const URGENT_VALID = 2;
export const URGENT_READ = 3;

/** Who is to be told of what, once a segment is done with. */
export const NOTICE_READABLE = 1;
export const NOTICE_WRITABLE = 2;
export const NOTICE_FAILED = 4;

/** What is kept of an IPv4 packet that has opened a connection. */
export interface Opening {
  readonly device: number;
  readonly hopLimit: number;
  readonly trafficClass: number;
}

/** Who is behind a connection, as far as it goes. */
export interface ConnectionOwner extends InetEndpoint {
  readonly options: Readonly<TcpOptions>;
  /** TCP_CORK */
  readonly isCorked: boolean;
  readonly observer: TcpObserver | null;
  /** IP_MINTTL, IPV6_MINHOPCOUNT; 0: any. */
  readonly minHopLimit4: number;
  readonly minHopLimit6: number;
  /** Of one that was accepted. */
  opening: Opening;
  /** It has ended; while nobody is behind it any more, and while somebody is. */
  orphanEnded(): void;
  connectionEnded(): void;
}

/** Who hears of what comes: a socket. */
export interface TcpObserver extends EndpointObserver {
  becameWritable(): void;
  becameAcceptable(): void;
}

/** What timers of a connection there are beside that which it is itself. */
export const DELAYED_ACK = 0;
export const KEEPALIVE = 1;

export class ConnectionTimer extends Timer {
  readonly connection: Connection;
  readonly #kind: number;

  constructor(connection: Connection, kind: number) {
    super();
    this.connection = connection;
    this.#kind = kind;
  }

  override expired(): void {
    const { connection } = this;
    if (this.#kind === KEEPALIVE) connection.tcp.keepaliveExpired(connection);
    else connection.tcp.ackExpired(connection);
  }
}

export class Connection extends Conversation implements CongestionWindow {
  /** The endpoint that it is of; one that was closed has nobody behind it. */
  readonly endpoint: ConnectionOwner;
  isOrphan = false;
  state = S.TCP_CLOSE;
  notices = 0;

  // ---- Sending (RFC 9293: SND.*) ----

  iss = 0;
  sndUna = 0;
  sndNxt = 0;
  /** The window that the peer announced, in bytes, and the greatest of all; the segment that told it. */
  sndWnd = 0;
  maxWindow = 0;
  sndWl1 = 0;
  /** The number behind what was given to be sent; a FIN that is to go takes the last. */
  writeSeq = 0;
  finQueued = false;
  /** Bytes up to there were pushed by their writer. */
  pushedSeq = 0;
  readonly sendBuffer: ByteBuffer;
  /** SO_SNDBUF: bytes that may wait. */
  sendBufferSize = 0;
  /** The number behind the last segment that was sent and not full. */
  smallSeq = 0;
  /** A writer found no room. */
  noSpace = false;
  /** The number behind the urgent byte that was sent, while it is not acknowledged. */
  sndUp = 0;
  isSendingUrgent = false;
  sndWscale = 0;

  // ---- Receiving (RCV.*) ----

  irs = 0;
  rcvNxt = 0;
  rcvWnd = 0;
  /** What had come when the window was announced last. */
  rcvWup = 0;
  /** The first byte that was not read yet. */
  copiedSeq = 0;
  rcvWscale = 0;
  readonly receiveBuffer: ByteBuffer;
  /** To be written to by ownDisorder. */
  disorder = NO_DISORDER;
  /** SO_RCVBUF, grown by autotuning. */
  receiveBufferSize = 0;
  /** What of the buffer is window, in 256ths: what packets hold of bytes (scaling_ratio). */
  windowShare = 128;
  windowClamp = 0;
  /** The window that is announced grows no further than to there (rcv_ssthresh). */
  rcvThreshold = 0;
  urgentState = URGENT_NONE;
  urgentSeq = 0;
  urgentByte = 0;
  finReceived = false;

  // ---- Segments ----

  /** The MSS that the peer announced, as far as the user lets it; what a segment holds, options taken off; what is announced. */
  mssClamp = F.MSS_DEFAULT;
  mss = F.MSS_DEFAULT;
  advertisedMss = F.MSS_DEFAULT;
  pathMtu = 0;
  /**
   * The path's MTU falls no further before that time; what routers say until then is believed at the other, 0 if they say
   * nothing.
   */
  narrowedUntilUs = 0;
  narrowsAtUs = 0;
  sackOk = false;
  wscaleOk = false;
  ecnOk = false;

  // ---- Timestamps (RFC 7323) ----

  /** What the segment in hand echoed; 0: nothing. */
  echoedTs = 0;

  // ---- Congestion ----

  /** What is under way; while nothing is, all connections have the same empty one. */
  board: Scoreboard;
  readonly rtt = new RoundTrips();
  control: CongestionControl;
  caState = CA_OPEN;
  cwnd = INITIAL_WINDOW;
  cwndCount = 0;
  ssthresh = INFINITE_THRESHOLD;
  priorCwnd = 0;
  cwndWasLimited = false;
  maxPacketsOut = 0;
  cwndUsageSeq = 0;
  cwndStampUs = 0;
  cwndUsed = 0;
  /** Recovery ends when this is acknowledged. */
  highSeq = 0;
  reordering = 3;
  /** To be written to by ownLosses. */
  losses = NO_LOSSES;
  /** Packets that came, and of those, what acknowledgements with a sign of congestion told. */
  delivered = 0;
  deliveredCe = 0;
  lost = 0;

  // ---- RACK-TLP (RFC 8985) ----

  rackSentUs = 0;
  rackEnd = 0;
  rackRttUs = 0;
  rackAdvanced = false;

  // ---- Acknowledging ----

  ackScheduled = false;
  ackNow = false;
  ackPushed = false;
  ackPushed2 = false;
  quickAcks = 0;
  isPingPong = false;
  /** How long an acknowledgement is delayed; 0: nothing came yet. */
  atoUs = 0;
  lastReceivedUs = 0;
  receiveMss = 0;
  /** Of the last segment, if it was shorter than others and may be what all are now; 0: it was not. */
  lastSegmentSize = 0;

  // ---- Autotuning of the receive buffer ----

  rttEstimateUs = 0;
  rttSeq = 0;
  rttStampUs = 0;
  spaceSeq = 0;
  spaceBytes = 0;
  spaceStampUs = 0;

  // ---- Timers ----

  pendingTimer = TIMER_NONE;
  /** Timeouts of this kind one after the other. */
  backoff = 0;
  retransmits = 0;
  probesOut = 0;
  probesStampUs = 0;
  /** When the SYN went first, and when bytes did last. */
  synSentUs = 0;
  lastSentUs = 0;
  lastAckReceivedUs = 0;
  ackTimer: ConnectionTimer | null = null;
  keepaliveTimer: ConnectionTimer | null = null;
  rtoUs = RTO_INITIAL_US;
  softError = 0;

  // ---- Counts ----

  segmentsIn = 0;
  segmentsOut = 0;
  dataSegmentsIn = 0;
  dataSegmentsOut = 0;
  bytesReceived = 0;
  bytesAcked = 0;
  bytesSent = 0;
  totalRetransmits = 0;

  constructor(tcp: TcpContext, endpoint: ConnectionOwner, control: CongestionControl) {
    super(tcp);
    this.endpoint = endpoint;
    this.control = control;
    this.board = tcp.boards.empty;
    this.sendBuffer = new ByteBuffer(tcp.blocks);
    this.receiveBuffer = new ByteBuffer(tcp.blocks);
  }

  override expired(): void {
    this.tcp.retransmitExpired(this);
  }

  get ownLosses(): Losses {
    if (this.losses === NO_LOSSES) this.losses = new Losses();
    return this.losses;
  }

  get ownDisorder(): Disorder {
    if (this.disorder === NO_DISORDER) this.disorder = new Disorder();
    return this.disorder;
  }

  get cwndClamp(): number {
    return 0xffffffff;
  }

  get srttUs(): number {
    return this.rtt.srttUs;
  }

  get minRttUs(): number {
    return this.rtt.minUs;
  }

  setCaState(state: number): void {
    this.control.setState(this, state);
    this.caState = state;
  }

  // ---- What is under way ----

  /** Where to note what is sent. */
  get boardToFill(): Scoreboard {
    const { boards } = this.tcp;
    if (this.board === boards.empty) this.board = boards.take();
    return this.board;
  }

  /** If nothing is under way, others may have its scoreboard. */
  giveBoardBack(): void {
    const { board } = this;
    const { boards } = this.tcp;
    if (board.count > 0 || board === boards.empty) return;
    boards.put(board);
    this.board = boards.empty;
  }

  get packetsOut(): number {
    return this.board.count;
  }

  /** Packets that the peer has out of order. */
  get sackedOut(): number {
    return this.sackOk ? this.board.sackedOut : this.losses.renoSacked;
  }

  get inFlight(): number {
    const { board } = this;
    return board.count - this.sackedOut - board.lostOut + board.retransOut;
  }

  get isCwndLimited(): boolean {
    if (this.cwndWasLimited) return true;
    return this.cwnd < this.ssthresh && this.cwnd < 2 * this.maxPacketsOut;
  }

  /** Bytes that were given to be sent and are not acknowledged; a FIN counts as one. */
  get unacknowledged(): number {
    return (this.writeSeq - this.sndUna) | 0;
  }

  get notSent(): number {
    return (this.writeSeq - this.sndNxt) | 0;
  }

  /** The number behind what the peer's window lets go. */
  get windowEnd(): number {
    return (this.sndUna + this.sndWnd) | 0;
  }

  // ---- What came ----

  /** Of the window that was announced, what is left. */
  get receiveWindow(): number {
    return Math.max(0, (this.rcvWup + this.rcvWnd - this.rcvNxt) | 0);
  }

  /** The greatest window, and what of it is free. */
  get fullSpace(): number {
    return Math.min(Math.floor((this.receiveBufferSize * this.windowShare) / 256), RECEIVE_WINDOW_MAX);
  }

  get freeSpace(): number {
    return Math.max(0, this.fullSpace - ((this.rcvNxt - this.copiedSeq) | 0) - this.disorder.bytes);
  }

  /** The number behind the last byte in order: a FIN is none. */
  get readableEnd(): number {
    return (this.rcvNxt - (this.finReceived ? 1 : 0)) | 0;
  }

  /** Bytes in order that can be read. */
  get available(): number {
    return (this.readableEnd - this.copiedSeq) | 0;
  }
}
