// What a netlink protocol answers to a request, and who asks.

import type { MessageWriter } from "./message.ts";
import type { Receiver } from "./ports.ts";

/** Messages, each written when it is asked for; null: nothing. */
export type Answer = ((writer: MessageWriter) => void) | Iterable<(writer: MessageWriter) => void> | null;

/** The socket of a request. */
export interface Asker {
  readonly socket: Receiver;
  readonly port: number;
  /** What stands in front of a dump's request counts. */
  readonly isStrict: boolean;
}
