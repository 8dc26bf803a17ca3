// The packet sockets of a kernel thread, and what they see of its stack's devices: whoever wants all frames gets those that
// go out and those that come in, others those that come in of their protocol.
//
// A frame costs what there are sockets. What one turn of the stack spends on them is bounded (F26): frames beyond that are
// lost to the sockets that are left, which count them.

import { IFF_UP } from "../../../shared/abi/netlink.ts";
import { ETH_P_ALL } from "../../../shared/abi/packet.ts";
import type { Native } from "../../native.ts";
import { now } from "../../vfs/clock.ts";
import type { Devices } from "../devices/devices.ts";
import type { Device } from "../devices/rows.ts";
import type { StackCore } from "../stack/core.ts";
import type { NetDevice } from "../stack/device.ts";
import * as Ethernet from "../stack/eth/format.ts";
import type { Packet } from "../stack/packet.ts";
import { NO_LINK, OUTGOING, type Tap } from "../stack/tap.ts";
import { type KeptFrame, SeenFrame } from "./frame.ts";

/** What one turn spends, in about a quarter of a microsecond each. */
const SPENT_A_TURN = 6000;
/** As much work as a packet of the stack's. */
const PACKET_SHIFT = 4;

/** A packet socket, as those know it who see frames. */
export interface Onlooker {
  /** ETH_P_* of what it wants; 0: nothing. */
  readonly frameType: number;
  /** The index of its device; 0: any. */
  readonly device: number;
  readonly ignoresOutgoing: boolean;
  /** What one frame more costs it, in the measure of a turn. */
  readonly frameCost: number;
  /** Looks at a frame, and takes it, or does not; `keep` makes the copy that all share. */
  see(frame: SeenFrame, keep: () => KeptFrame): void;
  /** It loses one unseen. */
  lose(): void;
}

/** Words of linux/packet_diag.h: struct packet_diag_info, struct packet_diag_ring, and of memory. */
export interface ToldSocket {
  readonly info: readonly number[];
  /** Null: it has none. */
  readonly receiveRing: readonly number[] | null;
  readonly sendRing: readonly number[] | null;
  readonly memory: readonly number[];
}

/** What lists tell of one. */
export interface ListedPacketSocket extends Onlooker {
  /** Among all. */
  place: number;
  readonly type: number;
  readonly uid: number;
  readonly cookie: number;
  readonly inodeNumber: number;
  readonly queuedBytes: number;
  /** Of it what sock_diag tells. */
  told(): ToldSocket;
  /** A device has changed, or is gone. */
  deviceChanged(index: number, isUp: boolean, isGone: boolean): void;
}

export class PacketTaps implements Tap {
  readonly #native: Native;
  /** All there are, each at a place of its own: who lists them goes on where it stopped. */
  readonly #places: (ListedPacketSocket | null)[] = [];
  readonly #free: number[] = [];
  /** Those that see all, and those of one protocol. */
  readonly #all = new Set<Onlooker>();
  readonly #typed = new Map<number, Set<Onlooker>>();
  readonly #seen = new SeenFrame();
  #core: StackCore | null = null;
  #count = 0;
  #turn = -1;
  #spent = 0;
  #kept: KeptFrame | null = null;
  /** Whose frame is on its way: that one does not see it go. */
  sender: Onlooker | null = null;
  readonly #keep = (): KeptFrame => {
    this.#kept ??= this.#seen.kept(now(this.#native));
    return this.#kept;
  };

  constructor(native: Native, devices: Devices) {
    this.#native = native;
    devices.listeners.push((change) => {
      if (change.kind === "link") this.#deviceChanged(change.row, change.isGone);
    });
  }

  #deviceChanged({ index, flags }: Device, isGone: boolean): void {
    for (const one of this.#places) one?.deviceChanged(index, (flags & IFF_UP) !== 0, isGone);
  }

  // ---- All of them ----

  /** Places that were ever used; some are empty. */
  get length(): number {
    return this.#places.length;
  }

  at(place: number): ListedPacketSocket | null {
    return this.#places[place] ?? null;
  }

  list(one: ListedPacketSocket): void {
    one.place = this.#free.pop() ?? this.#places.length;
    this.#places[one.place] = one;
  }

  unlist({ place }: ListedPacketSocket): void {
    this.#places[place] = null;
    this.#free.push(place);
  }

  // ---- Those that see frames ----

  add(core: StackCore, one: Onlooker): void {
    if (one.frameType === 0) return;
    this.#core = core;
    this.#count++;
    core.tap = this;
    if (one.frameType === ETH_P_ALL) {
      this.#all.add(one);
      return;
    }
    const others = this.#typed.get(one.frameType);
    if (others === undefined) this.#typed.set(one.frameType, new Set([one]));
    else others.add(one);
  }

  remove(one: Onlooker): void {
    const typed = this.#typed.get(one.frameType);
    if (!this.#all.delete(one) && typed?.delete(one) !== true) return;
    if (typed?.size === 0) this.#typed.delete(one.frameType);
    this.#count--;
    if (this.#count === 0) this.#core!.tap = null;
  }

  frame(packet: Packet, device: NetDevice, delivery: number, link: number, network: number): void {
    const linkAt = link === NO_LINK ? this.#makeLink(packet, device, network) : link;
    if (linkAt < packet.base) return;
    const seen = this.#seen;
    seen.packet = packet;
    seen.device = device;
    seen.delivery = delivery;
    seen.linkAt = linkAt;
    seen.networkAt = network;
    seen.type = packet.view.getUint16(linkAt + Ethernet.TYPE);
    this.#kept = null;
    const isOut = delivery === OUTGOING;
    for (const one of this.#all) if (!isOut || (!one.ignoresOutgoing && one !== this.sender)) this.#show(one);
    const typed = isOut ? undefined : this.#typed.get(seen.type);
    if (typed !== undefined) for (const one of typed) this.#show(one);
    this.#kept = null;
  }

  /** The header that the device writes, or has taken off, in the room before the packet. */
  #makeLink(packet: Packet, device: NetDevice, network: number): number {
    const at = network - Ethernet.HEADER;
    if (at < packet.base || network >= packet.end) return -1;
    const isV6 = packet.view.getUint8(network) >> 4 === 6;
    device.writeLinkHeader(packet, at, isV6 ? Ethernet.TYPE_IP6 : Ethernet.TYPE_IP);
    return at;
  }

  #show(one: Onlooker): void {
    const seen = this.#seen;
    if (one.device !== 0 && one.device !== seen.device.index) return;
    const core = this.#core!;
    if (this.#turn !== core.turns) {
      this.#turn = core.turns;
      this.#spent = 0;
    }
    if (this.#spent >= SPENT_A_TURN) {
      one.lose();
      return;
    }
    const cost = one.frameCost;
    this.#spent += cost;
    core.extraWork += cost / (1 << PACKET_SHIFT);
    one.see(seen, this.#keep);
  }
}
