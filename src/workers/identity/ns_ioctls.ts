// Requests to files of namespaces (ioctl_ns(2), ioctl_nsfs(2)): of which kind one is, what is above it, who owns it, and
// numbers of a PID namespace for others.

import { EINVAL, EPERM, ESRCH } from "../../shared/abi/errno.ts";
import { O_RDONLY } from "../../shared/abi/fcntl.ts";
import * as IO from "../../shared/abi/ioctl.ts";
import { UserNamespace } from "../credentials/user_namespace.ts";
import { type Pid, PidNamespace } from "../process/pids.ts";
import type { Task } from "../process/task.ts";
import type { OpenFile } from "../vfs/file.ts";
import { install } from "../vfs/install.ts";
import { attach } from "../vfs/open_file.ts";
import { type NamespaceKind, USER } from "./namespaces.ts";

/** A file of a namespace. */
interface OfNamespace {
  readonly namespaceKind: NamespaceKind;
  readonly namespace: object;
}

/** A descriptor of a namespace, or a negative errno. */
function give(task: Task, kind: NamespaceKind, namespace: object | number): number {
  if (typeof namespace === "number") return namespace;
  const path = task.kernel.namespaceFiles.pathOf(kind, namespace);
  const file = path.inode.open(O_RDONLY, task.credentials) as OpenFile | number;
  return typeof file === "number" ? file : install(task, attach(task, file, path), true);
}

/** The process or thread of a number in one PID namespace, as the other numbers it. */
function translate(task: Task, space: object, request: number, number: number): number {
  if (!(space instanceof PidNamespace)) return -EINVAL;
  const isFrom = request === IO.NS_GET_PID_FROM_PIDNS || request === IO.NS_GET_TGID_FROM_PIDNS;
  const [from, to] = isFrom ? [space, task.pids] : [task.pids, space];
  const found = from.task(number) ?? from.group(number)?.leader;
  if (found === undefined) return -ESRCH;
  const ofProcess = request === IO.NS_GET_TGID_FROM_PIDNS || request === IO.NS_GET_TGID_IN_PIDNS;
  const id: Pid = ofProcess ? found.group.id : found.id;
  return id.in(to) || -ESRCH;
}

/** The result of such a request; null: it is another one. */
export function namespaceIoctl(
  task: Task,
  { namespaceKind: kind, namespace }: OfNamespace,
  request: number,
  argument: number,
): number | null {
  switch (request) {
    case IO.NS_GET_NSTYPE:
      return kind.type;
    case IO.NS_GET_PARENT:
      return kind.parent === undefined ? -EINVAL : give(task, kind, kind.parent(task, namespace));
    case IO.NS_GET_USERNS: {
      const owner = kind.owner(task, namespace);
      const own = task.credentials.userNamespace;
      return owner?.isWithin(own) === true ? give(task, USER, owner) : -EPERM;
    }
    case IO.NS_GET_OWNER_UID: {
      if (!(namespace instanceof UserNamespace)) return -EINVAL;
      const told = task.credentials.userNamespace.uids.told(namespace.owner.uid);
      task.call.view.setUint32(task.call.out(argument, 4), told, true);
      return 0;
    }
    case IO.NS_GET_PID_FROM_PIDNS:
    case IO.NS_GET_TGID_FROM_PIDNS:
    case IO.NS_GET_PID_IN_PIDNS:
    case IO.NS_GET_TGID_IN_PIDNS:
      return translate(task, namespace, request, argument | 0);
    default:
      return null;
  }
}
