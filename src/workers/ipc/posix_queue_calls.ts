// POSIX message queues (mq_overview(7)): mq_open(2), mq_unlink(2), mq_timedsend(2), mq_timedreceive(2), mq_notify(2),
// mq_getsetattr(2).

import {
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOSYS,
  EPERM,
  ERESTARTSYS,
  ETIMEDOUT,
} from "../../shared/abi/errno.ts";
import * as F from "../../shared/abi/fcntl.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import { SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD, SIGRTMAX } from "../../shared/abi/signal.ts";
import { S_IFREG } from "../../shared/abi/stat.ts";
import { mq_attr, sigevent } from "../../shared/abi/structs.ts";
import { CLOCK_REALTIME } from "../../shared/abi/time.ts";
import { WINDOW, WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { deadlineOf, NEVER, readTimespec, TIMESPEC_SIZE } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { waitUntil } from "../call/timed_wait.ts";
import { holding } from "../vfs/file_table.ts";
import { install } from "../vfs/install.ts";
import { creationIn } from "../vfs/open_file.ts";
import { isOwner, MAY_READ, MAY_WRITE, permission } from "../vfs/permission.ts";
import type { IpcCaller } from "./caller.ts";
import { type QueuedMessage, QueueWaiter } from "./posix_queue.ts";
import { QueueFile, type QueueInode, type QueueSizes } from "./queue_fs.ts";

const PRIORITIES = 32_768; // MQ_PRIO_MAX
/** Flags of mq_open that are kept. */
const KEPT = F.O_ACCMODE | F.O_NONBLOCK;
const ACCESS: ReadonlyMap<number, number> = new Map([
  [F.O_RDONLY, MAY_READ],
  [F.O_WRONLY, MAY_WRITE],
  [F.O_RDWR, MAY_READ | MAY_WRITE],
]);

// ---- Names ----

/** The name that stands in the slot, without its slash, which the C library has taken off; or a negative errno. */
function nameIn(task: IpcCaller): string | number {
  const name = task.call.inString(0);
  if (typeof name === "number") return name;
  if (name === "") return -ENOENT;
  if (name === "." || name === ".." || name.includes("/")) return -EACCES;
  return name.length > F.NAME_MAX ? -ENAMETOOLONG : name;
}

function open(task: IpcCaller, flags: number, mode: number, asked: QueueSizes | null): number {
  const name = nameIn(task);
  if (typeof name === "number") return name;
  // Nothing is made for which there is no descriptor.
  const full = task.files.checkRoom(task.limit(RLIMIT_NOFILE));
  if (full < 0) return full;
  const { root } = task.ipc.namespace.queueFs;
  const known = root.lookup(name);
  let inode: QueueInode;
  if (typeof known !== "number") {
    const refused = mayOpen(task, known, flags);
    if (refused < 0) return refused;
    inode = known;
  } else {
    if ((flags & F.O_CREAT) === 0) return known;
    const creation = creationIn(task, root, mode, false);
    if (typeof creation === "number") return creation;
    const made = root.make(name, { ...creation, mode: S_IFREG | creation.mode }, asked);
    if (typeof made === "number") return made;
    inode = made;
  }
  const file = inode.open(flags & KEPT);
  file.openedBy = task.credentials;
  file.held = inode;
  inode.hold();
  return install(task, file, true);
}

function mayOpen(task: IpcCaller, inode: QueueInode, flags: number): number {
  const exclusive = F.O_CREAT | F.O_EXCL;
  if ((flags & exclusive) === exclusive) return -EEXIST;
  const access = ACCESS.get(flags & F.O_ACCMODE);
  return access === undefined ? -EINVAL : permission(task.credentials, inode.attributes(), access);
}

// The directory is sticky, and root's.
function unlink(task: IpcCaller): number {
  const name = nameIn(task);
  if (typeof name === "number") return name;
  const { root } = task.ipc.namespace.queueFs;
  const inode = root.lookup(name);
  if (typeof inode === "number") return inode;
  if (!isOwner(task, inode.attributes()) && !isOwner(task, root.attributes())) return -EPERM;
  return root.unlink(name);
}

// ---- Messages ----

function queueAt(task: IpcCaller, fd: number): QueueFile | null {
  const file = task.files.get(fd);
  return file instanceof QueueFile ? file : null;
}

/** When a wait is to end, in nanoseconds of CLOCK_MONOTONIC: NEVER, or a negative errno. */
function deadlineIn(task: IpcCaller, timeout: number): number {
  if (timeout === 0) return NEVER;
  if (!task.call.inComplete(0, TIMESPEC_SIZE)) return -EFAULT;
  const atNs = readTimespec(task.call.view, task.call.base + WINDOW);
  return atNs < 0 ? atNs : Math.max(0, deadlineOf(task.kernel, CLOCK_REALTIME, atNs));
}

/** Waits among those who wait for the same: 0 once it is served, or a negative errno. */
function* wait(among: Set<QueueWaiter>, waiter: QueueWaiter, deadlineNs: number): Coroutine {
  among.add(waiter);
  try {
    const end = yield* waitUntil(waiter.task, deadlineNs);
    if (waiter.isServed) return 0;
    return end === "late" ? -ETIMEDOUT : -ERESTARTSYS;
  } finally {
    among.delete(waiter);
  }
}

function* send(
  task: IpcCaller,
  file: QueueFile,
  address: number,
  length: number,
  priority: number,
  deadlineNs: number,
): Coroutine {
  const { queue } = file;
  const { namespace } = queue;
  // One that waits to be sent takes as much as one in a queue.
  if (!namespace.messageComes(length)) return -ENOMEM;
  let isSent = false;
  try {
    const text = yield* readGuest(task, address, length);
    if (typeof text === "number") return text;
    const message: QueuedMessage = { priority, text };
    if (!queue.isFull) {
      queue.put(message, task);
      isSent = true;
    } else if ((file.flags & F.O_NONBLOCK) !== 0) return -EAGAIN;
    else {
      const waiter = new QueueWaiter(task, message);
      try {
        const error = yield* wait(queue.senders, waiter, deadlineNs);
        if (error < 0) return error;
      } finally {
        isSent = waiter.isServed;
      }
    }
    file.inode.touched("changed");
    return 0;
  } finally {
    if (!isSent) namespace.messageGone(length);
  }
}

function* receive(
  task: IpcCaller,
  file: QueueFile,
  address: number,
  priority: number,
  deadlineNs: number,
): Coroutine {
  const { queue } = file;
  const waiter = new QueueWaiter(task, null);
  try {
    if (!queue.isEmpty) waiter.message = queue.take();
    else if ((file.flags & F.O_NONBLOCK) !== 0) return -EAGAIN;
    else {
      const error = yield* wait(queue.receivers, waiter, deadlineNs);
      if (error < 0) return error;
    }
    file.inode.touched("read");
    const message = waiter.message!;
    return yield* deliver(task, message, address, priority);
  } finally {
    if (waiter.message !== null) queue.namespace.messageGone(waiter.message.text.length);
  }
}

/** What is taken and cannot be delivered is lost. */
function* deliver(task: IpcCaller, message: QueuedMessage, address: number, priorityAt: number): Coroutine {
  if (priorityAt !== 0) {
    const word = new Uint8Array(4);
    new DataView(word.buffer).setUint32(0, message.priority, true);
    const error = yield* writeGuest(task, priorityAt, word);
    if (error < 0) return error;
  }
  const error = yield* writeGuest(task, address, message.text);
  return error < 0 ? error : message.text.length;
}

// ---- Notification ----

function notify(task: IpcCaller, fd: number, isGiven: boolean): number {
  if (isGiven && !task.call.inComplete(0, sigevent.size)) return -EFAULT;
  const event = isGiven ? sigevent.read(task.call.view, task.call.base + WINDOW) : null;
  const refused = event === null ? 0 : refusal(task, event.sigev_notify, event.sigev_signo);
  if (refused < 0) return refused;
  const file = queueAt(task, fd);
  if (file === null) return -EBADF;
  const { queue } = file;
  const owner = task.group;
  if (event === null) {
    if (queue.notification?.owner === owner) queue.notification = null;
    return 0;
  }
  if (queue.notification !== null) return -EBUSY;
  const { sigev_notify, sigev_signo: signo, sigev_value: value } = event;
  queue.notification = { owner, pids: task.pids, table: task.files.id, notify: sigev_notify, signo, value };
  file.inode.touched("read");
  return 0;
}

function refusal(task: IpcCaller, how: number, signo: number): number {
  if (how === SIGEV_THREAD) {
    // The C library would have a thread of its own told by a netlink socket.
    task.kernel.counters.unsupportedCalls++;
    return -ENOSYS;
  }
  if (how === SIGEV_NONE) return 0;
  return how === SIGEV_SIGNAL && signo >= 0 && signo <= SIGRTMAX ? 0 : -EINVAL;
}

// ---- Attributes ----

function attributesCall(task: IpcCaller, fd: number, given: number, told: number): number {
  if (given !== 0 && !task.call.inComplete(0, mq_attr.size)) return -EFAULT;
  const next = given === 0 ? null : mq_attr.read(task.call.view, task.call.base + WINDOW).mq_flags;
  if (next !== null && next !== 0 && next !== F.O_NONBLOCK) return -EINVAL;
  const file = queueAt(task, fd);
  if (file === null) return -EBADF;
  if (told !== 0) {
    const { maxMessages, messageSize, count } = file.queue;
    mq_attr.write(task.call.view, task.call.out(told, mq_attr.size), {
      mq_flags: file.flags & F.O_NONBLOCK,
      mq_maxmsg: maxMessages,
      mq_msgsize: messageSize,
      mq_curmsgs: count,
      __reserved: [0, 0, 0, 0],
    });
  }
  if (next !== null) {
    file.flags = (file.flags & ~F.O_NONBLOCK) | next;
    file.inode.touched("read");
  }
  return 0;
}

export const POSIX_QUEUE_HANDLERS: Handlers<IpcCaller> = {
  mq_open: (task, _name, flags, mode, attributes) => {
    if (attributes === 0) return open(task, flags, mode, null);
    if (!task.call.inComplete(1, mq_attr.size)) return -EFAULT;
    const asked = mq_attr.read(task.call.view, task.call.base + WINDOW_SECOND);
    return open(task, flags, mode, { maxMessages: asked.mq_maxmsg, messageSize: asked.mq_msgsize });
  },

  mq_unlink: unlink,

  mq_timedsend: (task, fd, address, length, priority, timeout) => {
    const deadlineNs = deadlineIn(task, timeout);
    if (deadlineNs < 0) return deadlineNs;
    if (priority >>> 0 >= PRIORITIES) return -EINVAL;
    const file = queueAt(task, fd);
    if (file?.writable !== true) return -EBADF;
    if (length > file.queue.messageSize) return -EMSGSIZE;
    return task.call.start(holding(task, file, send(task, file, address, length, priority, deadlineNs)));
  },

  mq_timedreceive: (task, fd, address, length, priorityAt, timeout) => {
    const deadlineNs = deadlineIn(task, timeout);
    if (deadlineNs < 0) return deadlineNs;
    const file = queueAt(task, fd);
    if (file?.readable !== true) return -EBADF;
    if (length < file.queue.messageSize) return -EMSGSIZE;
    return task.call.start(holding(task, file, receive(task, file, address, priorityAt, deadlineNs)));
  },

  mq_notify: (task, fd, event) => notify(task, fd, event !== 0),

  mq_getsetattr: attributesCall,
};
