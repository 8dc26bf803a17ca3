// Who may look into a process (ptrace(2), "Ptrace access mode checking"): what /proc/PID's protected files
// and the calls that reach into other processes ask.

import { EACCES } from "../../shared/abi/errno.ts";
import { CAP_SYS_PTRACE } from "../../shared/abi/prctl.ts";
import { type Credentials, capable } from "./credentials.ts";
import type { ThreadGroup } from "./thread_group.ts";

/** 0, or -EACCES: PTRACE_MODE_READ with the file system ids. What is not dumpable is the mighty's alone. */
export function mayInspect(credentials: Credentials, target: ThreadGroup): number {
  const { kernel, leader } = target;
  if (kernel.current?.group === target) return 0;
  if (capable(credentials, kernel.users, CAP_SYS_PTRACE)) return 0;
  const own = leader.credentials;
  const { fsuid, fsgid } = credentials;
  const sameUser = [own.uid, own.euid, own.suid].every((uid) => uid === fsuid);
  const sameGroup = [own.gid, own.egid, own.sgid].every((gid) => gid === fsgid);
  return sameUser && sameGroup && leader.stub.space.dumpable === 1 ? 0 : -EACCES;
}

/** As mayInspect, for whoever asks right now. */
export function mayCurrentInspect(target: ThreadGroup): number {
  const { current, rootCredentials } = target.kernel;
  return mayInspect(current?.credentials ?? rootCredentials, target);
}
