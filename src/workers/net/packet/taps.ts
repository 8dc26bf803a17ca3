// The packet sockets of a kernel thread, and what they see of its stack's devices: whoever wants all frames gets those that
// go out and those that come in, others those that come in of their protocol.
//
// A frame costs what there are sockets that want it. What one turn of the stack spends on them is bounded (F26): frames
// beyond that are lost to the sockets that are left. Those that want the same frames count such losses together, so that a
// frame that nobody gets costs nothing for each of them.

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
/** Bytes that are copied in that time: 2 KiB. */
export const COPY_SHIFT = 11;
/** As much work as a packet of the stack's. */
const PACKET_SHIFT = 4;

/** A packet socket, as those know it who see frames. */
export interface Onlooker {
  /** ETH_P_* of what it wants; 0: nothing. */
  readonly frameType: number;
  /** The index of its device; 0: any. */
  readonly device: number;
  readonly ignoresOutgoing: boolean;
  /** What one frame more of so many bytes costs it, in the measure of a turn. */
  costOf(bytes: number): number;
  /** Those that want what it wants; null: it wants nothing. The taps' to set, as is what they had lost before it came. */
  peers: Peers | null;
  lostBefore: number;
  /** Looks at a frame, and takes it, or does not; `keep` makes the copy that all share. */
  see(frame: SeenFrame, keep: () => KeptFrame): void;
  /** It has lost so many unseen. */
  lose(count: number): void;
}

/** Those that want the same frames. */
export class Peers {
  readonly key: number;
  readonly members = new Set<Onlooker>();
  /** Frames that all of them have lost. */
  lost = 0;

  constructor(key: number) {
    this.key = key;
  }
}

/** What it has lost with its peers, and not counted yet. */
export function lostWithPeers({ peers, lostBefore }: Onlooker): number {
  return peers === null ? 0 : peers.lost - lostBefore;
}

function keyOf(frameType: number, device: number, ignoresOutgoing: boolean): number {
  return (device * 0x10000 + frameType) * 2 + Number(ignoresOutgoing);
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
  /** Those that see frames, by what they want. */
  readonly #peers = new Map<number, Peers>();
  readonly #seen = new SeenFrame();
  /** Indices of devices of which all is wanted, and by how many. */
  readonly #promiscuous = new Map<number, number>();
  #core: StackCore | null = null;
  #turn = -1;
  #spent = 0;
  #kept: KeptFrame | null = null;
  /** Whose frame is on its way: that one does not see it go. */
  sender: Onlooker | null = null;
  readonly #keep = (): KeptFrame => {
    if (this.#kept === null) {
      this.#kept = this.#seen.kept(now(this.#native));
      this.#spend(this.#kept.bytes.length >> COPY_SHIFT);
    }
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
    core.tap = this;
    const key = keyOf(one.frameType, one.device, one.ignoresOutgoing);
    const peers = this.#peers.get(key) ?? new Peers(key);
    this.#peers.set(key, peers);
    peers.members.add(one);
    one.peers = peers;
    one.lostBefore = peers.lost;
  }

  remove(one: Onlooker): void {
    const { peers } = one;
    if (peers === null) return;
    one.lose(lostWithPeers(one));
    one.peers = null;
    peers.members.delete(one);
    if (peers.members.size === 0) this.#peers.delete(peers.key);
    if (this.#peers.size === 0) this.#core!.tap = null;
  }

  /** One more wants all of that device, or one fewer. */
  countPromiscuous(index: number, change: 1 | -1): void {
    const count = (this.#promiscuous.get(index) ?? 0) + change;
    if (count > 0) this.#promiscuous.set(index, count);
    else this.#promiscuous.delete(index);
  }

  isPromiscuous(index: number): boolean {
    return this.#promiscuous.has(index);
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
    const turn = this.#core!.turns;
    if (this.#turn !== turn) this.#spent = 0;
    this.#turn = turn;
    this.#kept = null;
    const isOut = delivery === OUTGOING;
    this.#show(ETH_P_ALL, isOut);
    if (!isOut && seen.type !== ETH_P_ALL) this.#show(seen.type, false);
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

  #show(frameType: number, isOut: boolean): void {
    const { index } = this.#seen.device;
    const all = this.#peers;
    this.#showTo(all.get(keyOf(frameType, 0, false)), isOut);
    this.#showTo(all.get(keyOf(frameType, index, false)), isOut);
    if (isOut) return;
    this.#showTo(all.get(keyOf(frameType, 0, true)), false);
    this.#showTo(all.get(keyOf(frameType, index, true)), false);
  }

  #showTo(peers: Peers | undefined, isOut: boolean): void {
    if (peers === undefined) return;
    const { sender } = this;
    if (this.#spent >= SPENT_A_TURN) {
      peers.lost++;
      if (isOut && sender?.peers === peers) sender.lostBefore++;
      return;
    }
    for (const one of peers.members) if (!isOut || one !== sender) this.#showOne(one);
  }

  #showOne(one: Onlooker): void {
    if (this.#spent >= SPENT_A_TURN) {
      one.lose(1);
      return;
    }
    const seen = this.#seen;
    this.#spend(one.costOf(seen.packet.length));
    seen.packet.own();
    one.see(seen, this.#keep);
  }

  #spend(cost: number): void {
    this.#spent += cost;
    this.#core!.extraWork += cost / (1 << PACKET_SHIFT);
  }
}
