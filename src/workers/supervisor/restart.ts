// Results of interrupted calls that no guest ever sees (linux/errno.h): what becomes of them depends
// on whether a handler runs, and on its SA_RESTART (deliver_signal.ts).

/** Restart if the handler has SA_RESTART, or if none runs. */
export const ERESTARTSYS = 512;
/** Restart always. */
export const ERESTARTNOINTR = 513;
/** Restart only if no handler runs. */
export const ERESTARTNOHAND = 514;
/** As ERESTARTNOHAND, by restart_syscall(2), which goes on from the task's restart block. */
export const ERESTART_RESTARTBLOCK = 516;

export function isRestart(result: number): boolean {
  return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

/** What an interrupted call goes on from: plain data, so that it can be saved. */
export type RestartBlock =
  | { readonly kind: "nanosleep"; readonly deadlineNs: number; readonly remaining: number }
  | { readonly kind: "poll"; readonly deadlineNs: number; readonly fds: number; readonly count: number }
  | {
      readonly kind: "futex";
      readonly deadlineNs: number;
      readonly address: number;
      readonly value: number;
      readonly flags: number;
      readonly bitset: number;
    };
