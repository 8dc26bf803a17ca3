// Interrupted calls (ERESTART* in errno.ts): what becomes of them depends on whether a handler runs, and
// on its SA_RESTART (deliver_signal.ts).

import { ERESTART_RESTARTBLOCK, ERESTARTSYS } from "../../shared/abi/errno.ts";

/** Whether a result is one of theirs, which no guest ever sees. */
export function isRestart(result: number): boolean {
  return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

/** A wait for a private futex at the host (private_futex.ts). */
export interface HostWait {
  readonly address: number;
  readonly op: number;
  readonly value: number;
  readonly bitset: number;
  readonly time: HostTime;
}

/** On the clock that the operation says; negative: never. */
export interface HostTime {
  readonly seconds: number;
  readonly ns: number;
}

/** What an interrupted call goes on from: plain data, so that it can be saved. */
export type RestartBlock =
  | {
      readonly kind: "nanosleep";
      readonly clock: number;
      readonly deadlineNs: number;
      readonly remaining: number;
    }
  | { readonly kind: "poll"; readonly deadlineNs: number; readonly fds: number; readonly count: number }
  | {
      readonly kind: "futex";
      readonly deadlineNs: number;
      readonly address: number;
      readonly value: number;
      readonly bitset: number;
    }
  | { readonly kind: "host_futex"; readonly wait: HostWait };
