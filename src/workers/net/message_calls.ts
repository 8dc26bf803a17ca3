// send(2), recv(2) and their relatives: from the forms of their arguments to transfer.ts.

import { EBADF, EFAULT, EINVAL, EMSGSIZE, ENOBUFS, ENOTSOCK } from "../../shared/abi/errno.ts";
import { IOV_MAX, O_PATH } from "../../shared/abi/fcntl.ts";
import * as S from "../../shared/abi/socket.ts";
import type { ValueOf } from "../../shared/abi/struct.ts";
import { iovec, mmsghdr, msghdr } from "../../shared/abi/structs.ts";
import { WINDOW, WINDOW_SECOND } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { NEVER, readTimespec, TIMESPEC_SIZE } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest } from "../call/guest_copy.ts";
import { isGuestRange } from "../call/guest_range.ts";
import { NOT_AT_ONCE } from "../vfs/file.ts";
import { Segments, segmentsOf } from "../vfs/segments.ts";
import { addressInPiece, addressOf } from "./addresses.ts";
import type { NetCaller } from "./caller.ts";
import type { Ancillary } from "./control.ts";
import { SocketFile } from "./socket.ts";
import { StandIn } from "./stand_in.ts";
import { NO_PLACES, type Places, receiveCall, receiveInto, Source, sendCall, sendFrom } from "./transfer.ts";

const ADDRESS_MAX = 128;
/** Bytes of control messages that a call may bring (net.core.optmem_max). */
const CONTROL_IN_MAX = 131072;
/** The stub has copied so much of a buffer that shares the window with an address. */
const READY_MAX = WINDOW_SECOND - WINDOW;

type Header = ValueOf<typeof msghdr>;
const { msg_namelen, msg_controllen, msg_flags } = msghdr.offset;

/** The socket that a descriptor names, whosever it is; or a negative errno. */
export function anySocketAt(task: NetCaller, fd: number): SocketFile | StandIn | number {
  const file = task.files.get(fd);
  if (file === undefined || (file.flags & O_PATH) !== 0) return -EBADF;
  return file instanceof SocketFile || file instanceof StandIn ? file : -ENOTSOCK;
}

/** The socket that a descriptor names, a negative errno, or NO_RESULT: its owner serves the call. */
export function socketAt(task: NetCaller, fd: number): SocketFile | number {
  const socket = anySocketAt(task, fd);
  return socket instanceof StandIn ? socket.pass(task) : socket;
}

function bufferSegments(address: number, length: number): Segments {
  const segments = new Segments();
  segments.add(address, length);
  return segments;
}

// ---- sendto, recvfrom ----

/** Whether a call may be served at once: of one buffer that the window takes, and without flags that say how. */
function isPlain(socket: SocketFile, buffer: number, length: number, flags: number): boolean {
  if ((flags & ~(S.MSG_NOSIGNAL | S.MSG_DONTWAIT)) !== 0 || !isGuestRange(buffer, length)) return false;
  return length > 0 && length <= READY_MAX && socket.servesWholeCalls;
}

function sendto(
  task: NetCaller,
  fd: number,
  buffer: number,
  length: number,
  flags: number,
  to: number,
  toLength: number,
): number {
  const socket = socketAt(task, fd);
  if (typeof socket === "number") return socket;
  if (to === 0 && isPlain(socket, buffer, length, flags) && task.call.inComplete(0, length)) {
    const n = socket.writeAtOnce(task, length, flags);
    if (n !== NOT_AT_ONCE) return n;
  }
  const segments = bufferSegments(buffer, length);
  if (segments.invalid) return -EFAULT;
  const address = to === 0 ? "" : addressInPiece(task, 1, WINDOW_SECOND, toLength);
  if (typeof address === "number") return address;
  const ready = Math.min(segments.total, READY_MAX);
  // A buffer that faulted is copied again, by rounds, which find the fault in its place.
  const arrived = task.call.inComplete(0, ready) ? ready : 0;
  if (address === "") return sendCall(task, socket, segments, arrived, flags);
  const source = new Source(task, socket, segments, arrived);
  return task.call.start(sendFrom(task, socket, source, { flags, address, ancillary: null }));
}

function recvfrom(
  task: NetCaller,
  fd: number,
  buffer: number,
  length: number,
  flags: number,
  from: number,
  roomAt: number,
): number {
  const socket = socketAt(task, fd);
  if (typeof socket === "number") return socket;
  if (from === 0 && isPlain(socket, buffer, length, flags)) {
    const n = socket.readAtOnce(task, buffer, length);
    if (n !== NOT_AT_ONCE) return n;
  }
  const segments = bufferSegments(buffer, length);
  if (segments.invalid) return -EFAULT;
  if (from === 0) return receiveCall(task, socket, segments, flags);
  if (!task.call.inComplete(0, 4)) return -EFAULT;
  const room = task.call.view.getInt32(task.call.base + WINDOW, true);
  if (room < 0) return -EINVAL;
  const places = { ...NO_PLACES, name: from, nameRoom: room, nameLength: roomAt };
  return task.call.start(receiveInto(task, socket, segments, flags, places));
}

// ---- sendmsg, recvmsg ----

/** The vectors that a header names, or a negative errno. */
function* vectorsOf(
  task: NetCaller,
  { msg_iov, msg_iovlen }: Header,
): Generator<void, Segments | number, void> {
  if (msg_iovlen > IOV_MAX) return -EMSGSIZE;
  const bytes = yield* readGuest(task, msg_iov, msg_iovlen * iovec.size);
  return typeof bytes === "number" ? bytes : segmentsOf(bytes, msg_iovlen);
}

function* sendMessage(task: NetCaller, socket: SocketFile, header: Header, flags: number): Coroutine {
  const segments = yield* vectorsOf(task, header);
  if (typeof segments === "number") return segments;
  if (segments.invalid) return -EFAULT;
  let address = "";
  if (header.msg_name !== 0 && header.msg_namelen !== 0) {
    if (header.msg_namelen < 0) return -EINVAL;
    const bytes = yield* readGuest(task, header.msg_name, Math.min(header.msg_namelen, ADDRESS_MAX));
    if (typeof bytes === "number") return bytes;
    address = addressOf(bytes);
  }
  let ancillary: Ancillary | null = null;
  if (header.msg_control !== 0 && header.msg_controllen > 0) {
    if (header.msg_controllen > CONTROL_IN_MAX) return -ENOBUFS;
    const bytes = yield* readGuest(task, header.msg_control, header.msg_controllen);
    if (typeof bytes === "number") return bytes;
    const parsed = socket.readControl(task, bytes);
    if (typeof parsed === "number") return parsed;
    ancillary = parsed;
  }
  return yield* sendFrom(task, socket, new Source(task, socket, segments, 0), { flags, address, ancillary });
}

function* receiveMessage(
  task: NetCaller,
  socket: SocketFile,
  at: number,
  header: Header,
  flags: number,
  explicit: boolean,
): Coroutine {
  const segments = yield* vectorsOf(task, header);
  if (typeof segments === "number") return segments;
  if (segments.invalid) return -EFAULT;
  const hasName = header.msg_name !== 0;
  if (hasName && header.msg_namelen < 0) return -EINVAL;
  const places: Places = {
    name: header.msg_name,
    nameRoom: hasName ? header.msg_namelen : 0,
    nameLength: hasName ? at + msg_namelen : 0,
    control: header.msg_control,
    controlRoom: header.msg_control === 0 ? 0 : header.msg_controllen,
    controlLength: at + msg_controllen,
    flags: at + msg_flags,
  };
  return yield* receiveInto(task, socket, segments, flags, places, explicit);
}

/** The header in piece 0 of the call, or -EFAULT. */
function headerInPiece(task: NetCaller): Header | number {
  if (!task.call.inComplete(0, msghdr.size)) return -EFAULT;
  return msghdr.read(task.call.view, task.call.base + WINDOW);
}

// ---- sendmmsg, recvmmsg ----

/** Does one message after the other; how many, or a negative errno when not even one. */
function* many(
  task: NetCaller,
  vector: number,
  count: number,
  one: (header: Header, at: number, index: number) => Coroutine,
  goesOn: () => boolean,
): Coroutine {
  let done = 0;
  while (done < Math.min(count, IOV_MAX)) {
    const at = vector + done * mmsghdr.size;
    const bytes = yield* readGuest(task, at, msghdr.size);
    if (typeof bytes === "number") return done > 0 ? done : bytes;
    const n = yield* one(msghdr.decode(bytes), at, done);
    if (n < 0) return done > 0 ? done : n;
    task.call.view.setUint32(task.call.base + WINDOW, n, true);
    task.call.outAt(at + mmsghdr.offset.msg_len, 4, WINDOW);
    if ((yield* task.call.copyOutRound()) < 4) return done > 0 ? done : -EFAULT;
    done++;
    if (!goesOn()) break;
  }
  return done;
}

export const MESSAGE_HANDLERS: Handlers<NetCaller> = {
  sendto: (task, fd, buffer, length, flags, to, toLength) =>
    sendto(task, fd, buffer, length, flags, to, toLength),
  recvfrom: (task, fd, buffer, length, flags, from, roomAt) =>
    recvfrom(task, fd, buffer, length, flags, from, roomAt),

  sendmsg: (task, fd, _header, flags) => {
    if ((flags & S.MSG_CMSG_COMPAT) !== 0) return -EINVAL;
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const header = headerInPiece(task);
    return typeof header === "number" ? header : task.call.start(sendMessage(task, socket, header, flags));
  },

  recvmsg: (task, fd, at, flags) => {
    if ((flags & S.MSG_CMSG_COMPAT) !== 0) return -EINVAL;
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const header = headerInPiece(task);
    if (typeof header === "number") return header;
    return task.call.start(receiveMessage(task, socket, at, header, flags, false));
  },

  sendmmsg: (task, fd, vector, count, flags) => {
    if ((flags & S.MSG_CMSG_COMPAT) !== 0) return -EINVAL;
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    const one = (header: Header) => sendMessage(task, socket, header, flags);
    return task.call.start(many(task, vector, count >>> 0, one, () => true));
  },

  recvmmsg: (task, fd, vector, count, flags, timeout) => {
    if ((flags & S.MSG_CMSG_COMPAT) !== 0) return -EINVAL;
    const socket = socketAt(task, fd);
    if (typeof socket === "number") return socket;
    let deadline = NEVER;
    if (timeout !== 0) {
      if (!task.call.inComplete(1, TIMESPEC_SIZE)) return -EFAULT;
      const ns = readTimespec(task.call.view, task.call.base + WINDOW_SECOND);
      if (ns < 0) return ns;
      deadline = task.kernel.native.monotonicNs() + ns;
    }
    const rest = (flags & S.MSG_WAITFORONE) !== 0 ? S.MSG_DONTWAIT : 0;
    const plain = flags & ~S.MSG_WAITFORONE;
    const one = (header: Header, at: number, index: number) =>
      receiveMessage(task, socket, at, header, index > 0 ? plain | rest : plain, true);
    return task.call.start(
      many(task, vector, count >>> 0, one, () => task.kernel.native.monotonicNs() < deadline),
    );
  },
};
