// Calls that make sockets and give them descriptors: socket(2), socketpair(2), accept(2).

import { EAFNOSUPPORT, EAGAIN, EBADF, EFAULT, EINVAL } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLIN } from "../../shared/abi/poll.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import * as S from "../../shared/abi/socket.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import type { OpenFile } from "../vfs/file.ts";
import { putFile } from "../vfs/file_table.ts";
import { install, installPair } from "../vfs/install.ts";
import { writeAddress } from "./addresses.ts";
import { FAMILIES, type FamilyCaller, type HostSocketMaker } from "./families.ts";
import type { Accepted, Family, SocketMaker } from "./family.ts";
import { protocolFor } from "./host/kinds.ts";
import { anySocketAt } from "./message_calls.ts";
import type { Address, SocketFile } from "./socket.ts";
import { roomInPiece } from "./socket_calls.ts";
import { StandIn } from "./stand_in.ts";
import { deadlineAfter, waitForSocket } from "./waiting.ts";

const TYPE_MASK = 0xf;
const TYPE_MAX = 11;

/** The family that is asked for, if it can have sockets of the type; or a negative errno. */
function familyOf(task: FamilyCaller, domain: number, type: number): Family<FamilyCaller> | number {
  if ((type & ~(TYPE_MASK | S.SOCK_NONBLOCK | S.SOCK_CLOEXEC)) !== 0) return -EINVAL;
  if (domain < 0 || domain >= S.AF_MAX) return -EAFNOSUPPORT;
  if ((type & TYPE_MASK) >= TYPE_MAX) return -EINVAL;
  const family = FAMILIES.get(domain);
  if (family !== undefined) return family;
  task.kernel.counters.unsupportedCalls++;
  return -EAFNOSUPPORT;
}

function statusOf(type: number): number {
  return (type & S.SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0;
}

/** A socket of another kernel thread's. */
function* createElsewhere(
  task: FamilyCaller,
  maker: SocketMaker,
  domain: number,
  type: number,
  protocol: number,
): Coroutine {
  const inode = task.kernel.anonymous.socket(task.credentials);
  const made = yield* maker.create(task, inode, domain, type & TYPE_MASK, protocol, statusOf(type));
  return typeof made === "number" ? made : install(task, made, (type & S.SOCK_CLOEXEC) !== 0);
}

/** A socket of the host's network. */
function* createOnHost(
  task: FamilyCaller,
  maker: HostSocketMaker,
  domain: number,
  type: number,
  protocol: number,
): Coroutine {
  const known = protocolFor(task, domain, type & TYPE_MASK, protocol);
  if (known < 0) return known;
  const made = yield* maker.create(task, domain, type & TYPE_MASK, known, statusOf(type));
  return typeof made === "number" ? made : install(task, made, (type & S.SOCK_CLOEXEC) !== 0);
}

/** Where accept tells who has connected; an address of 0: nowhere. */
interface Place {
  readonly address: number;
  /** A negative errno: what the call ends with when there is a connection. */
  readonly room: number;
  readonly roomAt: number;
}

/** The next connection of a socket of this thread, or of another's; or a negative errno. */
function* next(
  task: FamilyCaller,
  socket: SocketFile | StandIn,
  status: number,
): Generator<void, Accepted | number, void> {
  if (socket instanceof StandIn) return yield* task.kernel.netThread!.accept(task, socket, status);
  const file = socket.accept(status, task.credentials);
  if (typeof file !== "number") return { file, peer: file.peerName() };
  return file === -EAGAIN ? { file: null, timeoutNs: socket.timeouts.receiveNs } : file;
}

function* accept(task: FamilyCaller, socket: SocketFile | StandIn, flags: number, place: Place): Coroutine {
  const status = (flags & S.SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0;
  let deadline = -1;
  socket.references++;
  try {
    for (;;) {
      // Without a descriptor for it no connection is taken.
      const full = task.files.checkRoom(task.limit(RLIMIT_NOFILE));
      if (full < 0) return full;
      const made = yield* next(task, socket, status);
      if (typeof made === "number") return made;
      if (made.file !== null) return deliver(task, made.file, made.peer, flags, place);
      if ((socket.flags & O_NONBLOCK) !== 0) return -EAGAIN;
      if (deadline < 0) deadline = deadlineAfter(task, made.timeoutNs);
      const waited = yield* waitForSocket(task, socket, POLLIN, deadline);
      if (waited < 0) return waited;
    }
  } finally {
    putFile(task.kernel, socket);
  }
}

function deliver(
  task: FamilyCaller,
  file: OpenFile,
  peer: Address | number,
  flags: number,
  { address, room, roomAt }: Place,
): number {
  const fd = install(task, file, (flags & S.SOCK_CLOEXEC) !== 0);
  if (typeof peer !== "number") task.kernel.tracer?.accepted(task.call, peer);
  if (fd < 0 || address === 0) return fd;
  if (room < 0) {
    task.files.close(fd);
    return room;
  }
  writeAddress(task, typeof peer === "number" ? "" : peer, address, room, roomAt);
  task.call.outFault = () => {
    task.files.close(fd);
    return -EFAULT;
  };
  return fd;
}

function startAccept(task: FamilyCaller, fd: number, address: number, roomAt: number, flags: number): number {
  const socket = anySocketAt(task, fd);
  if (socket === -EBADF) return socket;
  if ((flags & ~(S.SOCK_NONBLOCK | S.SOCK_CLOEXEC)) !== 0) return -EINVAL;
  if (typeof socket === "number") return socket;
  const room = address === 0 ? 0 : roomInPiece(task);
  return task.call.start(accept(task, socket, flags, { address, room, roomAt }));
}

export const NEW_SOCKET_HANDLERS: Handlers<FamilyCaller> = {
  socket: (task, domain, type, protocol) => {
    const family = familyOf(task, domain, type);
    if (typeof family === "number") return family;
    const { hostNetwork } = task.kernel;
    if (hostNetwork !== null && task.network.number === 0 && (domain === S.AF_INET || domain === S.AF_INET6))
      return task.call.start(createOnHost(task, hostNetwork, domain, type, protocol));
    // There is no stack of the sandbox's own whose frames could be seen.
    if (hostNetwork !== null && domain === S.AF_PACKET) return -EAFNOSUPPORT;
    const refused = family.refuses?.(task, type & TYPE_MASK, protocol) ?? 0;
    if (refused < 0) return refused;
    const { netThread } = task.kernel;
    if (family.isOnNet && netThread !== null)
      return task.call.start(createElsewhere(task, netThread, domain, type, protocol));
    const socket = family.create(task, type & TYPE_MASK, protocol, statusOf(type));
    return typeof socket === "number" ? socket : install(task, socket, (type & S.SOCK_CLOEXEC) !== 0);
  },

  socketpair: (task, domain, type, protocol, address) => {
    const family = familyOf(task, domain, type);
    if (typeof family === "number") return family;
    // What could not be made is told before that the family has no pairs.
    const refused = family.refuses?.(task, type & TYPE_MASK, protocol) ?? 0;
    if (refused < 0) return refused;
    const pair = family.createPair(task, type & TYPE_MASK, protocol, statusOf(type));
    if (typeof pair === "number") return pair;
    return installPair(task, address, pair[0], pair[1], (type & S.SOCK_CLOEXEC) !== 0);
  },

  accept: (task, fd, address, roomAt) => startAccept(task, fd, address, roomAt, 0),
  accept4: (task, fd, address, roomAt, flags) => startAccept(task, fd, address, roomAt, flags),
};
