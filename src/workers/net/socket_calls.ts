// bind(2), listen(2), connect(2), shutdown(2), getsockname(2), getpeername(2), getsockopt(2), setsockopt(2).

import { EAGAIN, EALREADY, EFAULT, EINPROGRESS, EINVAL } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLOUT } from "../../shared/abi/poll.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { putFile } from "../vfs/file_table.ts";
import { addressInPiece, writeAddress } from "./addresses.ts";
import type { NetCaller } from "./caller.ts";
import { socketAt } from "./message_calls.ts";
import type { Address, SocketFile } from "./socket.ts";
import { deadlineAfter, waitForSocket } from "./waiting.ts";

const OPTION_MAX = 1024;
/** Answers of a connect that is not over. */
const UNDER_WAY: ReadonlySet<number> = new Set([-EAGAIN, -EINPROGRESS, -EALREADY]);

function* connect(task: NetCaller, socket: SocketFile, address: Address): Coroutine {
  const now = (socket.flags & O_NONBLOCK) !== 0;
  const deadline = now ? 0 : deadlineAfter(task, socket.timeouts.sendNs);
  socket.references++;
  try {
    // What a call answers that does not wait to the end.
    const first = socket.connect(task, address);
    for (let error = first; ; error = socket.connect(task, address)) {
      if (!UNDER_WAY.has(error)) return error;
      const waited = yield* waitForSocket(task, socket, POLLOUT, deadline);
      if (waited < 0) return waited === -EAGAIN ? first : waited;
    }
  } finally {
    putFile(task.kernel, socket);
  }
}

/** How much room the caller has for an address, in piece 0; or a negative errno. */
export function roomInPiece(task: NetCaller): number {
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

export const SOCKET_HANDLERS: Handlers<NetCaller> = {
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
    return socket.listen(task, Math.min(backlog >>> 0, socket.network.sysctls.get("net/core/somaxconn")));
  },

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

  setsockopt: (task, fd, level, name, address, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    if (length < 0) return -EINVAL;
    const error = socket.options.checkLevel(level);
    if (error < 0) return error;
    const long = socket.options.longOption(level, name);
    if (long !== null) return long.set(socket.options, task, address, length);
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
    const long = socket.options.longOption(level, name);
    if (long !== null) return long.get(socket.options, task, address, room, lengthAt);
    const value = socket.options.get(level, name, task, room);
    if (typeof value === "number") return value;
    const length = Math.min(room, value.length);
    if (length > 0) task.call.bytes.set(value.subarray(0, length), task.call.out(address, length));
    task.call.view.setInt32(task.call.out(lengthAt, 4), length, true);
    return 0;
  },
};
