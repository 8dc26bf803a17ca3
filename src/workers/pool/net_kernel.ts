// The kernel of the thread NET: what its sockets use of a kernel, and no processes. What it says to thread 0 are records
// (messages.ts).

import { totalmem } from "node:os";
import { EBADF, EIO } from "../../shared/abi/errno.ts";
import { NETLINK_ROUTE } from "../../shared/abi/netlink.ts";
import { ActiveChunks } from "../../shared/ring/active.ts";
import { Attention } from "../../shared/ring/attention.ts";
import { Claims } from "../../shared/ring/claims.ts";
import type { GuestMemory } from "../../shared/ring/guest_memory.ts";
import { KernelPage } from "../../shared/ring/kernel_page.ts";
import { WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { PrivateSab } from "../../shared/ring/private_sab.ts";
import { Passes } from "../../shared/ring/quiescence.ts";
import { Readiness } from "../../shared/ring/readiness.ts";
import { Scanner } from "../../shared/ring/scan.ts";
import { Slots } from "../../shared/ring/slot.ts";
import type { Caller } from "../call/caller.ts";
import { NEVER } from "../call/clocks.ts";
import type { KernelDescriptors } from "../call/context.ts";
import { LongTurns } from "../call/long_turns.ts";
import { NextSteps } from "../call/next_steps.ts";
import { PassEnd } from "../call/pass_end.ts";
import { Steps } from "../call/steps.ts";
import { Throws } from "../call/throws.ts";
import { Timers } from "../call/timers.ts";
import { Counters } from "../counters.ts";
import { initialCredentials } from "../credentials/credentials.ts";
import { UserNamespace } from "../credentials/user_namespace.ts";
import { Credits } from "../credits.ts";
import { HeapBudget, heapLimitFor } from "../heap_budget.ts";
import { makeLimits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { LoopContext, LoopPlacement } from "../loop.ts";
import { MemoryBudget } from "../memory_budget.ts";
import type { Native } from "../native.ts";
import type { NetContext } from "../net/context.ts";
import { FAMILIES_ON_NET } from "../net/families.ts";
import { partOf } from "../net/files/texts.ts";
import type { NamingTask, NetworkName } from "../net/named_networks.ts";
import { PROTOCOLS } from "../net/netlink/protocols.ts";
import type { Network } from "../net/network.ts";
import { Networks } from "../net/networks.ts";
import type { SocketFile } from "../net/socket.ts";
import { SleepSet } from "../sleep_set.ts";
import { SETTING_NAMES, SETTINGS, type SettingName, Sysctls } from "../sysctls.ts";
import { FileEvents } from "../vfs/file_events.ts";
import { LockTable } from "../vfs/file_locks.ts";
import { InterfaceSocket } from "./interface_socket.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { NetTask } from "./net_call.ts";
import { NetRequests } from "./net_requests.ts";
import { NET } from "./net_thread.ts";
import { OwnedSocket } from "./owned_sockets.ts";
import { Post } from "./post.ts";

type TakeNetwork = (found: Network | number) => void;

const THREADS = 2;
const SUPERVISOR = 0;
const NS_PER_MS = 1e6;
/** Numbers that thread 0 never comes to. */
const COOKIES = 2 ** 40;

/** It has a CPU of its own: it polls a while before it sleeps. */
const PLACEMENT: LoopPlacement = {
  pollNs: 50e3,
  sleepsAtOnce: false,
  look: () => {},
  boundSleep: (timeoutNs) => timeoutNs,
  slept: () => {},
};

export class NetKernel implements NetContext, LoopContext {
  readonly thread = NET;
  readonly native: Native;
  readonly memory: GuestMemory;
  readonly descriptors: KernelDescriptors;
  readonly log: Log;
  readonly tracer = null;
  /** Of the calls that trap here thread 0 is shown one in so many; 0: none. */
  readonly every: number;
  readonly counters = new Counters();
  readonly limits = makeLimits(0, 0);
  readonly heap = new HeapBudget(this.counters, this.limits, heapLimitFor(totalmem()));
  readonly commonMemory = new MemoryBudget(this.counters, totalmem());
  readonly credits: Credits;
  readonly sysctls = new Sysctls();
  readonly users = new UserNamespace(null);
  readonly rootCredentials = initialCredentials(0, 0, [], this.users);
  readonly sleep: SleepSet;
  readonly timers = new Timers();
  readonly steps = new Steps(this);
  readonly longTurns = new LongTurns(this);
  readonly nextSteps: NextSteps;
  readonly passEnd = new PassEnd();
  readonly throws: Throws;
  readonly claims: Claims;
  readonly active: ActiveChunks;
  readonly attention: Attention;
  readonly readiness: Readiness;
  readonly scanner: Scanner;
  readonly slots: Slots;
  readonly page: KernelPage;
  readonly passes: Passes;
  readonly placement = PLACEMENT;
  readonly stubs = { outstanding: false };
  readonly doorbell: number;
  readonly post: Post;
  readonly requests: NetRequests;
  readonly fileEvents = new FileEvents();
  readonly locks = new LockTable(this);
  readonly directMemory = null;
  readonly networks: Networks;
  readonly network: Network;
  /** Thread 0 has the inodes. */
  readonly anonymous = { socket: () => null };
  readonly random = new Uint8Array(WINDOW_SIZE);
  readonly netThread = null;
  readonly #sockets = new Map<number, OwnedSocket>();
  current: Caller | null = null;
  nowNs = 0;
  owesAnswer = false;
  readonly #finding = new Map<number, TakeNetwork>();
  #lastAsked = 0;
  #lastId = 0;
  #lastCookie = COOKIES;

  constructor(
    native: Native,
    memory: GuestMemory,
    sab: PrivateSab,
    descriptors: KernelDescriptors,
    log: Log,
    every: number,
  ) {
    this.native = native;
    this.memory = memory;
    this.descriptors = descriptors;
    this.log = log;
    this.every = every;
    this.credits = new Credits(sab, this);
    this.throws = new Throws(this.counters, log);
    this.sleep = new SleepSet(native);
    this.doorbell = native.doorbellCreate();
    this.claims = new Claims(sab.claims, sab.seen, memory.words, THREADS);
    this.active = new ActiveChunks(this.claims, sab.active, sab.widths, sab.limit, THREADS);
    this.attention = new Attention(sab.attention, this.claims);
    this.readiness = new Readiness(sab.readiness);
    this.scanner = new Scanner(memory.words, this.claims, this.active, NET);
    this.slots = new Slots(memory.words, this.claims, this.active, NET);
    this.page = new KernelPage(memory.words);
    this.passes = new Passes(sab.control, NET);
    sab.setDoorbell(NET, this.doorbell);
    this.post = new Post(this, sab, THREADS, (record) => this.#receive(record));
    this.requests = new NetRequests(this);
    this.nextSteps = new NextSteps(this.longTurns, (call, error) => this.requests.onThrow(call, error));
    this.networks = new Networks(this, this.sysctls);
    this.network = this.networks.first;
    this.#addInterfaces(this.network.number);
  }

  // ---- What thread 0 says ----

  #receive(record: Int32Array): void {
    const number = record[M.SOCKET]!;
    switch (record[M.KIND]) {
      case Message.CALL:
        this.requests.call(record, this.#sockets.get(record[M.CALL_SOCKET]!));
        return;
      case Message.JUDGED:
        this.requests.judged(record);
        return;
      case Message.CANCEL:
        this.requests.cancel(record[M.SLOT]!, record[M.SEQUENCE]!);
        return;
      case Message.CLOSED:
        this.requests.closed(record[M.SLOT]!);
        return;
      case Message.CREATE:
        this.#create(number, record);
        return;
      case Message.SETTING:
        this.#set(SETTING_NAMES[record[M.SETTING]!]!, record);
        return;
      case Message.NETWORK_MADE:
        this.#addNetwork(record[M.NETWORK]!);
        return;
      case Message.NETWORK_GONE:
        this.#endNetwork(record[M.NETWORK]!);
        return;
      case Message.THAT_NETWORK:
        this.#found(record[M.ASKED]!, record[M.FOUND]!);
        return;
      case Message.TEXT:
        this.#tellText(record[M.TEXT_ASKED]!, record[M.TEXT_NETWORK]!, record[M.TEXT]!, record[M.FROM]!);
        return;
      case Message.MOVE:
        this.#move(record);
        return;
      case Message.RING:
        this.#giveRing(record[M.RING_ASKED]!, this.#sockets.get(record[M.RING_SOCKET]!));
        return;
      case Message.STATUS:
        this.#sockets.get(number)?.setStatus(record[M.STATUS]!);
        return;
      case Message.FORGET_DESCRIPTOR:
        this.requests.forgetDescriptor(record[M.TABLE]!, record[M.DESCRIPTOR]!);
        return;
      case Message.FORGET_TASK:
        this.requests.forgetTask(record[M.SLOT]!);
        return;
      case Message.ACCEPT:
        this.#accept(number, this.#sockets.get(record[M.LISTENER]!), record[M.ACCEPTED_INODE]!);
        return;
      case Message.RELEASE:
        this.#sockets.get(number)?.release();
        this.#sockets.delete(number);
        return;
      case Message.SUBSCRIBE:
        this.#sockets.get(number)?.subscribe(record);
        return;
      default:
        throw new Error(`a message of kind ${record[M.KIND]} from thread 0`);
    }
  }

  findNetwork({ slot, firstTid }: NamingTask, { by, value }: NetworkName, take: TakeNetwork): void {
    const asked = this.#lastAsked;
    this.#lastAsked = (asked + 1) | 0;
    this.#finding.set(asked, take);
    const record = this.record(Message.WHICH_NETWORK);
    record[M.SLOT] = slot;
    record[M.ASKED] = asked;
    record[M.NAMING_TID] = firstTid;
    record[M.NAMED_BY] = by;
    record[M.NAME] = value;
    this.sendBack();
  }

  #found(asked: number, found: number): void {
    const take = this.#finding.get(asked)!;
    this.#finding.delete(asked);
    take(found < 0 ? found : this.networks.at(found));
  }

  #addNetwork(number: number): void {
    this.networks.adopt(number);
    this.#addInterfaces(number);
  }

  #endNetwork(number: number): void {
    const interfaces = M.ofNetwork(number);
    this.#sockets.get(interfaces)?.release();
    this.#sockets.delete(interfaces);
    this.networks.at(number).release();
  }

  /** What calls are about that are about the interfaces of a network namespace alone. */
  #addInterfaces(number: number): void {
    const network = this.networks.at(number);
    const interfaces = new InterfaceSocket(network, PROTOCOLS.get(NETLINK_ROUTE)!, NETLINK_ROUTE);
    const name = M.ofNetwork(number);
    this.#sockets.set(name, new OwnedSocket(this, interfaces, name));
  }

  #set(name: SettingName, record: Int32Array): void {
    const { length } = SETTINGS[name].initial;
    this.networks
      .at(record[M.SETTING_NETWORK]!)
      .sysctls.adopt(name, Array.from(record.subarray(M.VALUES, M.VALUES + length)));
  }

  #tellText(asked: number, network: number, file: number, from: number): void {
    const { text, next } = partOf(this.networks.at(network), file, from);
    for (let at = 0; at < text.length; at += M.TEXT_MAX) {
      const record = this.record(Message.TEXT_PIECE);
      const piece = Buffer.from(text.slice(at, at + M.TEXT_MAX), "latin1");
      record[M.TEXT_ASKED] = asked;
      record[M.TEXT_LENGTH] = piece.length;
      new Uint8Array(record.buffer, record.byteOffset + M.TEXT_BYTES * 4, M.TEXT_MAX).set(piece);
      this.sendBack();
    }
    const record = this.record(Message.TEXT_END);
    record[M.TEXT_ASKED] = asked;
    record[M.FROM] = next;
    this.sendBack();
  }

  #move(record: Int32Array): void {
    const asked = record[M.MOVE_ASKED]!;
    const socket = this.#sockets.get(record[M.CALL_SOCKET]!);
    const [offset, length, isWrite] = [
      record[M.MOVE_OFFSET]!,
      record[M.MOVE_LENGTH]!,
      record[M.MOVE_IS_WRITE] !== 0,
    ];
    const result = socket === undefined ? -EBADF : this.#moveBytes(socket, record, isWrite, offset, length);
    const answer = this.record(Message.MOVED);
    answer[M.MOVED_ASKED] = asked;
    answer[M.MOVE_RESULT] = result;
    this.sendBack();
  }

  #moveBytes(
    socket: OwnedSocket,
    record: Int32Array,
    isWrite: boolean,
    offset: number,
    length: number,
  ): number {
    // It stands for the slot's memory, and who calls; the call itself is thread 0's.
    const task = new NetTask(this, record[M.SLOT]!);
    task.identify(record);
    const { file } = socket;
    try {
      return isWrite ? file.write(task, offset, length) : file.read(task, offset, length);
    } catch (error) {
      this.throws.caught("a socket threw while bytes were moved", error);
      return -EIO;
    } finally {
      socket.publish();
    }
  }

  #giveRing(asked: number, socket: OwnedSocket | undefined): void {
    const ring = socket?.ringToMap() ?? -EBADF;
    const record = this.record(Message.RING_GIVEN);
    record[M.RING_ASKED] = asked;
    record[M.RING_FD] = typeof ring === "number" ? ring : ring.fd;
    record[M.RING_SIZE] = typeof ring === "number" ? 0 : ring.size;
    this.sendBack();
  }

  #create(number: number, record: Int32Array): void {
    const family = FAMILIES_ON_NET.get(record[M.FAMILY]!)!;
    const credentials = initialCredentials(record[M.EUID]! >>> 0, record[M.EGID]! >>> 0, [], this.users);
    const made = family.create(
      { kernel: this, credentials, network: this.networks.at(record[M.NETWORK]!) },
      record[M.TYPE]!,
      record[M.PROTOCOL]!,
      0,
    );
    if (typeof made !== "number") made.givenInode = record[M.INODE]!;
    const answer = this.#made(number, made);
    if (typeof made !== "number") answer[M.PEER_LENGTH] = 0;
    this.sendBack();
  }

  #accept(number: number, listener: OwnedSocket | undefined, inode: number): void {
    const made = listener === undefined ? -EBADF : listener.file.accept(0, this.rootCredentials);
    if (typeof made !== "number") made.givenInode = inode;
    listener?.publish();
    const answer = this.#made(number, made);
    if (typeof made === "number") {
      const timeoutNs = listener?.file.timeouts.receiveNs ?? NEVER;
      answer[M.TIMEOUT] = timeoutNs === NEVER ? -1 : Math.min(Math.ceil(timeoutNs / NS_PER_MS), 0x7fffffff);
    } else {
      const peer = made.peerName();
      const bytes = Buffer.from(typeof peer === "number" ? "" : peer, "latin1").subarray(0, M.PEER_MAX);
      answer[M.PEER_LENGTH] = bytes.length;
      new Uint8Array(answer.buffer, answer.byteOffset + M.PEER * 4, M.PEER_MAX).set(bytes);
    }
    this.sendBack();
  }

  /** An answer to who has asked for a socket. */
  #made(number: number, made: SocketFile | number): Int32Array {
    const isMade = typeof made !== "number";
    if (isMade) this.#sockets.set(number, new OwnedSocket(this, made, number));
    const answer = this.record(Message.CREATED);
    answer[M.SOCKET] = number;
    answer[M.ERROR] = isMade ? 0 : made;
    return answer;
  }

  // ---- What is said to it ----

  record(kind: number): Int32Array {
    return this.post.record(kind);
  }

  sendBack(): void {
    this.post.send(SUPERVISOR);
  }

  /** Passes a slot to thread 0: a record to fill for it, or null: the slot was closed meanwhile. */
  passBack(kind: number, slot: number, sequence: number): Int32Array | null {
    if (!this.claims.pass(slot, NET, SUPERVISOR, sequence)) return null;
    const record = this.post.record(kind);
    record[M.SLOT] = slot;
    record[M.SEQUENCE] = sequence;
    return record;
  }

  nextSocketCookie(): number {
    return ++this.#lastCookie;
  }

  nextDevice(): number {
    return ++this.#lastId;
  }

  nextMappedId(): number {
    return ++this.#lastId;
  }

  nextSpaceId(): number {
    return ++this.#lastId;
  }
}
