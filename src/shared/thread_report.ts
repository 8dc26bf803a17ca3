// What one kernel thread tells of itself (`ringfence debug`): how its time went, and what went through it.

import type { ThreadRole } from "./thread_plan.ts";

export interface ThreadReport {
  /** Its number, and what it is for. */
  thread: number;
  role: ThreadRole;
  /** As its PID namespace numbers it. */
  tid: number;
  /** The CPU that it was on when it was asked. */
  cpu: number;
  /** Nanoseconds since its loop began: with work, with looks that found none, and asleep. */
  workNs: number;
  spinNs: number;
  sleepNs: number;
  /** Requests that it took from slots, or that were passed to it unserved. */
  requests: number;
  /** Slots that it has given to another kernel thread, and got from one. */
  passedOut: number;
  passedIn: number;
  /** Of those given away: requests that it has not begun to serve. */
  forwards: number;
  /** Messages that wait for it now, and the most that it took at once. */
  queued: number;
  queuedMax: number;
  /** Messages of its own that have found no room. */
  unsent: number;
  sleeps: number;
  /** Doorbells of other kernel threads that it has rung. */
  doorbells: number;
  /** Turns that took too long (call/long_turns.ts), and the longest one. */
  longTurns: number;
  longestTurnMs: number;
  /** How long calls have taken (call_latencies.ts). */
  latencies: number[];
}
