// The request that brings changes of a network namespace about, as who tells others of them knows it (notifier.ts).

import type { Change } from "../../devices/rows.ts";
import type { Receiver } from "../ports.ts";

export interface Cause {
  readonly socket: Receiver;
  readonly port: number;
  readonly sequence: number;
  /** What it asks to change: what follows from that, the kernel tells as its own. */
  readonly kind: Change["kind"];
  /** It wants to be told itself, whichever groups it is in. */
  readonly isEchoed: boolean;
}

export interface Causes {
  /** What changes while `make` runs is that request's doing. */
  because<T>(cause: Cause, make: () => T): T;
}
