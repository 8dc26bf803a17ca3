// Network namespaces by the names that tasks have for them: their descriptors, and numbers of processes.

import { EBADF, EINVAL, ESRCH } from "../../shared/abi/errno.ts";
import { BY_FD, type NamingTask, type NetworkName } from "../net/named_networks.ts";
import { Network } from "../net/network.ts";
import type { SupervisorContext } from "../process/context.ts";
import { NamespaceFile } from "./ns_fs.ts";

/** The one that a task names, or a negative errno (get_net_ns_by_fd and get_net_ns_by_pid of Linux). */
export function networkNamed(
  kernel: SupervisorContext,
  { slot, firstTid }: NamingTask,
  { by, value }: NetworkName,
): Network | number {
  const task = kernel.taskAt[slot];
  if (task === undefined || task.firstTid !== firstTid || task.isEnding) return -ESRCH;
  if (by === BY_FD) {
    const file = task.files.get(value);
    if (file === undefined) return -EBADF;
    return file instanceof NamespaceFile && file.namespace instanceof Network ? file.namespace : -EINVAL;
  }
  const named = task.pids.task(value);
  return named === undefined || named.isEnding ? -ESRCH : named.network;
}
