// Options of AF_PACKET sockets (packet(7)): those of SOL_PACKET, and what they have of SOL_SOCKET beside what all have.

import { EBUSY, EINVAL, ENOBUFS, ENODEV, ENOENT, ENOPROTOOPT, EPERM } from "../../../shared/abi/errno.ts";
import * as P from "../../../shared/abi/packet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Program } from "../../bpf/program.ts";
import type { Coroutine } from "../../call/call.ts";
import { readGuest } from "../../call/guest_copy.ts";
import type { NetCaller } from "../caller.ts";
import {
  flag,
  getOption,
  INT,
  int,
  kept,
  type Option,
  type OptionTable,
  setOption,
} from "../option_table.ts";
import { SOCKET_LEVEL, SocketOptions, timestamping } from "../options.ts";
import { attachProgram, type ProgramTaker } from "../program_option.ts";
import type { PacketSocket } from "./packet_socket.ts";
import { FRAME_HEADERS } from "./ring_request.ts";

/** struct packet_mreq: an index, a type, an address and its length. */
const REQUEST_SIZE = 16;
const REQUEST_ADDRESS = 8;
/** Memberships of a socket. */
const MEMBERSHIPS_MAX = 256;
/** struct virtio_net_hdr, and with a number of buffers. */
const VIRTIO_SIZES: ReadonlySet<number> = new Set([10, 12]);
const VIRTIO_SIZE = 10;
const MEMINFO_WORDS = 9;
const SIZE_MAX = 0x7fffffff;

type PacketOption = Option<PacketOptions>;

/** A number that is one of some. */
function oneOf(key: "version", count: number): PacketOption {
  return {
    get: (options) => int(options[key]),
    set: (options, value) => {
      const number = value.readInt32LE();
      if (number < 0 || number >= count) return -EINVAL;
      if (options.packet.hasRing) return -EBUSY;
      options[key] = number;
      return 0;
    },
  };
}

/** Joins or leaves: what a device receives beside what is its own. Taps see all that comes, but for what passes a bridge. */
function membership(isAdded: boolean): PacketOption {
  return {
    set: (options, value, task) => {
      if (value.length < REQUEST_SIZE) return -EINVAL;
      const length = value.readUInt16LE(6);
      // Of a longer structure, with a longer address.
      if (length > 8 && value.length < REQUEST_ADDRESS + length) return -EINVAL;
      const key = value.toString("latin1", 0, REQUEST_ADDRESS + Math.min(length, 32));
      return isAdded ? options.join(task, key, value) : options.leave(key);
    },
  };
}

const STATISTICS: PacketOption = {
  get: (options) => {
    const { packet } = options;
    const isV3 = options.version === P.TPACKET_V3;
    const bytes = Buffer.alloc(isV3 ? 3 * INT : 2 * INT);
    bytes.writeUInt32LE((packet.packets + packet.drops) >>> 0, 0);
    bytes.writeUInt32LE(packet.drops >>> 0, INT);
    if (isV3) bytes.writeUInt32LE(packet.freezes, 2 * INT);
    packet.clearCounts();
    return bytes;
  },
};

/** The version that is asked for stands where the answer will. */
function* tellHeaderLength(task: NetCaller): Coroutine {
  const { call } = task;
  const [address, lengthAt] = [call.frame.argumentUnsigned(3), call.frame.argumentUnsigned(4)];
  const bytes = yield* readGuest(task, address, INT);
  if (typeof bytes === "number") return bytes;
  const size = FRAME_HEADERS[bytes.readInt32LE()];
  if (size === undefined) return -EINVAL;
  call.view.setInt32(call.out(address, INT), size, true);
  call.view.setInt32(call.out(lengthAt, INT), INT, true);
  return 0;
}

const HEADER_LENGTH: PacketOption = {
  get: (_options, task, room) => (room < INT ? -EINVAL : task.call.start(tellHeaderLength(task))),
};

const PACKET_LEVEL: OptionTable<PacketOptions> = new Map<number, PacketOption>([
  [P.PACKET_ADD_MEMBERSHIP, membership(true)],
  [P.PACKET_DROP_MEMBERSHIP, membership(false)],
  [P.PACKET_STATISTICS, STATISTICS],
  [P.PACKET_COPY_THRESH, kept(P.PACKET_COPY_THRESH) as PacketOption],
  [P.PACKET_AUXDATA, flag(P.PACKET_AUXDATA) as PacketOption],
  [P.PACKET_ORIGDEV, flag(P.PACKET_ORIGDEV) as PacketOption],
  [P.PACKET_VERSION, oneOf("version", FRAME_HEADERS.length)],
  [P.PACKET_HDRLEN, HEADER_LENGTH],
  [
    P.PACKET_RESERVE,
    {
      get: ({ reserve }) => int(reserve),
      set: (options, value) => {
        const reserve = value.readUInt32LE();
        if (reserve > SIZE_MAX) return -EINVAL;
        if (options.packet.hasRing) return -EBUSY;
        options.reserve = reserve;
        return 0;
      },
    },
  ],
  [P.PACKET_LOSS, flag(P.PACKET_LOSS) as PacketOption],
  [
    P.PACKET_VNET_HDR,
    {
      get: ({ virtioSize }) => int(Number(virtioSize > 0)),
      set: (options, value) => {
        if (options.packet.type !== S.SOCK_RAW || options.packet.hasRing) return -EINVAL;
        options.virtioSize = value.readInt32LE() !== 0 ? VIRTIO_SIZE : 0;
        return 0;
      },
    },
  ],
  [
    P.PACKET_VNET_HDR_SZ,
    {
      get: ({ virtioSize }) => int(virtioSize),
      set: (options, value) => {
        const size = value.readInt32LE();
        if (options.packet.type !== S.SOCK_RAW || options.packet.hasRing) return -EINVAL;
        if (size !== 0 && !VIRTIO_SIZES.has(size)) return -EINVAL;
        options.virtioSize = size;
        return 0;
      },
    },
  ],
  [P.PACKET_TIMESTAMP, kept(P.PACKET_TIMESTAMP) as PacketOption],
  [P.PACKET_TX_HAS_OFF, flag(P.PACKET_TX_HAS_OFF) as PacketOption],
  [P.PACKET_QDISC_BYPASS, flag(P.PACKET_QDISC_BYPASS) as PacketOption],
  [
    P.PACKET_IGNORE_OUTGOING,
    {
      get: (options) => int(Number(options.isOn(P.PACKET_IGNORE_OUTGOING))),
      set: ({ packet }, value) => {
        const wanted = value.readInt32LE();
        if (wanted !== 0 && wanted !== 1) return -EINVAL;
        packet.setIgnoring(wanted === 1);
        return 0;
      },
    },
  ],
]);

/** What is longer than a number. */
const RING_OPTIONS: OptionTable<PacketOptions> = new Map<number, PacketOption>([
  [P.PACKET_RX_RING, { set: (options, value) => options.packet.setRing(value, false) }],
  [P.PACKET_TX_RING, { set: (options, value) => options.packet.setRing(value, true) }],
]);

const PACKET_SOCKET_LEVEL: OptionTable<PacketOptions> = new Map<number, PacketOption>([
  ...(SOCKET_LEVEL as OptionTable<PacketOptions>),
  [S.SO_PROTOCOL, { get: () => int(0) }],
  [S.SO_TIMESTAMPING_OLD, timestamping(S.SO_TIMESTAMPING_OLD) as PacketOption],
  [S.SO_TIMESTAMPING_NEW, timestamping(S.SO_TIMESTAMPING_NEW) as PacketOption],
  [S.SO_ATTACH_FILTER, { get: () => Buffer.alloc(0), set: attachProgram }],
  [
    S.SO_DETACH_FILTER,
    { set: (options) => (options.isFilterLocked ? -EPERM : options.dropFilter() ? 0 : -ENOENT) },
  ],
  [
    S.SO_LOCK_FILTER,
    {
      get: (options) => int(Number(options.isFilterLocked)),
      set: (options, value) => {
        const isOn = value.readInt32LE() !== 0;
        if (options.isFilterLocked && !isOn) return -EPERM;
        options.keep(S.SO_LOCK_FILTER, Number(isOn));
        return 0;
      },
    },
  ],
  [
    S.SO_MEMINFO,
    {
      get: (options) => {
        const bytes = Buffer.alloc(MEMINFO_WORDS * INT);
        bytes.writeUInt32LE(options.packet.queuedBytes, 0);
        bytes.writeUInt32LE(options.receiveBuffer, INT);
        bytes.writeUInt32LE(options.sendBuffer, 3 * INT);
        bytes.writeUInt32LE(options.packet.drops, 8 * INT);
        return bytes;
      },
    },
  ],
  [S.SO_MAX_PACING_RATE, kept(S.SO_MAX_PACING_RATE, -1) as PacketOption],
]);

export class PacketOptions extends SocketOptions implements ProgramTaker {
  readonly packet: PacketSocket;
  /** TPACKET_V* of its rings. */
  version = P.TPACKET_V1;
  /** Bytes that frames in rings have before them. */
  reserve = 0;
  /** Of the header before each frame; 0: there is none. */
  virtioSize = 0;
  /** Null: it takes all. */
  program: Program | null = null;
  #filterBytes = 0;
  /** How often each was joined, by its request. */
  readonly #memberships = new Map<string, number>();

  constructor(socket: PacketSocket) {
    super(socket);
    const { sysctls } = socket.kernel;
    this.packet = socket;
    this.sendBuffer = sysctls.get("net/core/wmem_default");
    this.receiveBuffer = sysctls.get("net/core/rmem_default");
  }

  isListening(): boolean {
    return false;
  }

  isOn(name: number): boolean {
    return (this.kept(name) ?? 0) !== 0;
  }

  // ---- The filter ----

  get isFilterLocked(): boolean {
    return this.kept(S.SO_LOCK_FILTER) === 1;
  }

  dropFilter(): boolean {
    const hadOne = this.program !== null;
    this.packet.kernel.counters.socketMemory -= this.#filterBytes;
    this.#filterBytes = 0;
    this.program = null;
    return hadOne;
  }

  takeFilter(program: Program, bytes: number): void {
    this.program = program;
    this.#filterBytes = bytes;
  }

  // ---- Memberships ----

  join(task: NetCaller, key: string, value: Buffer): number {
    const device = this.packet.network.devices.byIndex(value.readInt32LE(0));
    if (device === undefined) return -ENODEV;
    const [type, length] = [value.readUInt16LE(4), value.readUInt16LE(6)];
    if (length > device.address.length) return -EINVAL;
    const isOfAddress = type === P.PACKET_MR_MULTICAST || type === P.PACKET_MR_UNICAST;
    const joined = this.#memberships.get(key) ?? 0;
    if (joined === 0 && isOfAddress && length !== device.address.length) return -EINVAL;
    const { heap } = task.kernel;
    if (joined === 0 && (this.#memberships.size >= MEMBERSHIPS_MAX || !heap.hasRoom("groupMemberships")))
      return -ENOBUFS;
    if (joined === 0) this.#count(key, 1);
    this.#memberships.set(key, joined + 1);
    return 0;
  }

  /** One that was not joined is left all the same. */
  leave(key: string): number {
    const joined = this.#memberships.get(key) ?? 0;
    if (joined > 1) this.#memberships.set(key, joined - 1);
    else if (this.#memberships.delete(key)) this.#count(key, -1);
    return 0;
  }

  #count(key: string, change: 1 | -1): void {
    const { kernel, network } = this.packet;
    kernel.counters.groupMemberships += change;
    const request = Buffer.from(key, "latin1");
    if (request.readUInt16LE(4) === P.PACKET_MR_PROMISC)
      network.inet.packets.countPromiscuous(request.readInt32LE(0), change);
  }

  /** The socket ends. */
  end(): void {
    this.dropFilter();
    for (const key of this.#memberships.keys()) this.#count(key, -1);
    this.#memberships.clear();
  }

  // ---- Levels ----

  protected override get socketLevel(): OptionTable {
    return PACKET_SOCKET_LEVEL as OptionTable;
  }

  override checkLevel(): number {
    return 0;
  }

  override takeError(): number {
    return this.packet.takeError();
  }

  override get(level: number, name: number, task: NetCaller, room: number): Buffer | number {
    if (level === S.SOL_SOCKET) return super.get(level, name, task, room);
    return level === P.SOL_PACKET ? getOption(PACKET_LEVEL, this, name, task, room) : -ENOPROTOOPT;
  }

  override set(level: number, name: number, value: Buffer, task: NetCaller): number {
    if (level === S.SOL_SOCKET) return super.set(level, name, value, task);
    if (level !== P.SOL_PACKET) return -ENOPROTOOPT;
    const ring = RING_OPTIONS.get(name);
    if (ring !== undefined) return ring.set!(this, value, task);
    return PACKET_LEVEL.get(name)?.set === undefined
      ? -ENOPROTOOPT
      : setOption(PACKET_LEVEL, this, name, value, task);
  }
}
