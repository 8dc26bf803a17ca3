// Who may look into a process (ptrace(2), "Ptrace access mode checking"): what /proc/PID's protected files
// and the calls that reach into other processes ask.

import { EACCES } from "../../shared/abi/errno.ts";
import { CAP_SYS_PTRACE } from "../../shared/abi/prctl.ts";
import { type Credentials, capable, coversCapabilities } from "../credentials/credentials.ts";
import type { ThreadGroup } from "./thread_group.ts";

/**
 * 0, or -EACCES (PTRACE_MODE_READ): by the file system ids and what capabilities are in effect, or as `byRealIds`
 * (PTRACE_MODE_REALCREDS) by the real ids and what capabilities are permitted. What is not dumpable, and what
 * has capabilities that the caller lacks or is in another user namespace, is the mighty's alone.
 */
export function mayInspect(credentials: Credentials, target: ThreadGroup, byRealIds = false): number {
  const { kernel, leader } = target;
  if (kernel.current?.group === target) return 0;
  const own = leader.credentials;
  const { space } = leader.stub;
  const isMighty = capable(credentials, own.userNamespace, CAP_SYS_PTRACE);
  if (space.dumpable !== 1 && !capable(credentials, space.owner, CAP_SYS_PTRACE)) return -EACCES;
  if (isMighty) return 0;
  const { uid, gid, fsuid, fsgid } = credentials;
  const [asUser, asGroup] = byRealIds ? [uid, gid] : [fsuid, fsgid];
  const sameUser = [own.uid, own.euid, own.suid].every((id) => id === asUser);
  const sameGroup = [own.gid, own.egid, own.sgid].every((id) => id === asGroup);
  const covers =
    credentials.userNamespace === own.userNamespace && coversCapabilities(credentials, own, !byRealIds);
  return sameUser && sameGroup && covers ? 0 : -EACCES;
}

/** As mayInspect, for whoever asks right now. */
export function mayCurrentInspect(target: ThreadGroup): number {
  const { current, rootCredentials } = target.kernel;
  return mayInspect(current?.credentials ?? rootCredentials, target);
}
