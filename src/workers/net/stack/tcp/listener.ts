// What a listening endpoint has: requests that wait for the third segment of their handshake, and connections that wait to
// be accepted, each as many as the backlog says; beyond, SYN cookies (Linux's tcp_conn_request, tcp_check_req).

import { finish, orphan, sendActiveReset } from "./close.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import type { TcpContext } from "./context.ts";
import type { Ends } from "./isn.ts";
import { sendReset } from "./reply.ts";
import { Request, type RequestOwner } from "./request.ts";
import type { Segment } from "./segment.ts";
import * as S from "./states.ts";
import { optionsOf } from "./syn_cookies.ts";

/** An endpoint that a handshake made. */
export interface ChildEndpoint extends ConnectionOwner {
  connection: Connection | null;
}

/** The endpoint that listens. */
export interface ListeningEndpoint extends ConnectionOwner {
  readonly tcp: TcpContext;
  /** Another that has what this one has, for a connection between those ends. */
  newChild(ends: Ends, device: number): ChildEndpoint;
}

export class Listener implements RequestOwner {
  readonly endpoint: ListeningEndpoint;
  backlog: number;
  readonly requests = new Set<Request>();
  readonly queue: ChildEndpoint[] = [];
  isClosed = false;
  /** When cookies were sent last: an acknowledgement may bring one back. */
  lastCookieUs = Number.NEGATIVE_INFINITY;

  constructor(endpoint: ListeningEndpoint, backlog: number) {
    this.endpoint = endpoint;
    this.backlog = backlog;
  }

  get isQueueFull(): boolean {
    return this.queue.length > this.backlog;
  }

  get areRequestsFull(): boolean {
    return this.requests.size >= Math.max(this.backlog, 1);
  }

  /** A segment for the listener itself: a SYN, or what brings a cookie. */
  input(segment: Segment): void {
    const { tcp } = this.endpoint;
    if (segment.isRst) return;
    if (segment.hasAck) {
      if (!this.#cookieCame(segment)) sendReset(tcp, segment);
      return;
    }
    if (!segment.isSyn || segment.isFin) return;
    this.#synCame(segment);
  }

  #synCame(segment: Segment): void {
    const { tcp } = this.endpoint;
    const { settings, extended } = tcp;
    let isCookie = false;
    if (this.areRequestsFull || settings.synCookies === 2) {
      if (settings.synCookies === 0) {
        extended.TCPReqQFullDrop++;
        extended.ListenDrops++;
        return;
      }
      extended.TCPReqQFullDoCookies++;
      isCookie = true;
    }
    if (this.isQueueFull || tcp.isFull) {
      extended.ListenOverflows++;
      extended.ListenDrops++;
      return;
    }
    if (!isCookie && tcp.requests >= settings.synBacklogMax * 4) isCookie = true;
    const request = new Request(this, segment);
    if (isCookie) {
      this.lastCookieUs = tcp.core.nowUs;
      request.becomeCookie(segment);
      extended.SyncookiesSent++;
      request.sendSynAck();
      return;
    }
    request.begin();
  }

  // An acknowledgement that nobody waits for: of a SYN-ACK whose number was a cookie, or of nothing.
  #cookieCame(segment: Segment): boolean {
    const { tcp } = this.endpoint;
    const { nowUs } = tcp.core;
    if (segment.isSyn || tcp.settings.synCookies === 0) return false;
    if (nowUs - this.lastCookieUs > COOKIE_TIME_US && tcp.settings.synCookies !== 2) return false;
    const ends = tcp.ends.ofPacket(segment.packet!, false);
    const mss = tcp.cookies.check(ends, (segment.seq - 1) | 0, (segment.ack - 1) | 0, nowUs);
    if (mss === 0) {
      tcp.extended.SyncookiesFailed++;
      return false;
    }
    tcp.extended.SyncookiesRecv++;
    const request = new Request(this, segment);
    const echo = segment.hasTimestamp ? (segment.tsEcho - request.tsOffset) | 0 : 0;
    request.fromCookie(segment, mss, segment.hasTimestamp ? optionsOf(echo) : null);
    if (!this.isQueueFull && !tcp.isFull) request.establish(segment);
    else {
      tcp.extended.ListenOverflows++;
      tcp.extended.ListenDrops++;
    }
    return true;
  }

  newConnection(request: Request): Connection {
    const child = this.endpoint.newChild(request, request.device);
    const { tcp } = this.endpoint;
    const c = new Connection(tcp, child, tcp.newControl(child.options.congestion));
    child.connection = c;
    this.queue.push(child);
    return c;
  }

  accepts(): void {
    this.endpoint.observer?.becameAcceptable();
  }

  /** Nobody will accept any more: what waits is reset, a part now and the rest in later turns. */
  close(): void {
    this.isClosed = true;
    if (this.buryPart()) this.endpoint.tcp.buryLater(this);
  }

  /** Resets a part of what waits. True: there is more. */
  buryPart(): boolean {
    let left = BURIED_A_TURN;
    for (const request of this.requests) {
      if (left-- <= 0) return true;
      request.drop();
    }
    while (this.queue.length > 0) {
      if (left-- <= 0) return true;
      const connection = this.queue.pop()!.connection!;
      if (connection.state !== S.TCP_CLOSE) {
        sendActiveReset(connection);
        finish(connection);
      }
      orphan(connection);
    }
    return false;
  }
}

/** Connections and requests of a closed listener that one turn resets. */
const BURIED_A_TURN = 64;
/** How long after cookies were sent one may come back: two of their minutes. */
const COOKIE_TIME_US = 120_000_000;
