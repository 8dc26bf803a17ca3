// Options of AF_NETLINK sockets (netlink(7)): memberships in groups, and the form of answers.

import { EINVAL, ENOPROTOOPT, EPERM } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { NetCaller } from "../caller.ts";
import type { ControlWriter } from "../control.ts";
import { flag, getOption, INT, int, type Option, type OptionTable, setOption } from "../option_table.ts";
import { SOCKET_LEVEL, SocketOptions } from "../options.ts";
import { mayAdminister } from "../privileges.ts";
import type { Address } from "../socket.ts";
import type { NetlinkSocket } from "./netlink_socket.ts";
import type { Protocol } from "./protocols.ts";

const ADDRESS_GROUPS = 8;
const WORD_BITS = 32;

/** Groups that a socket is in, of which the first 32 are in its name. */
class Memberships {
  /** How many there are; those above 64 are not needed by any protocol. */
  readonly #groups: number;
  #low = 0;
  #high = 0;
  /** One was joined, or left, before. */
  #isUsed = false;

  /** Told of other groups among the first. */
  readonly #onChange: (before: number, after: number) => void;

  constructor(groups: number, onChange: (before: number, after: number) => void) {
    this.#groups = groups;
    this.#onChange = onChange;
  }

  /** The first 32, as addresses name them. */
  get low(): number {
    return this.#low;
  }

  set low(groups: number) {
    const before = this.#low;
    this.#isUsed ||= groups !== 0;
    this.#low = groups;
    this.#onChange(before, groups);
  }

  has(group: number): boolean {
    return group <= 32 ? ((this.#low >>> (group - 1)) & 1) !== 0 : ((this.#high >>> (group - 33)) & 1) !== 0;
  }

  set(group: number, isMember: boolean): void {
    const bit = 1 << ((group - 1) & 31);
    this.#isUsed = true;
    if (group <= 32) this.low = isMember ? this.#low | bit : this.#low & ~bit;
    else this.#high = isMember ? this.#high | bit : this.#high & ~bit;
  }

  get words(): readonly number[] {
    return this.#isUsed ? [this.#low, this.#high].slice(0, Math.ceil(this.#groups / WORD_BITS)) : [];
  }
}

function membership(isMember: boolean): Option<NetlinkOptions> {
  return {
    set: (options, value, task) => {
      if (!options.mayListen(task)) return -EPERM;
      const group = value.readInt32LE();
      if (group < 1 || group > options.protocol.groups) return -EINVAL;
      options.memberships.set(group, isMember);
      return 0;
    },
  };
}

const NETLINK_LEVEL: OptionTable<NetlinkOptions> = new Map<number, Option<NetlinkOptions>>([
  [N.NETLINK_ADD_MEMBERSHIP, membership(true)],
  [N.NETLINK_DROP_MEMBERSHIP, membership(false)],
  [N.NETLINK_PKTINFO, flag(N.NETLINK_PKTINFO)],
  [N.NETLINK_BROADCAST_ERROR, flag(N.NETLINK_BROADCAST_ERROR)],
  [N.NETLINK_NO_ENOBUFS, flag(N.NETLINK_NO_ENOBUFS)],
  [N.NETLINK_LISTEN_ALL_NSID, { ...flag(N.NETLINK_LISTEN_ALL_NSID) }],
  [
    N.NETLINK_LIST_MEMBERSHIPS,
    {
      get: (options, _task, room) => {
        const bytes = Buffer.concat(options.memberships.words.map(int));
        return bytes.subarray(0, room & ~(INT - 1));
      },
    },
  ],
  [N.NETLINK_CAP_ACK, flag(N.NETLINK_CAP_ACK)],
  [N.NETLINK_EXT_ACK, flag(N.NETLINK_EXT_ACK)],
  [N.NETLINK_GET_STRICT_CHK, flag(N.NETLINK_GET_STRICT_CHK)],
]);

/** Credentials of the kernel, which most messages are from: struct ucred. */
const KERNEL = new Uint8Array(12);

const NETLINK_SOCKET_LEVEL: OptionTable = new Map([...SOCKET_LEVEL, [S.SO_PASSCRED, flag(S.SO_PASSCRED)]]);

export class NetlinkOptions extends SocketOptions {
  readonly protocol: Protocol;
  readonly memberships: Memberships;

  constructor(socket: NetlinkSocket, protocol: Protocol) {
    super(socket);
    this.protocol = protocol;
    this.memberships = new Memberships(protocol.groups, (before, after) =>
      socket.network.netlinkPorts.moved(socket.protocol, socket, before, after),
    );
  }

  /** Whether who calls may join groups. */
  mayListen(task: NetCaller): boolean {
    return this.protocol.mayAnyoneListen || mayAdminister(task, this.socket.network);
  }

  /** Errors come with words. */
  get explainsErrors(): boolean {
    return this.#is(N.NETLINK_EXT_ACK);
  }

  isListening(): boolean {
    return false;
  }

  #is(name: number): boolean {
    return this.kept(name) === 1;
  }

  /** Answers to errors have no more of the request than its header. */
  get capsAcknowledgements(): boolean {
    return this.#is(N.NETLINK_CAP_ACK);
  }

  /** What stands in front of a dump's request counts. */
  get isStrict(): boolean {
    return this.#is(N.NETLINK_GET_STRICT_CHK);
  }

  /** What has no room is lost without a word. */
  get toleratesLoss(): boolean {
    return this.#is(N.NETLINK_NO_ENOBUFS);
  }

  /** What goes with a message from that address. */
  writeControl(writer: ControlWriter, address: Address): void {
    if (this.#is(N.NETLINK_PKTINFO)) {
      const groups = Buffer.from(address, "latin1").readUInt32LE(ADDRESS_GROUPS);
      writer.add(N.SOL_NETLINK, N.NETLINK_PKTINFO, int(WORD_BITS - Math.clz32(groups)));
    }
    if (this.#is(S.SO_PASSCRED)) writer.add(S.SOL_SOCKET, S.SCM_CREDENTIALS, KERNEL);
  }

  protected override get socketLevel(): OptionTable {
    return NETLINK_SOCKET_LEVEL;
  }

  override checkLevel(level: number): number {
    return level === S.SOL_SOCKET || level === N.SOL_NETLINK ? 0 : -ENOPROTOOPT;
  }

  override get(level: number, name: number, task: NetCaller, room: number): Buffer | number {
    if (level === S.SOL_SOCKET) return super.get(level, name, task, room);
    const value = getOption(NETLINK_LEVEL, this, name, task, room);
    return typeof value !== "number" && room < INT && name !== N.NETLINK_LIST_MEMBERSHIPS ? -EINVAL : value;
  }

  override set(level: number, name: number, value: Buffer, task: NetCaller): number {
    if (level === S.SOL_SOCKET) return super.set(level, name, value, task);
    // As Linux has it, what is too short is zero.
    const whole = value.length < INT ? Buffer.alloc(INT) : value;
    return setOption(NETLINK_LEVEL, this, name, whole, task);
  }
}
