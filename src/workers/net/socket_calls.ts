// socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), getsockname(2),
// getpeername(2), getsockopt(2), setsockopt(2).

import { EAFNOSUPPORT, EAGAIN, EBADF, EFAULT, EINVAL, EOPNOTSUPP } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLIN, POLLOUT } from "../../shared/abi/poll.ts";
import * as S from "../../shared/abi/socket.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { putFile } from "../vfs/file_table.ts";
import { install, installPair } from "../vfs/install.ts";
import { addressInPiece, writeAddress } from "./addresses.ts";
import type { NetCaller } from "./caller.ts";
import { FAMILIES, type FamilyCaller } from "./families.ts";
import type { Family } from "./family.ts";
import { socketAt } from "./message_calls.ts";
import type { Address, SocketFile } from "./socket.ts";
import { deadlineAfter, waitForSocket } from "./waiting.ts";

const TYPE_MASK = 0xf;
const TYPE_MAX = 11;
const FAMILY_MAX = 46;
const OPTION_MAX = 1024;

/** The family that is asked for, if a socket of the type may be; or a negative errno. */
function familyOf(task: FamilyCaller, domain: number, type: number): Family<FamilyCaller> | number {
  if ((type & ~(TYPE_MASK | S.SOCK_NONBLOCK | S.SOCK_CLOEXEC)) !== 0) return -EINVAL;
  if (domain < 0 || domain >= FAMILY_MAX) return -EAFNOSUPPORT;
  if ((type & TYPE_MASK) >= TYPE_MAX) return -EINVAL;
  const family = FAMILIES.get(domain);
  if (family !== undefined) return family;
  task.kernel.counters.unsupportedCalls++;
  return -EAFNOSUPPORT;
}

function statusOf(type: number): number {
  return (type & S.SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0;
}

function* connect(task: NetCaller, socket: SocketFile, address: Address): Coroutine {
  const now = (socket.flags & O_NONBLOCK) !== 0;
  const deadline = now ? 0 : deadlineAfter(task, socket.sendTimeoutNs);
  socket.references++;
  try {
    for (;;) {
      const error = socket.connect(task, address);
      if (error !== -EAGAIN) return error;
      const waited = yield* waitForSocket(task, socket, POLLOUT, deadline);
      if (waited < 0) return waited;
    }
  } finally {
    putFile(task.kernel, socket);
  }
}

function* accept(
  task: FamilyCaller,
  socket: SocketFile,
  flags: number,
  address: number,
  room: number,
  roomAt: number,
): Coroutine {
  const now = (socket.flags & O_NONBLOCK) !== 0;
  const deadline = now ? 0 : deadlineAfter(task, socket.receiveTimeoutNs);
  const status = (flags & S.SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0;
  for (;;) {
    const made = socket.accept(task, status);
    if (typeof made !== "number") {
      const fd = install(task, made, (flags & S.SOCK_CLOEXEC) !== 0);
      if (fd < 0 || address === 0) return fd;
      if (room < 0) {
        task.files.close(fd);
        return room;
      }
      const name = made.peerName();
      writeAddress(task, typeof name === "number" ? "" : name, address, room, roomAt);
      task.call.outFault = () => {
        task.files.close(fd);
        return -EFAULT;
      };
      return fd;
    }
    if (made !== -EAGAIN) return made;
    const waited = yield* waitForSocket(task, socket, POLLIN, deadline);
    if (waited < 0) return waited;
  }
}

function startAccept(task: FamilyCaller, fd: number, address: number, roomAt: number, flags: number): number {
  const socket = socketAt(task, fd);
  if (socket === -EBADF) return socket;
  if ((flags & ~(S.SOCK_NONBLOCK | S.SOCK_CLOEXEC)) !== 0) return -EINVAL;
  if (typeof socket === "number") return socket;
  const room = address === 0 ? 0 : roomInPiece(task);
  return task.call.start(accept(task, socket, flags, address, room, roomAt));
}

/** How much room the caller has for an address, in piece 0; or a negative errno. */
function roomInPiece(task: NetCaller): number {
  if (!task.call.inComplete(0, 4)) return -EFAULT;
  const room = task.call.view.getInt32(task.call.base + WINDOW, true);
  return room < 0 ? -EINVAL : room;
}

function tellName(task: NetCaller, name: Address | number, address: number, roomAt: number): number {
  if (typeof name === "number") return name;
  const room = roomInPiece(task);
  if (room < 0) return room;
  // Unlike elsewhere a null pointer is not "nowhere".
  if (address === 0 && room > 0) return -EFAULT;
  writeAddress(task, name, address, room, roomAt);
  return 0;
}

export const SOCKET_HANDLERS: Handlers<FamilyCaller> = {
  socket: (task, domain, type, protocol) => {
    const family = familyOf(task, domain, type);
    if (typeof family === "number") return family;
    const socket = family.create(task, type & TYPE_MASK, protocol, statusOf(type));
    return typeof socket === "number" ? socket : install(task, socket, (type & S.SOCK_CLOEXEC) !== 0);
  },

  socketpair: (task, domain, type, protocol, address) => {
    // Families without pairs exist all the same.
    if (domain === S.AF_INET || domain === S.AF_INET6) return -EOPNOTSUPP;
    const family = familyOf(task, domain, type);
    if (typeof family === "number") return family;
    const pair = family.createPair(task, type & TYPE_MASK, protocol, statusOf(type));
    if (typeof pair === "number") return pair;
    return installPair(task, address, pair[0], pair[1], (type & S.SOCK_CLOEXEC) !== 0);
  },

  bind: (task, fd, _address, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const address = addressInPiece(task, 0, WINDOW, length);
    return typeof address === "number" ? address : socket.bind(task, address);
  },

  connect: (task, fd, _address, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const address = addressInPiece(task, 0, WINDOW, length);
    return typeof address === "number" ? address : task.call.start(connect(task, socket, address));
  },

  listen: (task, fd, backlog) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    return socket.listen(task, Math.min(backlog >>> 0, task.kernel.sysctls.get("net/core/somaxconn")));
  },

  accept: (task, fd, address, roomAt) => startAccept(task, fd, address, roomAt, 0),
  accept4: (task, fd, address, roomAt, flags) => startAccept(task, fd, address, roomAt, flags),

  shutdown: (task, fd, how) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : socket.shutdown(how);
  },

  getsockname: (task, fd, address, roomAt) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : tellName(task, socket.name(), address, roomAt);
  },

  getpeername: (task, fd, address, roomAt) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : tellName(task, socket.peerName(), address, roomAt);
  },

  setsockopt: (task, fd, level, name, _value, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    if (length < 0) return -EINVAL;
    const error = socket.options.checkLevel(level);
    if (error < 0) return error;
    const size = Math.min(length, OPTION_MAX);
    if (!task.call.inComplete(0, size)) return -EFAULT;
    const value = Buffer.from(
      task.call.bytes.subarray(task.call.base + WINDOW, task.call.base + WINDOW + size),
    );
    return socket.options.set(level, name, value, task);
  },

  getsockopt: (task, fd, level, name, address, lengthAt) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const error = socket.options.checkLevel(level);
    if (error < 0) return error;
    const room = roomInPiece(task);
    if (room < 0) return room;
    const value = socket.options.get(level, name, task, room);
    if (typeof value === "number") return value;
    const length = Math.min(room, value.length);
    if (length > 0) task.call.bytes.set(value.subarray(0, length), task.call.out(address, length));
    task.call.view.setInt32(task.call.out(lengthAt, 4), length, true);
    return 0;
  },
};
