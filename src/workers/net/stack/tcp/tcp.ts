// TCP of a stack: what all connections share, and who a segment that comes in is for (RFC 9293; Linux's tcp_v4_rcv).

import { IPPROTO_TCP } from "../../../../shared/abi/socket.ts";
import type { CongestionControlName } from "../../../../shared/abi/tcp.ts";
import type { IcmpError, StackCore, Transport } from "../core.ts";
import type { TcpCounters, TcpExtCounters } from "../counters.ts";
import { EndpointTable } from "../inet/table.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { CHECKSUM_NONE, type Packet, TO_HOST } from "../packet.ts";
import { Timer } from "../timer_wheel.ts";
import { ackTimerExpired, sendAck } from "./acknowledge.ts";
import { Acknowledged } from "./acknowledged.ts";
import { US_PER_S } from "./arm.ts";
import type { BlockPool } from "./blocks.ts";
import { BoundPorts } from "./bound_ports.ts";
import { finish } from "./close.ts";
import type { CongestionControl } from "./congestion/congestion.ts";
import { CONTROLS } from "./congestion/controls.ts";
import {
  Connection,
  type ConnectionOwner,
  NOTICE_FAILED,
  NOTICE_READABLE,
  NOTICE_WRITABLE,
} from "./connection.ts";
import type { Buried, ListeningObserver, TcpContext } from "./context.ts";
import type { TcpEndpoint } from "./endpoint.ts";
import { errorCame } from "./errors.ts";
import { Header } from "./header.ts";
import { connectionInput } from "./input.ts";
import { InitialNumbers } from "./isn.ts";
import { OptionChanges } from "./options.ts";
import { pushPending } from "./output.ts";
import { Deliveries } from "./rack.ts";
import { sendReset } from "./reply.ts";
import { Request } from "./request.ts";
import { retransmitLost } from "./retransmit.ts";
import { Scoreboards } from "./scoreboards.ts";
import { Segment } from "./segment.ts";
import { TcpSettings } from "./settings.ts";
import { SynCookies } from "./syn_cookies.ts";
import { ConversationTable, EndsInHand } from "./table.ts";
import { TimeWait } from "./time_wait.ts";
import { keepaliveExpired, retransmitTimerExpired } from "./timers.ts";

/** How often those without packets try again where nothing else wakes the stack. */
const STARVED_US = 20_000;
/** Of them, and of the segments that they send, as many as one turn has time for. */
const STARVED_A_TURN = 64;
/** Conversations of a stack that is no more that one turn ends. */
const ENDED_A_TURN = 256;
const SEGMENTS_A_TURN = 256;

class StarvedTimer extends Timer {
  readonly #tcp: Tcp;

  constructor(tcp: Tcp) {
    super();
    this.#tcp = tcp;
  }

  override expired(): void {
    this.#tcp.serveStarved();
  }
}

export class Tcp implements Transport, TcpContext {
  readonly core: StackCore;
  readonly ip4Output: Ip4Output;
  readonly ip6Output: Ip6Output;
  readonly settings = new TcpSettings();
  readonly counters: TcpCounters;
  readonly extended: TcpExtCounters;
  readonly table: ConversationTable;
  readonly listeners: EndpointTable<TcpEndpoint>;
  readonly bound: BoundPorts;
  listening: ListeningObserver | null = null;
  readonly blocks: BlockPool;
  readonly boards = new Scoreboards();
  readonly numbers: InitialNumbers;
  readonly cookies: SynCookies;
  readonly optionChanges = new OptionChanges();
  /** Those in hand: each is filled and read before another of its kind. */
  readonly segment = new Segment();
  readonly header = new Header();
  readonly ends = new EndsInHand();
  readonly acked = new Acknowledged();
  readonly deliveries = new Deliveries();
  /** Connections that nobody is behind, requests, records of ended connections. */
  orphans = 0;
  requests = 0;
  timeWaits = 0;
  /** Connections that found no packet to send with. */
  readonly #starved = new Set<Connection>();
  readonly #buried: Buried[] = [];
  readonly #starvedTimer = new StarvedTimer(this);
  #challengeSecond = 0;
  #challenges = 0;

  constructor(core: StackCore, ip4Output: Ip4Output, ip6Output: Ip6Output) {
    this.core = core;
    this.ip4Output = ip4Output;
    this.ip6Output = ip6Output;
    this.counters = core.counters.tcp;
    this.extended = core.counters.tcpExt;
    this.table = new ConversationTable(core.memory, core.host.random32());
    this.listeners = new EndpointTable<TcpEndpoint>(core.host.random32());
    this.bound = new BoundPorts(core);
    this.blocks = core.memory.blocks;
    const random = (): number => core.host.random32();
    this.numbers = new InitialNumbers(random);
    this.cookies = new SynCookies(random);
  }

  /** There are as many conversations as there may be. */
  get isFull(): boolean {
    return this.core.memory.isFull;
  }

  newControl(name: CongestionControlName | null): CongestionControl {
    return CONTROLS[name ?? this.settings.congestion]();
  }

  // ---- Input ----

  input(packet: Packet): void {
    this.#input(packet);
    packet.release();
  }

  #input(packet: Packet): void {
    const { counters, segment } = this;
    if (packet.delivery !== TO_HOST) return;
    counters.InSegs++;
    if (!segment.read(packet)) {
      counters.InErrs++;
      return;
    }
    if (packet.checksum === CHECKSUM_NONE && !packet.hasGoodSum(IPPROTO_TCP)) {
      counters.InCsumErrors++;
      counters.InErrs++;
      return;
    }
    if (this.core.isForHost(packet)) return;
    const ends = this.ends.ofPacket(packet, false);
    const found = this.table.find(ends, packet.device!.index);
    if (found instanceof Connection) {
      if (!this.#isFarEnough(found.endpoint, packet)) return;
      if (connectionInput(found, segment)) sendReset(this, segment);
      this.notify(found);
      return;
    }
    if (found instanceof Request) {
      found.input(segment);
      return;
    }
    if (found instanceof TimeWait && !this.#isForListener(found, segment)) return;
    const listener = this.#listenerFor(packet);
    if (listener === null) sendReset(this, segment);
    else listener.listener!.input(segment);
  }

  // IP_MINTTL, IPV6_MINHOPCOUNT
  #isFarEnough(endpoint: ConnectionOwner, packet: Packet): boolean {
    const least = packet.isV6 ? endpoint.minHopLimit6 : endpoint.minHopLimit4;
    if (packet.hopLimit >= least) return true;
    this.extended.TCPMinTTLDrop++;
    return false;
  }

  // A SYN for ends that were in use a moment ago, which somebody listens for: the record makes room.
  #isForListener(record: TimeWait, segment: Segment): boolean {
    if (!record.input(segment)) return false;
    if (this.#listenerFor(segment.packet!) === null) return true;
    record.end();
    return true;
  }

  #listenerFor(packet: Packet): TcpEndpoint | null {
    return this.listeners.lookup(
      packet.isV6,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      packet.destinationPort,
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      packet.sourcePort,
      packet.device!.index,
    );
  }

  // ---- Timers ----

  retransmitExpired(c: Connection): void {
    retransmitTimerExpired(c);
  }

  ackExpired(c: Connection): void {
    ackTimerExpired(c);
  }

  keepaliveExpired(c: Connection): void {
    keepaliveExpired(c);
  }

  // ---- Errors ----

  error(packet: Packet, error: IcmpError): void {
    errorCame(this, packet, error);
  }

  // ---- Observers ----

  /** Tells whoever is behind a connection what happened to it. */
  notify(c: Connection): void {
    const { notices } = c;
    if (notices === 0) return;
    c.notices = 0;
    const { observer } = c.endpoint;
    if (observer === null) return;
    if ((notices & NOTICE_FAILED) !== 0) observer.failed();
    if ((notices & NOTICE_READABLE) !== 0) observer.becameReadable();
    if ((notices & NOTICE_WRITABLE) !== 0) observer.becameWritable();
  }

  // ---- Buffers and rates ----

  /** There was no packet for a connection: it tries again when packets have gone. */
  waitForBuffers(c: Connection): void {
    this.#starved.add(c);
    const { timers, nowUs } = this.core;
    if (!this.#starvedTimer.isArmed) timers.schedule(this.#starvedTimer, nowUs + STARVED_US);
  }

  stopWaiting(c: Connection): void {
    if (this.#starved.delete(c) && this.#starved.size === 0) this.core.timers.remove(this.#starvedTimer);
  }

  buryLater(listener: Buried): void {
    this.#buried.push(listener);
  }

  /** The stack is no more, nor any socket of it: some of what is left goes, without a word to anybody. True: there is more. */
  endPart(): boolean {
    const first = this.#buried[0];
    if (first !== undefined) {
      if (!first.buryPart()) this.#buried.shift();
      return true;
    }
    let left = ENDED_A_TURN;
    for (const one of this.table.all()) {
      if (left-- === 0) break;
      if (one instanceof TimeWait) one.end();
      else if (one instanceof Request) one.drop();
      else finish(one as Connection);
    }
    return this.table.count > 0;
  }

  /** What run() does at the end of a turn. True: there is more. */
  finishTurn(): boolean {
    this.serveStarved();
    const first = this.#buried[0];
    if (first !== undefined && !first.buryPart()) this.#buried.shift();
    return this.#buried.length > 0 || (this.#starved.size > 0 && this.#hasBuffers);
  }

  get #hasBuffers(): boolean {
    return !this.core.pools.isExhausted && !this.core.isBacklogFull && !this.core.isOverworked;
  }

  /** Who had no packet tries again. */
  serveStarved(): void {
    if (this.#starved.size === 0) return;
    const { core, counters } = this;
    const enough = counters.OutSegs + SEGMENTS_A_TURN;
    let left = Math.min(this.#starved.size, STARVED_A_TURN);
    for (const c of this.#starved) {
      if (left-- <= 0 || counters.OutSegs > enough || !this.#hasBuffers) break;
      this.#starved.delete(c);
      if (c.ackScheduled) sendAck(c);
      retransmitLost(c);
      pushPending(c);
      this.notify(c);
    }
    if (this.#starved.size === 0) core.timers.remove(this.#starvedTimer);
    else core.timers.schedule(this.#starvedTimer, core.nowUs + STARVED_US);
  }

  /** So many challenges a second go to all peers together (tcp_challenge_ack_limit). */
  mayChallenge(): boolean {
    const second = Math.floor(this.core.nowUs / US_PER_S);
    if (second !== this.#challengeSecond) {
      this.#challengeSecond = second;
      this.#challenges = 0;
    }
    return this.#challenges++ < this.settings.challengeAcksMax;
  }
}
