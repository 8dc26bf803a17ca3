// Who may look into a thread (ptrace(2), "Ptrace access mode checking"): what /proc/PID's protected files and the
// calls that reach into other processes ask. What counts is that thread's credentials, not its process's first one's.

import { EACCES } from "../../shared/abi/errno.ts";
import { CAP_SYS_PTRACE } from "../../shared/abi/prctl.ts";
import { type Credentials, capable, coversCapabilities } from "../credentials/credentials.ts";
import type { Task } from "./task.ts";

/**
 * 0, or -EACCES (PTRACE_MODE_READ): by the file system ids and what capabilities are in effect, or as `byRealIds`
 * (PTRACE_MODE_REALCREDS) by the real ids and what capabilities are permitted. What is not dumpable, and what
 * has capabilities that the caller lacks or is in another user namespace, is the mighty's alone.
 */
export function mayInspect(credentials: Credentials, target: Task, byRealIds = false): number {
  const { kernel, group, credentials: own } = target;
  if (kernel.current?.group === group) return 0;
  const { space } = target.stub;
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
export function mayCurrentInspect(target: Task): number {
  const { current, rootCredentials } = target.kernel;
  return mayInspect(current?.credentials ?? rootCredentials, target);
}
