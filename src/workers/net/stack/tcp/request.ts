// A connection that is not one yet: a SYN has come and was answered (Linux's struct request_sock). It is small, since
// anybody can make many; when the third segment of the handshake comes, it becomes a connection.

import { pathMtu } from "../mtu_discovery.ts";
import { type Connection, type ConnectionOwner, NOTICE_FAILED } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import { Conversation } from "./conversation.ts";
import { beginReceiving, beginSending, chooseWindow, takeMss } from "./establish.ts";
import * as F from "./format.ts";
import { connectionInput } from "./input.ts";
import { deviceBack, sendHeader, sendPlainAck, sendReset, wayBack } from "./reply.ts";
import { RTO_INITIAL_US, RTO_MAX_US } from "./rtt.ts";
import type { Segment } from "./segment.ts";
import { after, before } from "./sequence.ts";
import * as S from "./states.ts";
import { type CookieOptions, timestampOf } from "./syn_cookies.ts";
import { announcedMss, wayOf } from "./transmit.ts";
import { initialWindow } from "./window.ts";

/** The listener that a request is of. */
export interface RequestOwner {
  readonly endpoint: ConnectionOwner & { readonly tcp: TcpContext };
  readonly requests: Set<Request>;
  readonly isQueueFull: boolean;
  readonly isClosed: boolean;
  /** A connection for the request, which waits to be accepted from now on. */
  newConnection(request: Request): Connection;
  /** That connection is one. */
  accepts(): void;
}

export class Request extends Conversation {
  readonly listener: RequestOwner;
  /** The peer's number, and ours. */
  irs: number;
  iss = 0;
  mss: number;
  windowScale: number;
  sackOk: boolean;
  ecnOk: boolean;
  readonly sentUs: number;
  rcvWnd = 0;
  rcvWscale = 0;
  #advertisedMss = 0;
  #retransmits = 0;
  #isAcked = false;
  /** Of one whose number is a cookie: the timestamp that says the rest. */
  #cookieTimestamp: number | null = null;

  constructor(listener: RequestOwner, segment: Segment) {
    super(listener.endpoint.tcp);
    const { tcp } = this;
    const packet = segment.packet!;
    const { settings } = tcp;
    this.listener = listener;
    const device = listener.endpoint.boundDevice || deviceBack(packet);
    this.setEnds(tcp.ends.ofPacket(packet, false), packet.isV6, device);
    this.irs = segment.seq;
    this.mss = segment.mss === 0 ? F.MSS_DEFAULT : segment.mss;
    this.windowScale = settings.windowScaling ? segment.windowScale : -1;
    this.sackOk = settings.sack && segment.sackPermitted;
    this.tsOk = settings.timestamps && segment.hasTimestamp;
    this.tsRecent = segment.tsValue;
    const asksEcn = (segment.flags & (F.ECE | F.CWR)) === (F.ECE | F.CWR);
    this.ecnOk = settings.ecn !== 0 && asksEcn && !segment.isEcnCapable;
    this.tsOffset = tcp.numbers.timestampOffset(this);
    this.iss = tcp.numbers.sequence(this, this.nowUs);
    this.sentUs = this.nowUs;
  }

  #chooseWindow(): void {
    const { tcp } = this;
    const { settings } = tcp;
    const { options, mark } = this.listener.endpoint;
    const flow = wayBack(tcp, this, this.isV6, this.device, mark);
    const mtu = flow === null ? 0 : pathMtu(tcp.core, flow, 0);
    this.#advertisedMss = announcedMss(this.isV6, mtu, options.maxSegment, F.MSS_DEFAULT);
    const size = options.receiveBuffer || settings.receiveBuffer.initial;
    const reach = options.receiveBuffer > 0 ? options.receiveBuffer : settings.receiveBuffer.max;
    const mss = this.#advertisedMss - (this.tsOk ? F.TIMESTAMP_ALIGNED : 0);
    const chosen = initialWindow(size >> 1, reach, options.windowClamp, mss, this.windowScale >= 0);
    this.rcvWnd = chosen.window;
    this.rcvWscale = chosen.scale;
  }

  // ---- Cookies ----

  /** Its number says all that is to be known: nothing is kept. */
  becomeCookie(segment: Segment): void {
    this.iss = this.tcp.cookies.make(this, segment.seq, Math.max(this.mss, F.MSS_DEFAULT), this.nowUs);
    this.#chooseWindow();
    if (!this.tsOk) {
      // What else was asked for comes back in a timestamp alone.
      this.windowScale = -1;
      this.sackOk = false;
      this.ecnOk = false;
      return;
    }
    const now = Math.floor(this.nowUs / 1000) | 0;
    const said = timestampOf(now, { windowScale: this.windowScale, sack: this.sackOk, ecn: this.ecnOk });
    this.#cookieTimestamp = (said + this.tsOffset) | 0;
  }

  /** As it was when the cookie was made, which has come back. */
  fromCookie(segment: Segment, mss: number, options: CookieOptions | null): void {
    this.irs = (segment.seq - 1) | 0;
    this.iss = (segment.ack - 1) | 0;
    this.mss = mss;
    this.tsOk = segment.hasTimestamp;
    this.tsRecent = segment.tsValue;
    this.sackOk = options?.sack ?? false;
    this.windowScale = options?.windowScale ?? -1;
    this.ecnOk = options?.ecn ?? false;
    this.#chooseWindow();
  }

  // ---- Waiting ----

  begin(): void {
    const { tcp } = this;
    this.#chooseWindow();
    tcp.table.add(this);
    this.listener.requests.add(this);
    tcp.requests++;
    this.sendSynAck();
    this.#arm();
  }

  #arm(): void {
    const delay = Math.min(RTO_INITIAL_US * 2 ** this.#retransmits, RTO_MAX_US);
    this.tcp.core.timers.schedule(this, this.nowUs + delay);
  }

  drop(): void {
    const { tcp } = this;
    if (!this.listener.requests.delete(this)) return;
    tcp.core.timers.remove(this);
    tcp.table.remove(this);
    tcp.requests--;
  }

  override expired(): void {
    const { tcp } = this;
    const { options } = this.listener.endpoint;
    const most = options.synRetries || tcp.settings.synAckRetries;
    const { deferAccept } = options;
    const isLate = this.#retransmits >= most;
    const isOver =
      deferAccept === 0 ? isLate : isLate && (!this.#isAcked || this.#retransmits >= deferAccept);
    if (isOver) {
      tcp.counters.AttemptFails++;
      this.drop();
      return;
    }
    const isSent = deferAccept === 0 || !this.#isAcked || this.#retransmits >= deferAccept - 1;
    this.#retransmits++;
    if (isSent) {
      this.sendSynAck();
      tcp.extended.TCPSynRetrans++;
      tcp.counters.RetransSegs++;
    }
    this.#arm();
  }

  sendSynAck(): void {
    const { tcp } = this;
    const { endpoint } = this.listener;
    const flow = wayBack(tcp, this, this.isV6, this.device, endpoint.mark);
    if (flow === null) return;
    const { header } = tcp;
    const flags = F.SYN | F.ACK | (this.ecnOk ? F.ECE : 0);
    header.reset(this.localPort, this.remotePort, this.iss, (this.irs + 1) | 0, flags);
    header.mss = this.#advertisedMss;
    header.window = this.rcvWnd;
    header.sackPermitted = this.sackOk;
    if (this.windowScale >= 0) header.windowScale = this.rcvWscale;
    if (this.tsOk) header.timestamp(this.#cookieTimestamp ?? this.timestamp, this.tsRecent);
    const tos = this.isV6 ? endpoint.trafficClass : endpoint.tos;
    sendHeader(tcp, flow, tos & ~3, this.isV6 ? endpoint.hopLimit6 : endpoint.hopLimit4);
  }

  // ---- What comes for it ----

  /** A segment of its ends (tcp_check_req). */
  input(segment: Segment): void {
    const { tcp } = this;
    const { extended } = tcp;
    const { options } = this.listener.endpoint;
    const next = (this.irs + 1) | 0;
    if (this.listener.isClosed) {
      sendReset(tcp, segment);
      this.drop();
      return;
    }
    const isOld = this.isOlder(segment);
    // The SYN again: so is the answer.
    if (segment.seq === this.irs && segment.isSyn && !segment.hasAck && !segment.isRst && !isOld) {
      if (this.#mayAnswer()) {
        this.sendSynAck();
        tcp.extended.TCPSynRetrans++;
      }
      return;
    }
    if (segment.hasAck && segment.ack !== ((this.iss + 1) | 0) && !segment.isRst) {
      sendReset(tcp, segment);
      return;
    }
    if (isOld || !this.#isInWindow(segment, next)) {
      if (isOld) extended.PAWSEstab++;
      if (!segment.isRst && this.#mayAnswer()) this.#acknowledge();
      return;
    }
    if (segment.isRst || segment.isSyn) {
      // A reset in the window ends it, and so does another SYN.
      if (segment.isRst && segment.seq !== next) return;
      tcp.counters.AttemptFails++;
      if (segment.isSyn) sendReset(tcp, segment);
      else extended.EmbryonicRsts++;
      this.drop();
      return;
    }
    if (!segment.hasAck) return;
    if (segment.hasTimestamp && !after(segment.seq, next)) this.tsRecent = segment.tsValue;
    if (this.#retransmits < options.deferAccept && segment.end === next) {
      this.#isAcked = true;
      extended.TCPDeferAcceptDrop++;
      return;
    }
    if (this.listener.isQueueFull) {
      extended.ListenOverflows++;
      if (!tcp.settings.abortsOnOverflow) {
        this.#isAcked = true;
        return;
      }
      sendReset(tcp, segment);
      this.drop();
      return;
    }
    this.drop();
    this.establish(segment);
  }

  #isInWindow(segment: Segment, next: number): boolean {
    if (segment.end === segment.seq && segment.seq === next) return true;
    return !before(segment.end, next) && !after(segment.seq, (next + Math.max(this.rcvWnd, 1)) | 0);
  }

  #mayAnswer(): boolean {
    if (this.mayAnswer()) return true;
    this.tcp.extended.TCPACKSkippedSynRecv++;
    return false;
  }

  #acknowledge(): void {
    const { mark } = this.listener.endpoint;
    const window = this.rcvWnd >>> this.rcvWscale;
    sendPlainAck(this, mark, (this.iss + 1) | 0, (this.irs + 1) | 0, window, 0);
  }

  /** The handshake is done: a connection, which waits to be accepted. */
  establish(segment: Segment): void {
    const { listener, tcp } = this;
    const c = listener.newConnection(this);
    c.setEnds(this, this.isV6, this.device);
    const { isV6, device, hopLimit, trafficClass } = segment.packet!;
    if (!isV6) c.endpoint.opening = { device: device?.index ?? 0, hopLimit, trafficClass };
    this.#fill(c);
    tcp.table.add(c);
    tcp.counters.PassiveOpens++;
    if (connectionInput(c, segment)) sendReset(tcp, segment);
    if (c.state === S.TCP_CLOSE) c.notices |= NOTICE_FAILED;
    tcp.notify(c);
    listener.accepts();
  }

  #fill(c: Connection): void {
    c.state = S.TCP_SYN_RECV;
    c.tsOffset = this.tsOffset;
    c.tsOk = this.tsOk;
    c.sackOk = this.sackOk;
    c.ecnOk = this.ecnOk;
    c.wscaleOk = this.windowScale >= 0;
    c.sndWscale = Math.max(this.windowScale, 0);
    c.echo(this.tsRecent);
    beginSending(c, this.iss);
    beginReceiving(c, this.irs);
    c.totalRetransmits = this.#retransmits;
    c.lastSentUs = c.nowUs;
    c.advertisedMss = this.#advertisedMss;
    chooseWindow(c);
    c.rcvWnd = this.rcvWnd;
    c.rcvWscale = this.rcvWscale;
    c.rcvThreshold = this.rcvWnd;
    takeMss(c, this.mss);
    wayOf(c);
    if (this.#retransmits === 0 && this.sentUs < c.nowUs)
      c.rtt.sample(c.nowUs - this.sentUs, c.nowUs, c.sndUna, c.sndNxt);
  }
}
