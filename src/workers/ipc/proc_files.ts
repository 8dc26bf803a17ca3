// /proc/sysvipc: the objects of the reader's IPC namespace, one a line (proc(5)).

import type { PidNumbers } from "../call/pid.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { IpcContext } from "./context.ts";
import type { MessageQueue } from "./message_queue.ts";
import type { IpcNamespace } from "./namespace.ts";
import type { Segment } from "./segment.ts";
import type { SemaphoreSet } from "./semaphore_set.ts";

const SHM_HEADER =
  "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n";
const SEM_HEADER = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
const MSG_HEADER =
  "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n";
const ID_WIDTH = 5;
const TIME_WIDTH = 10;
const SIZE_WIDTH = 21;

const right = (value: number | string, width: number) => String(value).padStart(width);
const ids = (...values: number[]) => values.map((value) => right(value, ID_WIDTH)).join(" ");
const times = (...values: number[]) => values.map((value) => right(value, TIME_WIDTH)).join(" ");

interface Permissions {
  readonly key: number;
  readonly id: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
}

/** The columns that all kinds begin with. */
function head({ key, id, mode }: Permissions): string {
  return `${right(key, 10)} ${right(id, 10)}  ${right(mode.toString(8), 4)}`;
}

const owners = ({ uid, gid, cuid, cgid }: Permissions, { uids, gids }: UserNamespace) =>
  ids(uids.told(uid), gids.told(gid), uids.told(cuid), gids.told(cgid));

function segmentLine(segment: Segment, shown: Shown, users: UserNamespace): string {
  const { permissions, size, creator, lastUser, attaches, attachTime, detachTime, changeTime } = segment;
  const parts = [
    head(permissions),
    right(size, SIZE_WIDTH),
    ids(shown(creator), shown(lastUser)),
    right(attaches, ID_WIDTH + 1),
    owners(permissions, users),
    times(attachTime, detachTime, changeTime),
    right(segment.resident, SIZE_WIDTH),
    right(0, SIZE_WIDTH),
  ];
  return `${parts.join(" ")}\n`;
}

/** The number that a process has for the reader; 0: none. */
type Shown = (process: PidNumbers | null) => number;

interface Lines {
  readonly records: () => Iterator<string>;
}

/** The contents of a file that shows the namespace that it was opened in. */
function lines<T>(
  kernel: IpcContext,
  header: string,
  objects: (namespace: IpcNamespace) => Iterable<T>,
  line: (object: T, shown: Shown, users: UserNamespace) => string,
): Lines {
  const namespace = namespaceOfReader(kernel);
  const { pids } = kernel.current ?? kernel;
  const users = kernel.current?.credentials.userNamespace ?? kernel.users;
  const shown: Shown = (process) => process?.in(pids) ?? 0;
  return {
    *records() {
      yield header;
      for (const object of objects(namespace)) yield line(object, shown, users);
    },
  };
}

/** The reader's namespace; the first one for who is not in the sandbox. */
export function namespaceOfReader(kernel: IpcContext): IpcNamespace {
  return kernel.current?.ipc.namespace ?? kernel.ipc;
}

function setLine(set: SemaphoreSet, _shown: Shown, users: UserNamespace): string {
  const { permissions, count, operationTime, changeTime } = set;
  const owner = owners(permissions, users);
  const parts = [head(permissions), right(count, 10), owner, times(operationTime, changeTime)];
  return `${parts.join(" ")}\n`;
}

function queueLine(queue: MessageQueue, shown: Shown, users: UserNamespace): string {
  const { permissions, bytes, count, lastSender, lastReceiver } = queue;
  const parts = [
    `${head(permissions)} `,
    right(bytes, 10),
    right(count, 10),
    ids(shown(lastSender), shown(lastReceiver)),
    owners(permissions, users),
    times(queue.sendTime, queue.receiveTime, queue.changeTime),
  ];
  return `${parts.join(" ")}\n`;
}

export const sysvipcShm = (kernel: IpcContext) =>
  lines(kernel, SHM_HEADER, ({ segments }) => segments.all(), segmentLine);

export const sysvipcSem = (kernel: IpcContext) =>
  lines(kernel, SEM_HEADER, ({ sets }) => sets.all(), setLine);

export const sysvipcMsg = (kernel: IpcContext) =>
  lines(kernel, MSG_HEADER, ({ queues }) => queues.all(), queueLine);
