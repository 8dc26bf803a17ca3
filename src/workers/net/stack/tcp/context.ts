// What all connections of a stack share, as their code sees it. It is Tcp (tcp.ts), which knows them all; they know this.

import type { StackCore } from "../core.ts";
import type { TcpCounters, TcpExtCounters } from "../counters.ts";
import type { InetEndpoint } from "../inet/endpoint.ts";
import type { EndpointTable } from "../inet/table.ts";
import type { Ip4Output } from "../ip4/output.ts";
import type { Ip6Output } from "../ip6/output.ts";
import type { Acknowledged } from "./acknowledged.ts";
import type { BlockPool } from "./blocks.ts";
import type { BoundPorts } from "./bound_ports.ts";
import type { CongestionControl } from "./congestion/congestion.ts";
import type { Connection } from "./connection.ts";
import type { Header } from "./header.ts";
import type { InitialNumbers } from "./isn.ts";
import type { OptionChanges } from "./options.ts";
import type { Deliveries } from "./rack.ts";
import type { Scoreboards } from "./scoreboards.ts";
import type { TcpSettings } from "./settings.ts";
import type { SynCookies } from "./syn_cookies.ts";
import type { ConversationTable, EndsInHand } from "./table.ts";

/** What is left of something that was closed, and goes in parts. */
export interface Buried {
  /** True: there is more. */
  buryPart(): boolean;
}

/** Who wants to know which endpoints listen, and where. */
export interface ListeningObserver {
  begun(endpoint: InetEndpoint): void;
  /** Before its names change. */
  ended(endpoint: InetEndpoint): void;
}

export interface TcpContext {
  readonly core: StackCore;
  readonly ip4Output: Ip4Output;
  readonly ip6Output: Ip6Output;
  readonly settings: TcpSettings;
  readonly counters: TcpCounters;
  readonly extended: TcpExtCounters;
  readonly table: ConversationTable;
  readonly listeners: EndpointTable<InetEndpoint>;
  readonly bound: BoundPorts;
  readonly listening: ListeningObserver | null;
  readonly blocks: BlockPool;
  readonly boards: Scoreboards;
  readonly numbers: InitialNumbers;
  readonly cookies: SynCookies;
  readonly optionChanges: OptionChanges;
  /** Those in hand: each is filled and read before another of its kind. */
  readonly header: Header;
  readonly ends: EndsInHand;
  readonly acked: Acknowledged;
  readonly deliveries: Deliveries;
  /** Connections that nobody is behind, requests, records of ended connections. */
  orphans: number;
  requests: number;
  timeWaits: number;
  /** There are as many conversations as there may be. */
  readonly isFull: boolean;

  newControl(name: string | null): CongestionControl;
  /** Tells whoever is behind a connection what happened to it. */
  notify(c: Connection): void;
  /** There was no packet for a connection: it tries again when packets have gone; or it does not any more. */
  waitForBuffers(c: Connection): void;
  stopWaiting(c: Connection): void;
  /** A listener was closed of which much is left: it goes in parts. */
  buryLater(listener: Buried): void;
  /** Whether a challenge acknowledgement more may go to anybody this second (tcp_challenge_ack_limit). */
  mayChallenge(): boolean;
  /** Timers of a connection: retransmission and what shares its timer, delayed acknowledgements, keepalive. */
  retransmitExpired(c: Connection): void;
  ackExpired(c: Connection): void;
  keepaliveExpired(c: Connection): void;
}
