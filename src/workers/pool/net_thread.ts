// The kernel thread NET as thread 0 knows it: what is asked of it, and what it answers. Calls on its sockets are passed
// to it with their slots (other_threads.ts); sockets are made and let go by messages.

import { EAGAIN, EBADF, ENFILE } from "../../shared/abi/errno.ts";
import { O_RDONLY, O_RDWR } from "../../shared/abi/fcntl.ts";
import type { Claims } from "../../shared/ring/claims.ts";
import { ROUTES } from "../../shared/ring/layout.ts";
import { READINESS_RECORDS } from "../../shared/ring/private_sab.ts";
import { Readiness } from "../../shared/ring/readiness.ts";
import { SUPERVISOR } from "../../shared/thread_plan.ts";
import { type Coroutine, NO_RESULT } from "../call/call.ts";
import type { Caller } from "../call/caller.ts";
import { NEVER } from "../call/clocks.ts";
import type { CallContext } from "../call/context.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Accepted, NetworkMember, SocketMaker } from "../net/family.ts";
import type { TextOwner } from "../net/files/remote_text.ts";
import type { InterfaceOwner } from "../net/interfaces.ts";
import { BY_FD, BY_PID, type NetworkFinder } from "../net/named_networks.ts";
import type { Network } from "../net/network.ts";
import type { NetworkOwner } from "../net/networks.ts";
import { isRingReadable } from "../net/packet/ring_memory.ts";
import type { Address } from "../net/socket.ts";
import { type PassingCaller, type SharedRing, type SocketOwner, StandIn } from "../net/stand_in.ts";
import { SETTING_NAMES, type SettingName } from "../sysctls.ts";
import type { ThreadFigures } from "../thread_figures.ts";
import type { AnonymousInodes } from "../vfs/anonymous/anonymous_fs.ts";
import type { Inode } from "../vfs/inode.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { Numbers } from "./numbers.ts";
import { hasRoute, type OtherThreads } from "./other_threads.ts";
import type { Post } from "./post.ts";

interface NetThreadContext extends CallContext, NetworkFinder {
  readonly claims: Claims;
  readonly figures: ThreadFigures;
  readonly anonymous: AnonymousInodes;
}

/** A socket that is being made, for the call that waits for it. */
interface Making {
  readonly socket: StandIn;
  /** Null: the call was cut off. */
  call: { completeWait(result: number): void } | null;
  error: number;
  /** Of no connection: how long its call waits for one. */
  timeoutNs: number;
  /** Of a connection. */
  peer: Address;
}

/** A call that waits for memory that a socket shares; null: it was cut off. */
interface Asking {
  readonly socket: StandIn;
  call: { completeWait(result: number): void } | null;
  result: number;
}

/** A call that waits for bytes of a socket; null: it was cut off. */
interface Moving {
  call: { completeWait(result: number): void } | null;
  result: number;
}

const NS_PER_MS = 1e6;
const NO_DESCRIPTOR = -1;
/** The first network namespace. */
const FIRST = 0;

function peerIn(record: Int32Array): Address {
  const bytes = Buffer.from(record.buffer, record.byteOffset + M.PEER * 4, M.PEER_MAX);
  return bytes.toString("latin1", 0, Math.min(record[M.PEER_LENGTH]!, M.PEER_MAX));
}

export class NetThread implements SocketOwner, SocketMaker, InterfaceOwner, NetworkOwner, TextOwner {
  readonly #kernel: NetThreadContext;
  /** Its number. */
  readonly #net: number;
  readonly #others: OtherThreads;
  readonly #post: Post;
  readonly #readiness: Readiness;
  readonly #sockets = new Map<number, StandIn>();
  readonly #making = new Map<number, Making>();
  /** Texts that were asked for, as far as they have come. */
  readonly #texts = new Map<number, { text: string; readonly take: (text: string, next: number) => void }>();
  #lastText = 0;
  /** Calls that wait for bytes. */
  readonly #moves = new Map<number, Moving>();
  #lastMove = 0;
  /** Calls that wait for a ring. */
  readonly #rings = new Map<number, Asking>();
  #lastRing = 0;
  readonly #numbers = new Numbers(READINESS_RECORDS);

  /** `net`: its number. */
  constructor(
    kernel: NetThreadContext,
    net: number,
    others: OtherThreads,
    post: Post,
    readiness: Int32Array,
  ) {
    this.#kernel = kernel;
    this.#net = net;
    this.#others = others;
    this.#post = post;
    this.#readiness = new Readiness(readiness);
    kernel.sysctls.onSet = (name, values) => this.#setting(FIRST, name, values);
  }

  #setting(network: number, name: SettingName, values: readonly number[]): void {
    if (!name.startsWith("net/")) return;
    const record = this.#post.record(Message.SETTING);
    record[M.SETTING] = SETTING_NAMES.indexOf(name);
    record[M.SETTING_NETWORK] = network;
    for (const [i, value] of values.entries()) record[M.VALUES + i] = value;
    this.#post.send(this.#net);
  }

  // ---- Network namespaces ----

  networkMade({ number, sysctls, owner }: Network): void {
    const record = this.#post.record(Message.NETWORK_MADE);
    record[M.NETWORK] = number;
    record[M.NETWORK_USERS] = owner.number;
    this.#post.send(this.#net);
    sysctls.onSet = (name, values) => this.#setting(number, name, values);
  }

  networkGone({ number }: Network): void {
    const record = this.#post.record(Message.NETWORK_GONE);
    record[M.NETWORK] = number;
    this.#post.send(this.#net);
  }

  // ---- User namespaces ----

  usersMade({ number, parent, owner }: UserNamespace): void {
    const record = this.#post.record(Message.USERS_MADE);
    record[M.USERS] = number;
    record[M.USERS_PARENT] = parent!.number;
    record[M.USERS_UID] = owner.uid;
    record[M.USERS_GID] = owner.gid;
    this.#post.send(this.#net);
  }

  /** Its users were mapped. */
  usersMapped({ number, uids }: UserNamespace): void {
    const ranges = uids.toKernelRanges();
    for (const [i, [first, kernel, count]] of ranges.entries()) {
      const record = this.#post.record(Message.USERS_MAPPED);
      record[M.USERS] = number;
      record[M.MAP_FIRST] = first;
      record[M.MAP_KERNEL] = kernel;
      record[M.MAP_COUNT] = count;
      record[M.MAP_LEFT] = ranges.length - 1 - i;
      this.#post.send(this.#net);
    }
  }

  usersGone({ number }: UserNamespace): void {
    const record = this.#post.record(Message.USERS_GONE);
    record[M.USERS] = number;
    this.#post.send(this.#net);
  }

  /** Before who calls is told of: where he is in another user namespace than that of the guests. */
  #tellUsers({ credentials: { userNamespace } }: Caller): void {
    if (userNamespace.number === 0) return;
    const record = this.#post.record(Message.CALLER_USERS);
    record[M.USERS] = userNamespace.number;
    this.#post.send(this.#net);
  }

  #tellWhich(asked: Int32Array): void {
    const task = { slot: asked[M.SLOT]!, firstTid: asked[M.NAMING_TID]! };
    const [number, by, value] = [asked[M.ASKED]!, asked[M.NAMED_BY]!, asked[M.NAME]!];
    this.#kernel.findNetwork(task, { by: by === BY_FD ? BY_FD : BY_PID, value }, (found) => {
      const record = this.#post.record(Message.THAT_NETWORK);
      record[M.ASKED] = number;
      record[M.FOUND] = typeof found === "number" ? found : found.number;
      this.#post.send(this.#net);
    });
  }

  // ---- Calls ----

  pass(task: PassingCaller, socket: StandIn): number {
    const fd = task.call.frame.argumentLow(0);
    // From now on its stub may ring NET for this descriptor, which is a hint: it is looked at there. Who is watched may
    // not, whatever stands in its routes.
    const isRouted = !task.isWatched && hasRoute(fd);
    if (isRouted) {
      socket.isRouted = true;
      task.call.bytes[ROUTES + fd] = this.#net;
    }
    return this.#pass(task, socket.number, socket.flags, isRouted ? fd : NO_DESCRIPTOR);
  }

  passInterfaceIoctl(task: PassingCaller, network: number): number {
    return this.#pass(task, M.ofNetwork(network), 0, NO_DESCRIPTOR);
  }

  /** `fd`: the descriptor on which its stub may post the next ones. */
  #pass(task: PassingCaller, socket: number, status: number, fd: number): number {
    const { call } = task;
    const { slot, sequence } = call;
    this.#others.visitWith(task, this.#net);
    // What was judged, or told to who traces, is what is served there.
    if (task.seccomp?.allows(call.nr) === false || call.traced !== null) this.#tellArguments(task);
    this.#tellUsers(task);
    const record = this.#post.record(Message.CALL);
    record[M.SLOT] = slot;
    record[M.SEQUENCE] = sequence;
    record[M.NR] = call.nr;
    record[M.CALL_SOCKET] = socket;
    record[M.CALL_STATUS] = status;
    this.#tellCaller(record, task);
    record[M.CALL_TABLE] = task.files.id;
    record[M.CALL_DESCRIPTOR] = fd;
    call.handOver();
    this.#kernel.figures.passedOut++;
    this.#kernel.claims.pass(slot, SUPERVISOR, this.#net, sequence);
    this.#post.send(this.#net);
    return NO_RESULT;
  }

  #tellArguments({ call }: PassingCaller): void {
    const record = this.#post.record(Message.JUDGED);
    record[M.SLOT] = call.slot;
    call.frame.getArguments(record, M.ARGUMENTS);
    this.#post.send(this.#net);
  }

  #tellCaller(record: Int32Array, { firstTid, firstPid, pid, credentials }: Caller): void {
    record[M.FIRST_TID] = firstTid;
    record[M.FIRST_PID] = firstPid;
    record[M.PID] = pid;
    record[M.CALLER_EUID] = credentials.euid;
    record[M.CALLER_EGID] = credentials.egid;
    record[M.CAPABILITIES_LOW] = credentials.effectiveLow;
    record[M.CAPABILITIES_HIGH] = credentials.effectiveHigh;
  }

  statusChanged({ number, flags }: StandIn): void {
    const record = this.#post.record(Message.STATUS);
    record[M.SOCKET] = number;
    record[M.STATUS] = flags;
    this.#post.send(this.#net);
  }

  forgetDescriptor(table: number, fd: number): void {
    if (!hasRoute(fd)) return;
    const record = this.#post.record(Message.FORGET_DESCRIPTOR);
    record[M.TABLE] = table;
    record[M.DESCRIPTOR] = fd;
    this.#post.send(this.#net);
  }

  // ---- Sockets ----

  *accept(task: Caller, listener: StandIn, status: number): Generator<void, Accepted | number, void> {
    const inode = this.#kernel.anonymous.socket(task.credentials);
    const making = this.#begin(task, listener.network, inode, status);
    if (making === null) return -ENFILE;
    const record = this.#post.record(Message.ACCEPT);
    record[M.SOCKET] = making.socket.number;
    record[M.LISTENER] = listener.number;
    record[M.ACCEPTED_INODE] = inode.ino;
    this.#post.send(this.#net);
    yield* this.#wait(making);
    if (making.error === -EAGAIN) return { file: null, timeoutNs: making.timeoutNs };
    return making.error < 0 ? making.error : { file: making.socket, peer: making.peer };
  }

  /** Makes a socket there: what stands in for it, or a negative errno. */
  *create(
    task: Caller & NetworkMember,
    inode: Inode,
    family: number,
    type: number,
    protocol: number,
    status: number,
  ): Generator<void, StandIn | number, void> {
    const making = this.#begin(task, task.network, inode, status);
    if (making === null) return -ENFILE;
    this.#askFor(making.socket, family, type, protocol, task);
    yield* this.#wait(making);
    return making.error < 0 ? making.error : making.socket;
  }

  /** A number for a socket that is to be made; null: there is none. */
  #begin(task: Caller, network: Network, inode: Inode, status: number): Making | null {
    const number = this.#numbers.take();
    if (number < 0) return null;
    this.#readiness.clear(number);
    const socket = new StandIn(this, network.hold(), number, inode, status);
    const making: Making = { socket, call: task.call, error: 0, timeoutNs: NEVER, peer: "" };
    this.#making.set(number, making);
    return making;
  }

  *#wait(making: Making): Generator<void, void, void> {
    let isCutOff = true;
    try {
      yield;
      isCutOff = false;
    } finally {
      making.call = null;
      // It was made, and its call has ended before it went on.
      if (isCutOff && this.#sockets.get(making.socket.number) === making.socket) this.release(making.socket);
    }
  }

  #askFor(
    socket: StandIn,
    family: number,
    type: number,
    protocol: number,
    { credentials, network }: NetworkMember,
  ): void {
    const record = this.#post.record(Message.CREATE);
    record[M.SOCKET] = socket.number;
    record[M.INODE] = socket.inode!.ino;
    record[M.FAMILY] = family;
    record[M.TYPE] = type;
    record[M.PROTOCOL] = protocol;
    record[M.EUID] = credentials.euid;
    record[M.EGID] = credentials.egid;
    record[M.NETWORK] = network.number;
    this.#post.send(this.#net);
  }

  #created(record: Int32Array): void {
    const [number, error] = [record[M.SOCKET]!, record[M.ERROR]!];
    const making = this.#making.get(number)!;
    this.#making.delete(number);
    making.error = error;
    if (error === 0) making.peer = peerIn(record);
    else if (error === -EAGAIN && record[M.TIMEOUT]! >= 0) making.timeoutNs = record[M.TIMEOUT]! * NS_PER_MS;
    if (error === 0) this.#sockets.set(number, making.socket);
    else {
      this.#numbers.putBack(number);
      making.socket.network.release();
    }
    if (making.call !== null) making.call.completeWait(0);
    else if (error === 0) this.release(making.socket);
  }

  release({ network, number }: StandIn): void {
    const record = this.#post.record(Message.RELEASE);
    record[M.SOCKET] = number;
    this.#post.send(this.#net);
    this.#sockets.delete(number);
    this.#numbers.putBack(number);
    network.release();
  }

  events(socket: number): number {
    // What is subscribed with next is older than what is looked at now.
    const { seen } = this.#sockets.get(socket)!;
    for (let kind = 0; kind < seen.length; kind++) seen[kind] = this.#readiness.count(socket, kind);
    return this.#readiness.events(socket);
  }

  subscribe(socket: StandIn): void {
    if (socket.isSubscribed) return;
    socket.isSubscribed = true;
    const record = this.#post.record(Message.SUBSCRIBE);
    record[M.SOCKET] = socket.number;
    for (const [kind, count] of socket.seen.entries()) record[M.COUNTS + kind] = count;
    this.#post.send(this.#net);
  }

  // ---- Bytes between sockets and files of this thread's ----

  *move(task: Caller, socket: StandIn, isWrite: boolean, offset: number, length: number): Coroutine {
    const asked = this.#lastMove;
    this.#lastMove = (asked + 1) | 0;
    const moving: Moving = { call: task.call, result: -EBADF };
    this.#moves.set(asked, moving);
    const { slot } = task.call;
    // Nobody is to have its memory while that is on its way.
    this.#others.visit(slot, this.#net);
    this.#tellUsers(task);
    const record = this.#post.record(Message.MOVE);
    record[M.MOVE_ASKED] = asked;
    record[M.SLOT] = slot;
    record[M.CALL_SOCKET] = socket.number;
    this.#tellCaller(record, task);
    record[M.MOVE_OFFSET] = offset;
    record[M.MOVE_LENGTH] = length;
    record[M.MOVE_IS_WRITE] = Number(isWrite);
    this.#post.send(this.#net);
    try {
      yield;
    } finally {
      moving.call = null;
    }
    return moving.result;
  }

  #moved(record: Int32Array): void {
    const moving = this.#moves.get(record[M.MOVED_ASKED]!)!;
    this.#moves.delete(record[M.MOVED_ASKED]!);
    moving.result = record[M.MOVE_RESULT]!;
    moving.call?.completeWait(0);
  }

  // ---- Memory that sockets share ----

  *askRing(task: Caller, socket: StandIn): Coroutine {
    const asked = this.#lastRing;
    this.#lastRing = (asked + 1) | 0;
    const asking: Asking = { socket, call: task.call, result: -EBADF };
    this.#rings.set(asked, asking);
    const record = this.#post.record(Message.RING);
    record[M.RING_ASKED] = asked;
    record[M.RING_SOCKET] = socket.number;
    this.#post.send(this.#net);
    try {
      yield;
    } finally {
      asking.call = null;
    }
    return asking.result;
  }

  // The socket has it at once, whatever becomes of the call: it may be told next that the ring is gone.
  #ringGiven(record: Int32Array): void {
    const asking = this.#rings.get(record[M.RING_ASKED]!)!;
    this.#rings.delete(record[M.RING_ASKED]!);
    const fd = record[M.RING_FD]!;
    if (fd >= 0) asking.socket.takeRing({ fd, size: record[M.RING_SIZE]! });
    asking.result = Math.min(fd, 0);
    asking.call?.completeWait(0);
  }

  isReadable({ fd, size }: SharedRing): boolean {
    return isRingReadable(this.#kernel.native, fd, size);
  }

  closeRing({ fd }: SharedRing): void {
    this.#kernel.native.close(fd);
  }

  reopenRing({ fd }: SharedRing, isWritable: boolean): number {
    const { native, descriptors } = this.#kernel;
    return native.reopen(descriptors.proc, fd, isWritable ? O_RDWR : O_RDONLY);
  }

  nextMappedId(): number {
    return this.#kernel.nextMappedId();
  }

  // ---- Texts ----

  askText(
    network: number,
    file: number,
    from: number,
    reader: UserNamespace,
    take: (text: string, next: number) => void,
  ): void {
    const asked = this.#lastText;
    this.#lastText = (asked + 1) | 0;
    this.#texts.set(asked, { text: "", take });
    const record = this.#post.record(Message.TEXT);
    record[M.TEXT_ASKED] = asked;
    record[M.TEXT] = file;
    record[M.FROM] = from;
    record[M.TEXT_NETWORK] = network;
    record[M.TEXT_USERS] = reader.isHeld ? reader.number : M.NOBODY;
    this.#post.send(this.#net);
  }

  #addText(record: Int32Array): void {
    const bytes = Buffer.from(record.buffer, record.byteOffset + M.TEXT_BYTES * 4, M.TEXT_MAX);
    const asked = this.#texts.get(record[M.TEXT_ASKED]!)!;
    asked.text += bytes.toString("latin1", 0, record[M.TEXT_LENGTH]!);
  }

  #endText(record: Int32Array): void {
    const asked = this.#texts.get(record[M.TEXT_ASKED]!)!;
    this.#texts.delete(record[M.TEXT_ASKED]!);
    asked.take(asked.text, record[M.FROM]!);
  }

  // ---- What it says ----

  receive(record: Int32Array): void {
    const kind = record[M.KIND]!;
    switch (kind) {
      case Message.WHICH_NETWORK:
        this.#tellWhich(record);
        return;
      case Message.CREATED:
        this.#created(record);
        return;
      case Message.TEXT_PIECE:
        this.#addText(record);
        return;
      case Message.TEXT_END:
        this.#endText(record);
        return;
      case Message.MOVED:
        this.#moved(record);
        return;
      case Message.RING_GIVEN:
        this.#ringGiven(record);
        return;
      case Message.RING_GONE:
        this.#sockets.get(record[M.SOCKET]!)?.ringGone();
        return;
      case Message.READY:
        // Its number may be another's by now, who then looks once too often.
        this.#sockets
          .get(record[M.SOCKET]!)
          ?.told(record[M.EVENTS]!, record[M.EVENTS + 1]!, record[M.EVENTS + 2]!, record[M.EVENTS + 3]!);
        return;
      default:
        throw new Error(`a message of kind ${kind} from NET`);
    }
  }
}
