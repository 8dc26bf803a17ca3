// The end of a PID namespace (pid_namespaces(7)): when its init has ended, all others in it, and in those below it, are
// killed; the init itself has ended for its parent as soon as they are gone (Linux's zap_pid_ns_processes). Of those
// whose parents are outside that is when these have waited for them.

import { SIGKILL } from "../../shared/abi/signal.ts";
import { INIT } from "./pids.ts";
import type { ThreadGroup } from "./thread_group.ts";

const KILLS_A_PIECE = 16;

/** Whether the end of that process is the end of its namespace, which is not the sandbox's first. */
export function isInit({ id, pids }: ThreadGroup): boolean {
  return pids.level > 0 && id.number === INIT;
}

/** Kills those in the namespace of that process, and below it, who are meant, those included who come meanwhile. */
export function killInPieces({ kernel, pids }: ThreadGroup, isMeant: (group: ThreadGroup) => boolean): void {
  const names = pids.names();
  kernel.steps.run(() => {
    for (let left = KILLS_A_PIECE; left > 0; left--) {
      const { value, done } = names.next();
      if (done === true) return true;
      if (value.group !== null && isMeant(value.group)) value.group.end(SIGKILL);
    }
    return false;
  });
}

/** `then` is called when nobody else is there. */
export function endNamespace(init: ThreadGroup, then: () => void): void {
  const { kernel, pids } = init;
  // Behind what those have to close, which goes on in steps as well.
  pids.end(() => {
    kernel.steps.run(() => {
      then();
      return true;
    });
  });
  // Those that are on their way, and are counted already, are killed when they come (clone.ts).
  killInPieces(init, (group) => group !== init);
}
