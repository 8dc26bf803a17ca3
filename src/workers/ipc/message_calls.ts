// msgget(2), msgsnd(2), msgrcv(2) and msgctl(2).

import {
  E2BIG,
  EAGAIN,
  EINVAL,
  ENOMEM,
  ENOMSG,
  ENOSPC,
  EPERM,
  ERESTARTNOHAND,
} from "../../shared/abi/errno.ts";
import * as I from "../../shared/abi/ipc.ts";
import { CAP_SYS_RESOURCE } from "../../shared/abi/prctl.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import { msginfo, msqid64_ds } from "../../shared/abi/structs.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import { capable } from "../credentials/credentials.ts";
import type { IpcCaller } from "./caller.ts";
import { Message, MessageQueue, PENDING, Receiver, Sender, type Wanted } from "./message_queue.ts";
import { IpcPermissions, mayControl, mayUse, S_IRUGO, S_IWUGO } from "./permissions.ts";

const TYPE_SIZE = 8;
const MSGMNI = 32000;
const MSGMNB = 16384;
const MSGSSZ = 16;
const MSGSEG = 0xffff;

function makeQueue(task: IpcCaller, key: number, flags: number): MessageQueue | number {
  const { namespace } = task.ipc;
  if (!namespace.queues.hasRoom(namespace.limits.msgmni)) return -ENOSPC;
  return new MessageQueue(namespace, new IpcPermissions(key, flags, task.credentials));
}

// ---- msgsnd ----

function* send(task: IpcCaller, id: number, address: number, length: number, flags: number): Coroutine {
  const { namespace } = task.ipc;
  // The type is read before the length is looked at.
  const given = yield* readGuest(task, address, TYPE_SIZE);
  if (typeof given === "number") return given;
  const type = readI64(new DataView(given.buffer, given.byteOffset, TYPE_SIZE), 0);
  if (length > namespace.limits.msgmax || id < 0 || type < 1) return -EINVAL;
  // One that waits to be sent takes as much as one in a queue.
  if (!namespace.messageComes(length)) return -ENOMEM;
  let isQueued = false;
  try {
    const text = yield* readGuest(task, address + TYPE_SIZE, length);
    if (typeof text === "number") return text;
    const message = new Message(type, text);
    const queue = yield* roomIn(task, id, length, flags);
    if (typeof queue === "number") return queue;
    queue.lastSender = task.process;
    queue.sendTime = namespace.now();
    isQueued = !queue.handOver(message);
    if (isQueued) queue.add(message);
    return 0;
  } finally {
    if (!isQueued) namespace.messageGone(length);
  }
}

/** Waits until a message fits into the queue: that, or a negative errno. */
function* roomIn(
  task: IpcCaller,
  id: number,
  length: number,
  flags: number,
): Generator<void, MessageQueue | number, void> {
  for (;;) {
    const queue = task.ipc.namespace.queues.find(id);
    if (typeof queue === "number") return queue;
    const refused = mayUse(task, queue.permissions, S_IWUGO);
    if (refused < 0) return refused;
    if (queue.fits(length)) return queue;
    if ((flags & I.IPC_NOWAIT) !== 0) return -EAGAIN;
    const sender = new Sender(task, length);
    queue.senders.add(sender);
    try {
      task.call.waiter = { cancel: () => {} };
      yield* task.call.wait();
    } finally {
      queue.senders.delete(sender);
    }
    if (sender.result === PENDING) return -ERESTARTNOHAND;
    if (sender.result !== -EAGAIN) return sender.result;
  }
}

// ---- msgrcv ----

function wantedBy(type: number, flags: number): Wanted {
  if (type === 0) return { kind: "first", type: 0 };
  // -LONG_MIN has no positive form.
  if (type < 0) return { kind: "least", type: Math.min(-type, Number.MAX_SAFE_INTEGER) };
  return { kind: (flags & I.MSG_EXCEPT) !== 0 ? "except" : "type", type };
}

function* receive(
  task: IpcCaller,
  id: number,
  address: number,
  room: number,
  type: number,
  flags: number,
): Coroutine {
  const copies = (flags & I.MSG_COPY) !== 0;
  const truncates = (flags & I.MSG_NOERROR) !== 0;
  const wanted = wantedBy(type, flags);
  for (;;) {
    const queue = task.ipc.namespace.queues.find(id);
    if (typeof queue === "number") return queue;
    const refused = mayUse(task, queue.permissions, S_IRUGO);
    if (refused < 0) return refused;
    const message = copies ? queue.at(type) : queue.find(wanted);
    if (message !== null) {
      if (message.text.length > room && !truncates) return -E2BIG;
      if (!copies) {
        queue.take(message);
        queue.lastReceiver = task.process;
        queue.receiveTime = queue.namespace.now();
        queue.wakeSenders();
      }
      return yield* copyOut(task, address, message, room);
    }
    if ((flags & I.IPC_NOWAIT) !== 0) return -ENOMSG;
    const receiver = new Receiver(task, wanted, room, truncates);
    queue.receivers.add(receiver);
    try {
      task.call.waiter = { cancel: () => {} };
      yield* task.call.wait();
    } finally {
      queue.receivers.delete(receiver);
    }
    const { result } = receiver;
    if (result instanceof Message) return yield* copyOut(task, address, result, room);
    if (result === PENDING) return -ERESTARTNOHAND;
    if (result !== -EAGAIN) return result;
  }
}

// A message whose receiver has no room where it says is lost, as on Linux.
function* copyOut(task: IpcCaller, address: number, { type, text }: Message, room: number): Coroutine {
  const length = Math.min(text.length, room);
  const bytes = new Uint8Array(TYPE_SIZE + length);
  write64(new DataView(bytes.buffer), 0, type);
  bytes.set(text.subarray(0, length), TYPE_SIZE);
  const error = yield* writeGuest(task, address, bytes);
  return error < 0 ? error : length;
}

// ---- msgctl ----

function put(task: IpcCaller, address: number, bytes: Uint8Array, result: number): number {
  task.call.bytes.set(bytes, task.call.out(address, bytes.length));
  return result;
}

function information(task: IpcCaller, command: number, buffer: number): number {
  const { limits, queues, messages, messageBytes } = task.ipc.namespace;
  const { msgmax, msgmnb, msgmni } = limits;
  const isUsage = command === I.MSG_INFO;
  const bytes = msginfo.encode({
    msgpool: isUsage ? queues.size : (MSGMNI * MSGMNB) / 1024,
    msgmap: isUsage ? messages : MSGMNB,
    msgmax,
    msgmnb,
    msgmni,
    msgssz: MSGSSZ,
    msgtql: isUsage ? messageBytes : MSGMNB,
    msgseg: MSGSEG,
  });
  return put(task, buffer, bytes, queues.highestIndex);
}

function status(task: IpcCaller, command: number, id: number, buffer: number): number {
  const { queues } = task.ipc.namespace;
  const queue = command === I.IPC_STAT ? queues.find(id) : queues.atIndexOf(id);
  if (typeof queue === "number") return queue;
  const { permissions } = queue;
  const refused = command === I.MSG_STAT_ANY ? 0 : mayUse(task, permissions, S_IRUGO);
  if (refused < 0) return refused;
  const bytes = msqid64_ds.encode({
    msg_perm: permissions.toStruct(task.credentials.userNamespace),
    msg_stime: queue.sendTime,
    msg_rtime: queue.receiveTime,
    msg_ctime: queue.changeTime,
    msg_cbytes: queue.bytes,
    msg_qnum: queue.count,
    msg_qbytes: queue.room,
    msg_lspid: queue.lastSender?.in(task.pids) ?? 0,
    msg_lrpid: queue.lastReceiver?.in(task.pids) ?? 0,
  });
  return put(task, buffer, bytes, command === I.IPC_STAT ? 0 : permissions.id);
}

function controlled(task: IpcCaller, id: number): MessageQueue | number {
  const queue = task.ipc.namespace.queues.find(id);
  if (typeof queue === "number") return queue;
  const refused = mayControl(task, queue.permissions);
  return refused < 0 ? refused : queue;
}

function* set(task: IpcCaller, id: number, buffer: number): Coroutine {
  const given = yield* readGuest(task, buffer, msqid64_ds.size);
  if (typeof given === "number") return given;
  const queue = controlled(task, id);
  if (typeof queue === "number") return queue;
  const { msg_perm, msg_qbytes } = msqid64_ds.decode(given);
  const isMore = msg_qbytes > queue.namespace.limits.msgmnb;
  if (isMore && !capable(task.credentials, task.kernel.users.initial, CAP_SYS_RESOURCE)) return -EPERM;
  const error = queue.permissions.update(task.credentials.userNamespace, msg_perm);
  if (error < 0) return error;
  queue.room = msg_qbytes;
  queue.changeTime = queue.namespace.now();
  // Who waits may have lost its right to, or have room now.
  queue.tellAll(-EAGAIN);
  return 0;
}

function remove(task: IpcCaller, id: number): number {
  const queue = controlled(task, id);
  if (typeof queue === "number") return queue;
  queue.namespace.removeQueue(queue);
  return 0;
}

export const MESSAGE_HANDLERS: Handlers<IpcCaller> = {
  msgget: (task, key, flags) =>
    task.ipc.namespace.queues.get(
      task,
      key,
      flags,
      () => makeQueue(task, key, flags),
      () => true,
    ),

  msgsnd: (task, id, message, length, flags) => task.call.start(send(task, id, message, length, flags)),

  msgrcv: (task, id, message, room, type, flags) => {
    if (id < 0 || room >= 2 ** 63) return -EINVAL;
    const mayCopy = (flags & I.MSG_EXCEPT) === 0 && (flags & I.IPC_NOWAIT) !== 0;
    if ((flags & I.MSG_COPY) !== 0 && !mayCopy) return -EINVAL;
    return task.call.start(receive(task, id, message, room, type, flags));
  },

  msgctl: (task, id, command, buffer) => {
    if (id < 0 || command < 0) return -EINVAL;
    switch (command) {
      case I.IPC_INFO:
      case I.MSG_INFO:
        return information(task, command, buffer);
      case I.IPC_STAT:
      case I.MSG_STAT:
      case I.MSG_STAT_ANY:
        return status(task, command, id, buffer);
      case I.IPC_SET:
        return task.call.start(set(task, id, buffer));
      case I.IPC_RMID:
        return remove(task, id);
      default:
        return -EINVAL;
    }
  },
};
