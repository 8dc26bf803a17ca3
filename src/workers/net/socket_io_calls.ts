// read(2), write(2), their vectors and ioctl(2) of sockets, for a kernel thread that has no other files.

import { EFAULT } from "../../shared/abi/errno.ts";
import { RWF_NOWAIT } from "../../shared/abi/fcntl.ts";
import { WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Handlers } from "../call/dispatch.ts";
import { NOT_AT_ONCE } from "../vfs/file.ts";
import { type Segments, segmentOf, vectors } from "../vfs/segments.ts";
import type { NetCaller } from "./caller.ts";
import { socketAt } from "./message_calls.ts";
import type { SocketFile } from "./socket.ts";

function read(task: NetCaller, socket: SocketFile, segments: Segments | number, flags = 0): number {
  if (typeof segments === "number") return segments;
  if (segments.invalid) return -EFAULT;
  return segments.total === 0 ? 0 : socket.readCall(task, segments, (flags & RWF_NOWAIT) !== 0);
}

/** `ready` bytes stand in the window. */
function write(
  task: NetCaller,
  socket: SocketFile,
  segments: Segments | number,
  ready: number,
  flags = 0,
): number {
  if (typeof segments === "number") return segments;
  return segments.invalid ? -EFAULT : socket.writeCall(task, segments, ready, (flags & RWF_NOWAIT) !== 0);
}

export const SOCKET_IO_HANDLERS: Handlers<NetCaller> = {
  read: (task, fd, address, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const segments = segmentOf(address, length);
    if (length > 0 && length <= WINDOW_SIZE && !segments.invalid) {
      const n = socket.readAtOnce(task, address, length);
      if (n !== NOT_AT_ONCE) return n;
    }
    return read(task, socket, segments);
  },

  readv: (task, fd, _vector, count) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : read(task, socket, vectors(task, count));
  },

  write: (task, fd, address, length) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const segments = segmentOf(address, length);
    const isReady = length <= WINDOW_SIZE && task.call.inComplete(0, length);
    if (length > 0 && isReady && !segments.invalid) {
      const n = socket.writeAtOnce(task, length);
      if (n !== NOT_AT_ONCE) return n;
    }
    return write(task, socket, segments, isReady ? length : 0);
  },

  writev: (task, fd, _vector, count) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const segments = vectors(task, count);
    return typeof segments !== "number" && segments.total === 0 ? 0 : write(task, socket, segments, 0);
  },

  // Thread 0 has looked at position and flags.
  preadv2: (task, fd, _vector, count, _position, _high, flags) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : read(task, socket, vectors(task, count), flags);
  },

  pwritev2: (task, fd, _vector, count, _position, _high, flags) => {
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const segments = vectors(task, count);
    return typeof segments !== "number" && segments.total === 0 ? 0 : write(task, socket, segments, 0, flags);
  },

  ioctl: (task, fd, request, argument) => {
    const socket = socketAt(task, fd);
    return typeof socket === "number" ? socket : socket.ioctl(task, request >>> 0, argument);
  },
};
