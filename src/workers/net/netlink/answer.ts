// What a netlink protocol answers to a request, and who asks.

import type { MessageWriter } from "./message.ts";
import type { Receiver } from "./ports.ts";

/** What writes a message of a dump, when it is asked for; null: something was looked at that is not told. */
export type Told = ((writer: MessageWriter) => void) | null;

/**
 * A message, or a dump's, each written when it is asked for, and what the dump ends with: 0, an error, or flags (positive) of
 * its end; null: nothing.
 */
export type Answer = ((writer: MessageWriter) => void) | Iterable<Told, number | undefined> | null;

/** The socket of a request. */
export interface Asker {
  readonly socket: Receiver;
  readonly port: number;
  /** What stands in front of a dump's request counts. */
  readonly isStrict: boolean;
}
