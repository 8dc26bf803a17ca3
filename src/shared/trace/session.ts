// A trace session as the main thread hands it to the kernel, checked (src/main/trace/read_session.ts), and what the kernel
// tells of those that there are.

import type { ContextField } from "./points.ts";

export interface WantedPoint {
  /** A point's name, or syscall/NAME, syscall/NUMBER, syscall/all, with /enter or /exit behind it where one of them is wanted. */
  name: string;
  /** Fields of its own that are wanted; absent: all that are not optional. */
  fields?: string[];
}

/** What an event has to be to be told; absent: that does not matter. Of each, one of the list is enough. */
export interface TraceFilter {
  /** Ids of containers. */
  containers?: string[];
  /** Names of threads, as byte strings. */
  comms?: string[];
  /** Beginnings of paths, as byte strings: events without a path are not told then. */
  paths?: string[];
  /** Real or effective user ids. */
  uids?: number[];
  /** Only calls that fail, and ends by a signal or with another code than 0. */
  failures?: boolean;
}

export interface TraceSink {
  /** packets: a SOCK_SEQPACKET socket; lines: JSON lines to a file, pipe, terminal or stream socket. */
  type: "packets" | "lines";
  /** Events that may wait for their reader. */
  queue: number;
  /** What becomes of a packet sink whose reader has gone. */
  onGone: "drop" | "reconnect";
  /** Milliseconds until the first try to reach it again, and the longest between two. */
  backoffMs: [first: number, most: number];
  /** How it is called in lists. */
  label: string;
}

export interface TraceSession {
  name: string;
  points: WantedPoint[];
  /** Absent: all. */
  context?: ContextField[];
  filter: TraceFilter;
  sinks: TraceSink[];
}

/** A session and the descriptors of its sinks, which are the kernel's to close from then on. */
export interface TraceRequest {
  session: TraceSession;
  /** One for each sink; -1: a packet sink that nobody has reached yet. */
  descriptors: number[];
  /** SOCK_SEQPACKET to what reaches a reader anew; -1: nobody does. */
  connector: number;
}

export interface TraceCommand {
  create?: TraceRequest;
  /** The name of a session. */
  remove?: string;
}

export interface TraceSinkReport {
  label: string;
  state: "greeting" | "open" | "away" | "ended";
  sent: number;
  lost: number;
  waiting: number;
}

export interface TraceReport {
  name: string;
  points: string[];
  events: number;
  sinks: TraceSinkReport[];
}

/** What a sandbox has at once. */
export const SESSIONS_MAX = 8;
export const SINKS_MAX = 4;
export const POINTS_MAX = 128;
export const FILTER_MAX = 64;
export const QUEUE_USUAL = 4096;
export const QUEUE_MAX = 65_536;
