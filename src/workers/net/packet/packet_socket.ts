// SOCK_RAW, SOCK_DGRAM and SOCK_PACKET sockets of AF_PACKET (packet(7)): frames of devices, as they go out and come in, with
// their link headers or without.

import * as E from "../../../shared/abi/errno.ts";
import { FIONREAD, TIOCOUTQ as SIOCOUTQ } from "../../../shared/abi/ioctl.ts";
import { IFF_UP } from "../../../shared/abi/netlink.ts";
import * as P from "../../../shared/abi/packet.ts";
import { POLLERR } from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import { runProgram } from "../../bpf/run.ts";
import type { Mapped } from "../../mem/vma.ts";
import type { Inode, Time } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import type { Ancillary, ControlWriter } from "../control.ts";
import type { Device } from "../devices/rows.ts";
import { addressIoctl } from "../inet/inet_ioctls.ts";
import type { InetStack } from "../inet/inet_stack.ts";
import type { Network } from "../network.ts";
import { int } from "../option_table.ts";
import { type Address, CAN_READ, CAN_WRITE, type Received, type SendRequest, SocketFile } from "../socket.ts";
import { HEADROOM, LARGE_SIZE } from "../stack/packet.ts";
import { trueSize } from "../stack/udp/format.ts";
import { SOCKET_DEVICE } from "../stand_in.ts";
import type { KeptFrame, SeenFrame } from "./frame.ts";
import * as Names from "./names.ts";
import { PacketOptions } from "./packet_options.ts";
import { routeOf, sendFrame } from "./sending.ts";
import { type RingUser, SocketRing } from "./socket_ring.ts";
import {
  COPY_SHIFT,
  type ListedPacketSocket,
  lostWithPeers,
  type PacketTaps,
  type Peers,
  type ToldSocket,
} from "./taps.ts";
import { virtioOf } from "./virtio_header.ts";

/** What a packet has room for where its network header stands; more than any device sends. */
const MESSAGE_MAX = LARGE_SIZE - HEADROOM;
const RECEIVE_FLAGS = S.MSG_PEEK | S.MSG_DONTWAIT | S.MSG_TRUNC | S.MSG_ERRQUEUE;
/** struct tpacket_auxdata */
const AUXDATA_SIZE = 20;
/** Instructions of a filter that cost as much as a turn's unit. */
const INSTRUCTIONS_SHIFT = 3;
const FRAME_COST = 2;
const RING_FRAME_COST = 24;
const NO_ADDRESS = new Uint8Array(0);
const [DIAG_RUNNING, DIAG_AUXDATA, DIAG_ORIGDEV, DIAG_VNETHDR, DIAG_LOSS] = [1, 2, 4, 8, 16];
/** In place of a device's index. */
const GONE = -1;

/** One that waits to be received. */
interface Waiting {
  readonly frame: KeptFrame;
  /** Bytes of it that are given, from where this socket looks. */
  readonly length: number;
  /** As many as there were. */
  readonly whole: number;
  readonly cost: number;
  next: Waiting | null;
}

/** What a control message tells of a frame. */
class Auxdata implements Ancillary {
  readonly waiting: Waiting;

  constructor(waiting: Waiting) {
    this.waiting = waiting;
  }

  release(): void {}
}

export class PacketSocket extends SocketFile implements ListedPacketSocket, RingUser {
  readonly domain = S.AF_PACKET;
  override readonly options: PacketOptions;
  readonly uid: number;
  place = 0;
  frameType = 0;
  device = 0;
  /** Since they were last asked for. */
  packets = 0;
  freezes = 0;
  #drops = 0;
  peers: Peers | null = null;
  lostBefore = 0;
  queuedBytes = 0;
  readonly #inet: InetStack;
  readonly #taps: PacketTaps;
  /** Where frames go instead of its queue, if it is there. */
  readonly #ring: SocketRing;
  #first: Waiting | null = null;
  #last: Waiting | null = null;
  #error = 0;
  #lastStamp: Time | null = null;
  #hasEnded = false;

  constructor(
    network: Network,
    inode: Inode | null,
    type: number,
    frameType: number,
    status: number,
    uid: number,
  ) {
    super(network, inode, type, 0, status);
    const { kernel } = network;
    this.uid = uid;
    this.options = new PacketOptions(this);
    this.#ring = new SocketRing(kernel, this);
    this.#inet = network.inet;
    this.#taps = network.inet.packets;
    this.frameType = frameType;
    this.#taps.list(this);
    this.#taps.add(network.inet.stack.core, this);
    kernel.counters.sockets++;
    kernel.counters.packetSockets++;
  }

  get keepsBounds(): boolean {
    return true;
  }

  override get messageMax(): number {
    return MESSAGE_MAX;
  }

  override neverWaits(flags: number): boolean {
    return super.neverWaits(flags) || (flags & S.MSG_ERRQUEUE) !== 0;
  }

  takeError(): number {
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  #fail(error: number): void {
    this.#error = error;
    this.waiters.wake(POLLERR);
  }

  // ---- Names ----

  #lookAt(frameType: number, device: number): void {
    this.#taps.remove(this);
    this.frameType = frameType;
    this.device = device;
    this.#taps.add(this.#inet.stack.core, this);
  }

  bind(_task: NetCaller, address: Address): number {
    const { devices } = this.network;
    if (this.type === S.SOCK_PACKET) {
      if (address.length !== Names.OLD_BIND_SIZE) return -E.EINVAL;
      const row = devices.byName(Names.oldNameIn(address).device);
      return row === undefined ? -E.ENODEV : this.#bindTo(this.frameType, row);
    }
    const name = Names.nameIn(address);
    if (name === null || name.family !== S.AF_PACKET) return -E.EINVAL;
    const row = name.index === 0 ? null : devices.byIndex(name.index);
    return row === undefined ? -E.ENODEV : this.#bindTo(name.protocol || this.frameType, row);
  }

  #bindTo(frameType: number, row: Device | null): number {
    this.#lookAt(frameType, row?.index ?? 0);
    if (row !== null && (row.flags & IFF_UP) === 0) this.#fail(E.ENETDOWN);
    return 0;
  }

  /** A device has changed, or is gone. */
  deviceChanged(index: number, isUp: boolean, isGone: boolean): void {
    if (index !== this.device) return;
    if (isGone) this.#lookAt(this.frameType, GONE);
    if (!isUp || isGone) this.#fail(E.ENETDOWN);
  }

  connect(): number {
    return -E.EOPNOTSUPP;
  }

  name(): Address {
    const row = this.device > 0 ? this.network.devices.byIndex(this.device) : undefined;
    if (this.type === S.SOCK_PACKET) return Names.oldOwnName(row?.name ?? "");
    const address = row?.address ?? NO_ADDRESS;
    return Names.nameOf(this.frameType, this.device, row?.type ?? 0, 0, address, false);
  }

  peerName(): number {
    return -E.EOPNOTSUPP;
  }

  shutdown(): number {
    return -E.EOPNOTSUPP;
  }

  // ---- What it sees ----

  get ignoresOutgoing(): boolean {
    return this.options.isOn(P.PACKET_IGNORE_OUTGOING);
  }

  /** How it is seen which way a frame goes may change. */
  setIgnoring(ignores: boolean): void {
    this.#taps.remove(this);
    this.options.keep(P.PACKET_IGNORE_OUTGOING, Number(ignores));
    this.#taps.add(this.#inet.stack.core, this);
  }

  costOf(bytes: number): number {
    const own = this.#ring.isThere ? RING_FRAME_COST + (bytes >> COPY_SHIFT) : FRAME_COST;
    return own + ((this.options.program?.length ?? 0) >> INSTRUCTIONS_SHIFT);
  }

  lose(count: number): void {
    this.#drops += count;
  }

  get drops(): number {
    return this.#drops + lostWithPeers(this);
  }

  /** They are counted anew. */
  clearCounts(): void {
    this.packets = 0;
    this.freezes = 0;
    this.#drops = -lostWithPeers(this);
  }

  see(frame: SeenFrame, keep: () => KeptFrame): void {
    const isCooked = this.type === S.SOCK_DGRAM;
    frame.start = isCooked ? frame.networkAt : frame.linkAt;
    const whole = frame.length;
    const { program, receiveBuffer } = this.options;
    const wanted = program === null ? whole : runProgram(program, frame);
    if (wanted === 0) return;
    const length = Math.min(whole, wanted);
    if (this.#ring.isThere) {
      const one = keep();
      if (this.#ring.put(one, this.#startOf(one), length, whole, this.drops > 0)) this.packets++;
      else this.#drops++;
      return;
    }
    const cost = trueSize(whole);
    if (this.queuedBytes >= receiveBuffer || !this.kernel.heap.hasRoom("socketMemory", cost)) {
      this.#drops++;
      return;
    }
    const waiting: Waiting = { frame: keep(), length, whole, cost, next: null };
    if (this.#last === null) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
    this.queuedBytes += cost;
    this.kernel.counters.socketMemory += cost;
    this.packets++;
    this.waiters.wake(CAN_READ);
  }

  #take(waiting: Waiting): void {
    this.#first = waiting.next;
    if (this.#first === null) this.#last = null;
    this.queuedBytes -= waiting.cost;
    this.kernel.counters.socketMemory -= waiting.cost;
  }

  /** Where in a kept frame this socket begins to look. */
  #startOf({ network }: KeptFrame): number {
    return this.type === S.SOCK_DGRAM ? network : 0;
  }

  receive(_task: NetCaller, room: number, flags: number): Received | number {
    if ((flags & ~RECEIVE_FLAGS) !== 0) return -E.EINVAL;
    if ((flags & S.MSG_ERRQUEUE) !== 0) return -E.EAGAIN;
    const error = this.takeError();
    if (error !== 0) return -error;
    const waiting = this.#first;
    if (waiting === null) return -E.EAGAIN;
    const { frame, length } = waiting;
    const { virtioSize } = this.options;
    if (virtioSize > 0 && room < virtioSize) return -E.EINVAL;
    if ((flags & S.MSG_PEEK) === 0) this.#take(waiting);
    const start = this.#startOf(frame);
    const given = frame.bytes.subarray(start, start + Math.min(room - virtioSize, length));
    this.#lastStamp = frame.at;
    return {
      data: virtioSize === 0 ? given : Buffer.concat([virtioOf(frame, start, virtioSize), given]),
      length: length + virtioSize,
      flags: room - virtioSize < length ? S.MSG_TRUNC : 0,
      address: this.#nameOf(frame),
      ancillary: this.options.isOn(P.PACKET_AUXDATA) ? new Auxdata(waiting) : null,
      sentAt: frame.at,
      putBack: () => {},
    };
  }

  #nameOf({ hardwareType, deviceName, type, index, delivery, sender }: KeptFrame): Address {
    if (this.type === S.SOCK_PACKET) return Names.oldNameOf(hardwareType, deviceName, type);
    return Names.nameOf(type, index, hardwareType, delivery, sender, true);
  }

  override readControl(): null {
    return null;
  }

  override writeControl(task: NetCaller, writer: ControlWriter, received: Received, flags: number): null {
    super.writeControl(task, writer, received, flags);
    const ancillary: Ancillary | null = received.ancillary;
    if (this.options.isOn(S.SO_RXQ_OVFL) && this.drops > 0)
      writer.add(S.SOL_SOCKET, S.SO_RXQ_OVFL, int(this.drops));
    if (!(ancillary instanceof Auxdata)) return null;
    const { frame, length, whole } = ancillary.waiting;
    const bytes = Buffer.alloc(AUXDATA_SIZE);
    bytes.writeUInt32LE(P.TP_STATUS_USER | frame.status, 0);
    bytes.writeUInt32LE(whole, 4);
    bytes.writeUInt32LE(length, 8);
    bytes.writeUInt16LE(frame.network - this.#startOf(frame), 14);
    writer.add(P.SOL_PACKET, P.PACKET_AUXDATA, bytes);
    return null;
  }

  // ---- Sending ----

  send(_task: NetCaller, { data, address }: SendRequest): number {
    const route = routeOf(this, address);
    return typeof route === "number" ? route : sendFrame(this, this.#inet, data, route);
  }

  // ---- As a file ----

  poll(): number {
    let events = CAN_WRITE;
    if (this.#error !== 0) events |= POLLERR;
    if (this.#first !== null || this.#ring.isReadable) events |= CAN_READ;
    return events;
  }

  protected override stampOfLast(): Time | number {
    return this.#lastStamp ?? -E.ENOENT;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    switch (request >>> 0) {
      case FIONREAD:
        return this.tellNumber(task, argument, this.#first?.length ?? 0);
      case SIOCOUTQ:
        return this.tellNumber(task, argument, 0);
      default:
        return (
          addressIoctl(task, this.network, S.AF_INET, request, argument) ??
          super.ioctl(task, request, argument)
        );
    }
  }

  told(): ToldSocket {
    const { options } = this;
    const number = (name: number): number => (options.kept(name) ?? 0) >>> 0;
    const flags =
      (this.frameType !== 0 && this.device !== GONE ? DIAG_RUNNING : 0) |
      (options.isOn(P.PACKET_AUXDATA) ? DIAG_AUXDATA : 0) |
      (options.isOn(P.PACKET_ORIGDEV) ? DIAG_ORIGDEV : 0) |
      (options.virtioSize > 0 ? DIAG_VNETHDR : 0) |
      (options.isOn(P.PACKET_LOSS) ? DIAG_LOSS : 0);
    const { version, reserve, receiveBuffer, sendBuffer } = options;
    const [threshold, stamps] = [number(P.PACKET_COPY_THRESH), number(P.PACKET_TIMESTAMP)];
    return {
      info: [Math.max(0, this.device), version, reserve, threshold, stamps, flags],
      receiveRing: this.#ring.request === null ? null : Object.values(this.#ring.request),
      sendRing: null,
      memory: [this.queuedBytes, receiveBuffer, 0, sendBuffer, 0, 0, 0, 0, this.drops],
    };
  }

  // ---- Its ring ----

  override get hasRing(): boolean {
    return this.#ring.isThere;
  }

  setRing(value: Buffer, isForSending: boolean): number {
    const { version, reserve } = this.options;
    return this.#ring.set(value, isForSending, version, reserve);
  }

  filled(): void {
    this.waiters.wake(CAN_READ);
  }

  frozen(): void {
    this.freezes++;
  }

  override ringToMap(): { readonly fd: number; readonly size: number } | number {
    return this.#ring.toMap();
  }

  override beforeMap(_task: NetCaller, offset: number, length: number): number {
    return this.#ring.isThere && offset === 0 && length === this.#ring.size ? 0 : -E.EINVAL;
  }

  override map(): { backing: Mapped; hostFd: number; offset: number } | number {
    const ring = this.#ring.toMap();
    if (typeof ring === "number") return ring;
    const id = this.kernel.nextMappedId();
    const backing = { id, path: this.describe(), dev: SOCKET_DEVICE, ino: this.inodeNumber };
    return { backing, hostFd: ring.fd, offset: 0 };
  }

  release(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#taps.remove(this);
    this.#taps.unlist(this);
    const { counters } = this.kernel;
    counters.socketMemory -= this.queuedBytes;
    this.queuedBytes = 0;
    this.#first = null;
    this.#last = null;
    this.#ring.drop();
    this.options.end();
    counters.sockets--;
    counters.packetSockets--;
    this.leaveNetwork();
  }
}
