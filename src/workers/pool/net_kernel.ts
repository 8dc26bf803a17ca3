// The kernel of the thread NET: what its sockets use of a kernel.

import { EBADF, EIO } from "../../shared/abi/errno.ts";
import { NETLINK_ROUTE } from "../../shared/abi/netlink.ts";
import { Readiness } from "../../shared/ring/readiness.ts";
import { NEVER } from "../call/clocks.ts";
import { initialCredentials } from "../credentials/credentials.ts";
import { NOBODY_MAPPED } from "../credentials/id_map.ts";
import { Owned, type UserNamespace } from "../credentials/user_namespace.ts";
import type { NetContext } from "../net/context.ts";
import { FAMILIES_ON_NET } from "../net/families.ts";
import { partOf } from "../net/files/texts.ts";
import type { NamingTask, NetworkName } from "../net/named_networks.ts";
import { PROTOCOLS } from "../net/netlink/protocols.ts";
import type { Network } from "../net/network.ts";
import { Networks } from "../net/networks.ts";
import type { SocketFile } from "../net/socket.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "../sysctls.ts";
import type { ThreadParts } from "../thread_parts.ts";
import { FileEvents } from "../vfs/file_events.ts";
import { LockTable } from "../vfs/file_locks.ts";
import { InterfaceSocket } from "./interface_socket.ts";
import { KnownUsers } from "./known_users.ts";
import * as M from "./messages.ts";
import { Message } from "./messages.ts";
import { NetTask } from "./net_call.ts";
import { NetRequests } from "./net_requests.ts";
import { OwnedSocket } from "./owned_sockets.ts";
import { PoolKernel, type PoolPlace } from "./pool_kernel.ts";

type TakeNetwork = (found: Network | number) => void;

const NS_PER_MS = 1e6;
/** Numbers that thread 0 never comes to. */
const COOKIES = 2 ** 40;

export class NetKernel extends PoolKernel implements NetContext {
  readonly requests: NetRequests;
  readonly readiness: Readiness;
  readonly fileEvents = new FileEvents();
  readonly locks = new LockTable(this);
  readonly directMemory = null;
  readonly networks: Networks;
  readonly network: Network;
  /** Thread 0 has the inodes. */
  readonly anonymous = { socket: () => null };
  readonly netThread = null;
  readonly #sockets = new Map<number, OwnedSocket>();
  readonly #finding = new Map<number, TakeNetwork>();
  readonly #knownUsers: KnownUsers;
  /** That of who makes the next call. */
  #callersUsers: UserNamespace;
  #lastAsked = 0;
  #lastCookie = COOKIES;

  /** `every`: of the calls that trap here thread 0 is shown one in so many; 0: none. */
  constructor(parts: ThreadParts, place: PoolPlace, every: number) {
    super(parts, place);
    this.readiness = new Readiness(parts.sab.readiness);
    this.requests = new NetRequests(this, every);
    this.#knownUsers = new KnownUsers(this.users);
    this.#callersUsers = this.users;
    this.networks = new Networks(this, this.sysctls);
    this.network = this.networks.first;
    this.#addInterfaces(this.network.number);
  }

  /** Thread 0 has told of all networks that they are gone. */
  override get isIdle(): boolean {
    return super.isIdle && this.networks.size === 0;
  }

  // ---- What thread 0 says ----

  protected override receive(record: Int32Array): void {
    const number = record[M.SOCKET]!;
    switch (record[M.KIND]) {
      case Message.CALL:
        this.requests.call(record, this.#sockets.get(record[M.CALL_SOCKET]!), this.#takeUsers());
        return;
      case Message.CALLER_USERS:
        this.#callersUsers = this.#knownUsers.at(record[M.USERS]!);
        return;
      case Message.USERS_MADE:
        this.#knownUsers.made(record);
        return;
      case Message.USERS_MAPPED:
        this.#knownUsers.mappedLine(record);
        return;
      case Message.USERS_GONE:
        this.#knownUsers.ended(record);
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
        this.#addNetwork(record[M.NETWORK]!, this.#knownUsers.at(record[M.NETWORK_USERS]!));
        return;
      case Message.NETWORK_GONE:
        this.#endNetwork(record[M.NETWORK]!);
        return;
      case Message.THAT_NETWORK:
        this.#found(record[M.ASKED]!, record[M.FOUND]!);
        return;
      case Message.TEXT:
        this.#tellText(
          record[M.TEXT_ASKED]!,
          record[M.TEXT_NETWORK]!,
          record[M.TEXT]!,
          record[M.FROM]!,
          record[M.TEXT_USERS]!,
        );
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

  #takeUsers(): UserNamespace {
    const users = this.#callersUsers;
    this.#callersUsers = this.users;
    return users;
  }

  #addNetwork(number: number, users: UserNamespace): void {
    this.networks.adopt(number, new Owned(users, "net", users.owner.uid));
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

  #tellText(asked: number, network: number, file: number, from: number, users: number): void {
    const reader = users === M.NOBODY ? NOBODY_MAPPED : this.#knownUsers.at(users).uids;
    const { text, next } = partOf(this.networks.at(network), file, from, reader);
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
    const users = this.#takeUsers();
    const result =
      socket === undefined ? -EBADF : this.#moveBytes(socket, record, users, isWrite, offset, length);
    const answer = this.record(Message.MOVED);
    answer[M.MOVED_ASKED] = asked;
    answer[M.MOVE_RESULT] = result;
    this.sendBack();
  }

  #moveBytes(
    socket: OwnedSocket,
    record: Int32Array,
    users: UserNamespace,
    isWrite: boolean,
    offset: number,
    length: number,
  ): number {
    // It stands for the slot's memory, and who calls; the call itself is thread 0's.
    const task = new NetTask(this, record[M.SLOT]!);
    task.identify(record, users);
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

  nextSocketCookie(): number {
    return ++this.#lastCookie;
  }
}
