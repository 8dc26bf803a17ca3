// The neighbours of one family, as Linux's neighbour.c keeps them: looked up by device and address, asked for when they
// are needed, believed for a while, asked again when they are used after that, and given up when nobody answers.
//
// Who sends may fill it with neighbours that nobody asked for: there are at most NEIGHBOURS_MAX, of which those go first
// that nothing is known of or that were not used. Those that an administrator has set stay, and are its owner's to bound.

import * as N from "../../../../shared/abi/netlink.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { isSameAddress } from "../eth/format.ts";
import * as L from "../limits.ts";
import type { Packet } from "../packet.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import { Neighbour, type NeighbourOwner } from "./neighbour.ts";

const BUCKETS = 256;
const NUD_IN_TIMER = N.NUD_INCOMPLETE | N.NUD_REACHABLE | N.NUD_DELAY | N.NUD_PROBE;
const NUD_CONNECTED = N.NUD_PERMANENT | N.NUD_NOARP | N.NUD_REACHABLE;

/** How news of a neighbour bears on what was known: NEIGH_UPDATE_F_*. */
export const OVERRIDE = 1;
export const WEAK_OVERRIDE = 2;
export const SETS_ROUTER = 4;
export const IS_ROUTER = 8;
export const BY_ADMIN = 16;

/** A family's protocol: how it asks, and what becomes of packets whose next hop does not answer. */
export interface Solicitor {
  /** Asks for a neighbour's link address: itself alone (whose address is known), or everybody. */
  solicit(neighbour: Neighbour, isToItself: boolean): void;
  /** It stays the caller's. */
  unreachable(packet: Packet): void;
}

/** Who shows neighbours: told of each change, of those that Linux tells of with `isTold`. */
export interface NeighbourObserver {
  neighbourChanged(neighbour: Neighbour, isTold: boolean): void;
  neighbourGone(neighbour: Neighbour): void;
}

/** Columns of /proc/net/stat/arp_cache and ndisc_cache. */
export class NeighbourCounters {
  allocs = 0;
  destroys = 0;
  lookups = 0;
  hits = 0;
  resFailed = 0;
  forcedGcRuns = 0;
  unresolvedDiscards = 0;
  tableFulls = 0;
}

export class NeighbourCache implements NeighbourOwner {
  readonly #core: StackCore;
  readonly #key: number;
  readonly #buckets: (Neighbour | null)[] = new Array<Neighbour | null>(BUCKETS).fill(null);
  readonly counters = new NeighbourCounters();
  solicitor: Solicitor | null = null;
  observer: NeighbourObserver | null = null;
  #oldest: Neighbour | null = null;
  #newest: Neighbour | null = null;
  /** In all, and without those that an administrator has set. */
  count = 0;
  #gcCount = 0;
  #pendingPackets = 0;
  #flushedUs = 0;
  #cleanedUs = 0;
  #reachableUs: number;
  #reachableChosenUs = 0;
  /** net.ipv4.neigh.default.base_reachable_time_ms and retrans_time_ms, in µs; a router may say others (RFC 4861 6.3.4). */
  baseReachableUs = L.NEIGHBOUR_REACHABLE_US;
  retransmitUs = L.NEIGHBOUR_RETRANSMIT_US;
  /** µs in which a neighbour's address is not taken over by another that says it has it. */
  readonly #lockUs: number;

  constructor(core: StackCore, lockUs: number) {
    this.#core = core;
    this.#lockUs = lockUs;
    this.#key = core.host.random32();
    this.#reachableUs = this.baseReachableUs;
  }

  #bucket(device: EthernetDevice, w0: number, w1: number, w2: number, w3: number): number {
    return mix(mixAddress(this.#key, w0, w1, w2, w3), device.index) & (BUCKETS - 1);
  }

  *all(): Generator<Neighbour> {
    for (let at = this.#oldest; at !== null; ) {
      const { newer } = at;
      yield at;
      at = newer;
    }
  }

  find(device: EthernetDevice, w0: number, w1: number, w2: number, w3: number): Neighbour | null {
    this.counters.lookups++;
    let at = this.#buckets[this.#bucket(device, w0, w1, w2, w3)] ?? null;
    for (; at !== null; at = at.inBucket) {
      const { address } = at;
      if (
        at.device === device &&
        address.w3 === w3 &&
        address.w2 === w2 &&
        address.w1 === w1 &&
        address.w0 === w0
      ) {
        this.counters.hits++;
        return at;
      }
    }
    return null;
  }

  // ---- Making and forgetting ----

  /** Finds one or makes it; null: there are too many. */
  #findOrMake(device: EthernetDevice, w0: number, w1: number, w2: number, w3: number): Neighbour | null {
    const known = this.find(device, w0, w1, w2, w3);
    if (known !== null) return known;
    if (!this.#hasRoom()) return null;
    return this.#make(device, w0, w1, w2, w3);
  }

  #make(device: EthernetDevice, w0: number, w1: number, w2: number, w3: number): Neighbour {
    const { nowUs } = this.#core;
    const neighbour = new Neighbour(this, device, w0, w1, w2, w3);
    const bucket = this.#bucket(device, w0, w1, w2, w3);
    neighbour.inBucket = this.#buckets[bucket]!;
    this.#buckets[bucket] = neighbour;
    neighbour.older = this.#newest;
    if (this.#newest === null) this.#oldest = neighbour;
    else this.#newest.newer = neighbour;
    this.#newest = neighbour;
    neighbour.usedUs = nowUs;
    neighbour.updatedUs = nowUs;
    neighbour.confirmedUs = nowUs - 2 * this.baseReachableUs;
    this.count++;
    this.#gcCount++;
    this.counters.allocs++;
    return neighbour;
  }

  /** It is forgotten: what waits for it is dropped. */
  remove(neighbour: Neighbour): void {
    const { device, address, older, newer } = neighbour;
    const bucket = this.#bucket(device, address.w0, address.w1, address.w2, address.w3);
    if (this.#buckets[bucket] === neighbour) this.#buckets[bucket] = neighbour.inBucket;
    else {
      let before = this.#buckets[bucket]!;
      while (before.inBucket !== neighbour) before = before.inBucket!;
      before.inBucket = neighbour.inBucket;
    }
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    this.#dropPending(neighbour, false);
    this.#core.timers.remove(neighbour);
    this.count--;
    if ((neighbour.state & N.NUD_PERMANENT) === 0) this.#gcCount--;
    this.counters.destroys++;
    this.observer?.neighbourGone(neighbour);
  }

  /** Those of a device that goes down, or is gone. */
  flush(device: EthernetDevice): void {
    for (const neighbour of this.all()) if (neighbour.device === device) this.remove(neighbour);
  }

  // neigh_alloc and neigh_forced_gc. Whom nobody has used since he said who he is goes before anybody is refused.
  #hasRoom(): boolean {
    const { nowUs } = this.#core;
    this.#clean();
    const isOver = this.#gcCount >= L.NEIGHBOURS_WANTED;
    const isFull = this.#gcCount >= L.NEIGHBOURS_MAX;
    if (isFull || (isOver && nowUs - this.#flushedUs > L.NEIGHBOUR_FLUSH_US)) {
      this.#flushedUs = nowUs;
      this.counters.forcedGcRuns++;
      this.#core.extraWork++;
      let left = this.#gcCount - L.NEIGHBOURS_WANTED;
      for (const one of this.all()) {
        if (left <= 0) break;
        const isOld = nowUs - one.updatedUs > L.NEIGHBOUR_FLUSH_US;
        const isUnused = one.state === N.NUD_STALE && one.usedUs <= one.updatedUs;
        if ((one.state & (NUD_IN_TIMER | N.NUD_PERMANENT)) !== 0) continue;
        if (one.state !== N.NUD_FAILED && !isOld && !(isFull && isUnused)) continue;
        this.remove(one);
        left--;
      }
    }
    if (this.#gcCount < L.NEIGHBOURS_MAX) return true;
    this.counters.tableFulls++;
    return false;
  }

  // neigh_periodic_work: no timer is kept for it, since nothing goes wrong while nobody makes new ones.
  #clean(): void {
    const { nowUs } = this.#core;
    if (this.#gcCount < L.NEIGHBOURS_KEPT || nowUs - this.#cleanedUs < this.baseReachableUs / 2) return;
    this.#cleanedUs = nowUs;
    for (const one of this.all()) {
      if ((one.state & (NUD_IN_TIMER | N.NUD_PERMANENT)) !== 0) continue;
      const lastUs = Math.max(one.usedUs, one.confirmedUs);
      if (one.state === N.NUD_FAILED || nowUs - lastUs > L.NEIGHBOUR_STALE_US) this.remove(one);
    }
  }

  // ---- Sending ----

  /** The link address of a packet's next hop; null: the packet waits for it, or is gone. */
  resolve(packet: Packet, device: EthernetDevice): Uint8Array | null {
    const neighbour = this.#findOrMake(
      device,
      packet.nextHop0,
      packet.nextHop1,
      packet.nextHop2,
      packet.nextHop3,
    );
    if (neighbour === null) {
      device.txDropped++;
      packet.release();
      return null;
    }
    const core = this.#core;
    neighbour.usedUs = core.nowUs;
    if ((neighbour.state & (NUD_CONNECTED | N.NUD_DELAY | N.NUD_PROBE)) !== 0) return neighbour.mac;
    if (neighbour.state === N.NUD_STALE) {
      neighbour.state = N.NUD_DELAY;
      neighbour.updatedUs = core.nowUs;
      core.timers.schedule(neighbour, core.nowUs + L.NEIGHBOUR_DELAY_US);
      this.observer?.neighbourChanged(neighbour, false);
      return neighbour.mac;
    }
    this.#wait(packet, neighbour);
    if (neighbour.state !== N.NUD_INCOMPLETE) this.#ask(neighbour);
    return null;
  }

  /** Nothing is known of it, or it did not answer: everybody is asked. */
  #ask(neighbour: Neighbour): void {
    const core = this.#core;
    neighbour.state = N.NUD_INCOMPLETE;
    neighbour.probes = L.NEIGHBOUR_UNICAST_PROBES;
    neighbour.updatedUs = core.nowUs;
    core.timers.schedule(neighbour, core.nowUs + this.retransmitUs);
    this.observer?.neighbourChanged(neighbour, false);
    this.#probe(neighbour);
  }

  #probe(neighbour: Neighbour): void {
    const isToItself = neighbour.probes < L.NEIGHBOUR_UNICAST_PROBES && neighbour.hasMac;
    neighbour.probes++;
    this.solicitor?.solicit(neighbour, isToItself);
  }

  #wait(packet: Packet, neighbour: Neighbour): void {
    const { pending, device } = neighbour;
    const { size } = packet.pool;
    if (this.#pendingPackets >= L.NEIGHBOUR_PENDING_MAX || !packet.pool.mayWait(L.WAITING_SHARE)) {
      this.counters.unresolvedDiscards++;
      device.txDropped++;
      packet.release();
      return;
    }
    while (pending.head !== null && neighbour.pendingBytes + size > L.NEIGHBOUR_PENDING_BYTES) {
      this.counters.unresolvedDiscards++;
      this.#shift(neighbour)!.release();
    }
    pending.push(packet);
    neighbour.pendingBytes += size;
    this.#pendingPackets++;
    packet.pool.waiting++;
  }

  #shift(neighbour: Neighbour): Packet | null {
    const packet = neighbour.pending.shift();
    if (packet === null) return null;
    neighbour.pendingBytes -= packet.pool.size;
    this.#pendingPackets--;
    packet.pool.waiting--;
    return packet;
  }

  #dropPending(neighbour: Neighbour, isTold: boolean): void {
    for (let packet = this.#shift(neighbour); packet !== null; packet = this.#shift(neighbour)) {
      if (isTold) this.solicitor?.unreachable(packet);
      packet.release();
    }
  }

  /** The first of the packets that wait for a neighbour, or null: whom the question comes from. */
  firstPending(neighbour: Neighbour): Packet | null {
    return neighbour.pending.head;
  }

  // ---- Time ----

  // A random time about the base, so that hosts do not ask all at once (RFC 4861 6.3.2), chosen anew every five minutes.
  #reachableTime(): number {
    const { nowUs, host } = this.#core;
    if (this.#reachableChosenUs === 0 || nowUs - this.#reachableChosenUs > L.NEIGHBOUR_REACHABLE_CHOSEN_US) {
      this.#reachableChosenUs = Math.max(1, nowUs);
      this.#reachableUs = this.baseReachableUs * (0.5 + (host.random32() >>> 0) / 2 ** 32);
    }
    return this.#reachableUs;
  }

  /** A router has said another base. */
  setBaseReachable(us: number): void {
    this.baseReachableUs = us;
    this.#reachableChosenUs = 0;
  }

  expired(neighbour: Neighbour): void {
    const { nowUs, timers } = this.#core;
    let isTold = false;
    let nextUs = nowUs + this.retransmitUs;
    switch (neighbour.state) {
      case N.NUD_REACHABLE: {
        const until = neighbour.confirmedUs + this.#reachableUs;
        if (nowUs < until) nextUs = until;
        else if (nowUs <= neighbour.usedUs + L.NEIGHBOUR_DELAY_US) {
          neighbour.state = N.NUD_DELAY;
          neighbour.updatedUs = nowUs;
          nextUs = nowUs + L.NEIGHBOUR_DELAY_US;
        } else {
          neighbour.state = N.NUD_STALE;
          neighbour.updatedUs = nowUs;
          isTold = true;
        }
        break;
      }
      case N.NUD_DELAY:
        isTold = true;
        neighbour.updatedUs = nowUs;
        if (nowUs <= neighbour.confirmedUs + L.NEIGHBOUR_DELAY_US) {
          neighbour.state = N.NUD_REACHABLE;
          nextUs = neighbour.confirmedUs + this.#reachableTime();
        } else {
          neighbour.state = N.NUD_PROBE;
          neighbour.probes = 0;
        }
        break;
      case N.NUD_PROBE:
      case N.NUD_INCOMPLETE:
        break;
      default:
        return;
    }
    const isAsking = (neighbour.state & (N.NUD_INCOMPLETE | N.NUD_PROBE)) !== 0;
    const max =
      L.NEIGHBOUR_UNICAST_PROBES + (neighbour.state === N.NUD_PROBE ? 0 : L.NEIGHBOUR_MULTICAST_PROBES);
    if (isAsking && neighbour.probes >= max) {
      this.#fail(neighbour);
      return;
    }
    if ((neighbour.state & NUD_IN_TIMER) !== 0) timers.schedule(neighbour, nextUs);
    this.observer?.neighbourChanged(neighbour, isTold);
    if (isAsking) this.#probe(neighbour);
  }

  #fail(neighbour: Neighbour): void {
    this.counters.resFailed++;
    neighbour.state = N.NUD_FAILED;
    neighbour.updatedUs = this.#core.nowUs;
    this.observer?.neighbourChanged(neighbour, true);
    this.#dropPending(neighbour, true);
  }

  // ---- News ----

  /** Somebody's link address, from what he sent: he is known from then on. `how`: OVERRIDE and its like. */
  learn(
    device: EthernetDevice,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    mac: Uint8Array | null,
    state: number,
    how: number,
  ): Neighbour | null {
    const neighbour = this.#findOrMake(device, w0, w1, w2, w3);
    if (neighbour !== null) this.update(neighbour, mac, state, how);
    return neighbour;
  }

  /** Whether the address was learned too short a while ago to be taken over. */
  isLocked(neighbour: Neighbour): boolean {
    return this.#core.nowUs - neighbour.updatedUs <= this.#lockUs;
  }

  /** neigh_update: what came about a neighbour. `mac` null: it has the one that is known. */
  update(neighbour: Neighbour, mac: Uint8Array | null, wanted: number, how: number): void {
    const { nowUs, timers } = this.#core;
    const before = neighbour.state;
    const wasValid = (before & N.NUD_VALID) !== 0;
    if ((how & BY_ADMIN) === 0 && (before & (N.NUD_NOARP | N.NUD_PERMANENT)) !== 0) return;
    if (mac === null && !wasValid) return;
    let state = wanted;
    const isOther = mac !== null && !(neighbour.hasMac && isSameAddress(neighbour.mac, mac));
    let takes = isOther;
    let setsRouter = (how & SETS_ROUTER) !== 0;
    if (wasValid) {
      if (isOther && (how & OVERRIDE) === 0) {
        setsRouter = false;
        if ((how & WEAK_OVERRIDE) === 0 || (before & NUD_CONNECTED) === 0) return;
        takes = false;
        state = N.NUD_STALE;
      } else if (!isOther && state === N.NUD_STALE && (how & BY_ADMIN) === 0) state = before;
    }
    if ((state & NUD_CONNECTED) !== 0) neighbour.confirmedUs = nowUs;
    let isTold = false;
    if (state !== before || takes) neighbour.updatedUs = nowUs;
    if (state !== before) {
      timers.cancel(neighbour);
      this.#setState(neighbour, state);
      isTold = true;
    }
    if (takes) {
      neighbour.mac.set(mac!);
      neighbour.hasMac = true;
      if ((state & NUD_CONNECTED) === 0) neighbour.confirmedUs = nowUs - 2 * this.baseReachableUs;
      isTold = true;
    }
    if (setsRouter) neighbour.isRouter = (how & IS_ROUTER) !== 0;
    if (isTold || setsRouter) this.observer?.neighbourChanged(neighbour, isTold);
    if (!wasValid && (state & N.NUD_VALID) !== 0) this.#sendPending(neighbour);
  }

  #setState(neighbour: Neighbour, state: number): void {
    const { nowUs, timers } = this.#core;
    const wasKept = (neighbour.state & N.NUD_PERMANENT) !== 0;
    const isKept = (state & N.NUD_PERMANENT) !== 0;
    if (wasKept !== isKept) this.#gcCount += isKept ? -1 : 1;
    neighbour.state = state;
    if (state === N.NUD_REACHABLE) timers.schedule(neighbour, nowUs + this.#reachableTime());
    else if (state === N.NUD_PROBE || state === N.NUD_DELAY || state === N.NUD_INCOMPLETE) {
      neighbour.probes = 0;
      timers.schedule(neighbour, nowUs);
    }
  }

  #sendPending(neighbour: Neighbour): void {
    for (let packet = this.#shift(neighbour); packet !== null; packet = this.#shift(neighbour))
      neighbour.device.output(packet);
  }

  /** Whoever is above IP has heard from it just now (a reply that what was sent has come). */
  confirm(device: EthernetDevice, w0: number, w1: number, w2: number, w3: number): void {
    const neighbour = this.find(device, w0, w1, w2, w3);
    if (neighbour !== null) neighbour.confirmedUs = this.#core.nowUs;
  }

  // ---- Administration ----

  /**
   * A neighbour is as an administrator says (ip-neighbour(8)); `mac` null: the one that is known. It is made if need be,
   * and counts against no bound while it is permanent.
   */
  set(
    device: EthernetDevice,
    address: { w0: number; w1: number; w2: number; w3: number },
    mac: Uint8Array | null,
    state: number,
    flags: number,
    protocol: number,
  ): void {
    const { w0, w1, w2, w3 } = address;
    const neighbour = this.find(device, w0, w1, w2, w3) ?? this.#make(device, w0, w1, w2, w3);
    neighbour.flags = flags;
    neighbour.protocol = protocol;
    neighbour.isRouter = (flags & N.NTF_ROUTER) !== 0;
    if ((state & N.NUD_VALID) !== 0) {
      this.update(neighbour, mac, state, OVERRIDE | BY_ADMIN);
      return;
    }
    this.#core.timers.cancel(neighbour);
    this.#setState(neighbour, state);
    if (state === N.NUD_FAILED) this.#dropPending(neighbour, true);
  }
}
