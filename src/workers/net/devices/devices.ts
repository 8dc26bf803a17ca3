// The devices of a network namespace: lo, which is there from the start, and dummy ones that come and go; what
// may be changed of them, and what that changes of addresses, routes and neighbours (netdevice(7), ip-link(8)). No packet
// is looked at here.

import { randomFillSync } from "node:crypto";
import * as E from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import { isName, nameFor } from "./device_names.ts";
import type { DevicesContext } from "./devices_context.ts";
import { Expiry } from "./expiry.ts";
import { InetAddresses } from "./inet_addresses.ts";
import { Inet6Addresses } from "./inet6_addresses.ts";
import { BRIDGE, type VirtualKind } from "./kinds.ts";
import type { Namespace } from "./namespace.ts";
import { NamespaceIds } from "./namespace_ids.ts";
import { Neighbours } from "./neighbours.ts";
import { type Outcome, refuse } from "./outcome.ts";
import { RouteChanges } from "./route_changes.ts";
import { Routes } from "./routes.ts";
import type { Change, Device, DeviceAddress, DeviceCounts } from "./rows.ts";
import { Rules } from "./rules.ts";

const LOOPBACK_MTU = 65536;
const ETHERNET_SIZE = 6;
const TX_QUEUE = 1000;
/** Below that there is no IPv4. */
const INET_MTU_MIN = 68;
const OTHER_NAMES_MAX = 16;
/** Flags that are what who is privileged says, whatever the device does. */
const SET_FREELY =
  N.IFF_DEBUG | N.IFF_NOTRAILERS | N.IFF_NOARP | N.IFF_DYNAMIC | N.IFF_MULTICAST | N.IFF_PORTSEL;
const KEPT_FLAGS = N.IFF_AUTOMEDIA;
const MODES = N.IFF_PROMISC | N.IFF_ALLMULTI;

function isUp({ flags }: Device): boolean {
  return (flags & N.IFF_UP) !== 0;
}

/** Somebody is at its other end, or at that of a bridge's ports. */
export function hasCarrier(device: Device): boolean {
  const { peer, home, kind } = device;
  if (kind === BRIDGE.name)
    return home.all.some(({ master, flags }) => master === device && (flags & N.IFF_RUNNING) !== 0);
  return peer === null || isUp(peer);
}

/** What a device is made of. */
interface NewDevice {
  readonly name: string;
  readonly kind: string | null;
  readonly type: number;
  readonly flags: number;
  readonly mtu: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  /** 0: the next. */
  readonly index: number;
  /** Null: one by chance. */
  readonly mac: Uint8Array | null;
  readonly hasLink: boolean;
}

export class Devices implements Namespace {
  readonly context: DevicesContext;
  readonly ids = new NamespaceIds();
  readonly all: Device[] = [];
  /** Sockets are the host's, and so are devices and what belongs to them: guests look at them, and change nothing. */
  isHosts = false;
  readonly routes: Routes;
  readonly rules: Rules;
  readonly neighbours: Neighbours;
  readonly inet: InetAddresses;
  readonly inet6: Inet6Addresses;
  readonly routeChanges: RouteChanges;
  readonly #expiry: Expiry;
  /** Told of each change when it has been made. */
  readonly listeners: ((change: Change) => void)[] = [];
  /** What has gone over a device, as whoever has its packets counts it; null: nobody has. */
  countsOf: (device: Device) => DeviceCounts | null = () => null;
  /** Devices without IPv6 (disable_ipv6). */
  isInet6Off: (device: Device) => boolean = () => false;
  #lastIndex = 0;

  /** `isUp`: lo is. */
  constructor(context: DevicesContext, isUp = true) {
    this.context = context;
    this.routes = new Routes(context, this.tell);
    this.rules = new Rules(context, this.tell);
    this.neighbours = new Neighbours(context, this.tell);
    this.inet = new InetAddresses(this);
    this.inet6 = new Inet6Addresses(this, (device) => device.isInet6Off || this.isInet6Off(device));
    this.routeChanges = new RouteChanges(this);
    this.#expiry = new Expiry(
      context,
      (own) => this.removeAddress(own),
      (row) => this.tell({ kind: "address", isGone: false, row }),
    );
    const loopback = this.#make({
      name: "lo",
      kind: null,
      type: N.ARPHRD_LOOPBACK,
      flags: N.IFF_LOOPBACK,
      mtu: LOOPBACK_MTU,
      minMtu: 0,
      maxMtu: 0,
      index: 0,
      mac: null,
      hasLink: false,
    });
    if (isUp) this.#up(loopback);
  }

  /** The namespace is no more: some of what it has goes. True: there is more. */
  endPart(): boolean {
    // Nobody is here who would be told of each route, and devices go faster without.
    for (const family of [AF_INET, AF_INET6] as const) this.routes.removeAll(family, false, () => true);
    this.rules.end();
    const last = this.all.at(-1);
    if (last !== undefined) this.#dropWithPeer(last);
    return this.all.length > 0;
  }

  readonly tell = (change: Change): void => {
    if (change.kind === "address") {
      if (change.isGone) this.#expiry.forget(change.row);
      else this.#expiry.follow(change.row);
    }
    for (const listener of this.listeners) listener(change);
  };

  byIndex(index: number): Device | undefined {
    return this.all.find((device) => device.index === index);
  }

  /** By its name, or another name of its. */
  byName(name: string): Device | undefined {
    return this.all.find((device) => device.name === name || device.otherNames.includes(name));
  }

  /** What no other device may be called. */
  #names(): ReadonlySet<string> {
    return new Set(this.all.flatMap(({ name, otherNames }) => [name, ...otherNames]));
  }

  removeAddress({ device, family, address, prefixLength }: DeviceAddress): void {
    if (family === AF_INET6) this.inet6.remove(device, address, prefixLength);
    else this.inet.remove(device, (own) => own.address === address);
  }

  // ---- Making and removing ----

  #make({ name, kind, type, flags, mtu, minMtu, maxMtu, index, mac, hasLink }: NewDevice): Device {
    const isLoopback = type === N.ARPHRD_LOOPBACK;
    const address = mac === null ? new Uint8Array(ETHERNET_SIZE) : Uint8Array.from(mac);
    if (mac === null && !isLoopback) {
      randomFillSync(address);
      address[0] = (address[0]! & 0xfe) | 2;
    }
    const device: Device = {
      home: this,
      index: index === 0 ? this.#nextIndex() : index,
      name,
      otherNames: [],
      alias: "",
      kind,
      type,
      flags,
      mtu,
      minMtu,
      maxMtu,
      txQueue: TX_QUEUE,
      group: 0,
      address,
      broadcast: new Uint8Array(address.length).fill(isLoopback ? 0 : 0xff),
      hasLink,
      isInet6Off: false,
      ignoresRouters: false,
      wasUp: false,
      master: null,
      hasOwnAddress: false,
      peer: null,
      cable: null,
      inet: [],
      inet6: [],
    };
    this.context.counters.netDevices++;
    this.#list(device);
    return device;
  }

  #nextIndex(): number {
    do this.#lastIndex++;
    while (this.byIndex(this.#lastIndex) !== undefined);
    return this.#lastIndex;
  }

  #list(device: Device): void {
    this.all.push(device);
    this.all.sort((a, b) => a.index - b.index);
  }

  /** A name by a pattern, perhaps with `%d`, that nobody has; or an error. */
  #nameBy(pattern: string): string | number {
    const taken = this.#names();
    const name = nameFor(pattern, taken);
    if (name === null || !isName(name)) return -E.EINVAL;
    return taken.has(name) ? -E.EEXIST : name;
  }

  /** A device of a kind, which nobody is told of yet; `pattern`: its name, perhaps with `%d`; `index` 0: the next. */
  add(kind: VirtualKind, pattern: string, index: number): Device | Outcome {
    if (index < 0) return refuse(E.EINVAL, "ifindex can't be negative");
    const name = this.#nameBy(pattern);
    if (typeof name === "number") return name;
    if (index !== 0 && this.byIndex(index) !== undefined) return -E.EBUSY;
    if (!this.context.heap.hasRoom("netDevices")) return -E.ENOMEM;
    const type = N.ARPHRD_ETHER;
    return this.#make({ ...kind, kind: kind.name, name, type, index, mac: null });
  }

  /** One that was added, and never told of, is none. */
  takeBack(device: Device): void {
    this.#unlist(device);
    this.context.counters.netDevices--;
  }

  /** It is as it is to be. */
  announce(row: Device): void {
    this.tell({ kind: "link", isGone: false, row, changedFlags: 0xffffffff });
  }

  /**
   * A device on an Ethernet, which is down; a negative errno. Guests do not remove it. `index` 0: the next. Devices that
   * are the host's may be of other types, and have other flags.
   */
  addLink(
    name: string,
    mac: Uint8Array,
    mtu: number,
    index = 0,
    type: number = N.ARPHRD_ETHER,
    flags = N.IFF_BROADCAST | N.IFF_MULTICAST,
  ): Device | number {
    if (!isName(name)) return -E.EINVAL;
    if (this.#names().has(name)) return -E.EEXIST;
    if (index !== 0 && this.byIndex(index) !== undefined) return -E.EBUSY;
    if (!this.context.heap.hasRoom("netDevices")) return -E.ENOMEM;
    const device = this.#make({
      name,
      kind: null,
      type,
      flags: flags & ~(N.IFF_UP | N.IFF_RUNNING),
      mtu,
      minMtu: 0,
      maxMtu: 0,
      index,
      mac,
      hasLink: type === N.ARPHRD_ETHER,
    });
    this.announce(device);
    return device;
  }

  /** Its link is gone, and so is it. */
  removeLink(device: Device): void {
    this.#drop(device);
  }

  #unlist(device: Device): void {
    this.all.splice(this.all.indexOf(device), 1);
  }

  remove(device: Device): Outcome {
    if (device.kind === null) return -E.EOPNOTSUPP;
    this.#dropWithPeer(device);
    return 0;
  }

  #dropWithPeer(device: Device): void {
    const { peer } = device;
    this.#drop(device);
    if (peer !== null) (peer.home as Devices).#drop(peer);
  }

  #drop(device: Device): void {
    this.#leave(device);
    this.context.counters.netDevices--;
  }

  // ---- Bridges ----

  /** The bridge that a device is a port of from now on; null: of none. */
  setMaster(device: Device, bridge: Device | null): Outcome {
    const before = device.master;
    if (before === bridge) return 0;
    if (bridge !== null) {
      if (bridge.kind !== BRIDGE.name) return -E.EOPNOTSUPP;
      if (device === bridge || device.kind === BRIDGE.name)
        return refuse(E.ELOOP, "Can not enslave a bridge to a bridge");
      if (device.type !== N.ARPHRD_ETHER) return -E.EINVAL;
    }
    device.master = bridge;
    this.#told(device);
    for (const one of [before, bridge]) if (one !== null) this.#portsChanged(one);
    return 0;
  }

  #portsOf(bridge: Device): Device[] {
    return this.all.filter(({ master }) => master === bridge);
  }

  /** A bridge is as large as its smallest port, and has the least of their addresses. */
  #portsChanged(bridge: Device): void {
    const ports = this.#portsOf(bridge);
    if (!bridge.hasOwnAddress && ports.length > 0) {
      const addresses = ports.map(({ address }) => Buffer.from(address));
      const least = addresses.reduce((a, b) => (Buffer.compare(a, b) <= 0 ? a : b));
      if (Buffer.compare(least, bridge.address) !== 0) {
        bridge.address = Uint8Array.from(least);
        this.#told(bridge);
      }
    }
    this.#carrierChanged(bridge);
  }

  /** Of a bridge that goes: what it would become with fewer and fewer of them is not looked at. */
  #freePorts(bridge: Device): void {
    for (const port of this.#portsOf(bridge)) {
      port.master = null;
      this.#told(port);
    }
  }

  /** It is here no more. */
  #leave(device: Device): void {
    this.setMaster(device, null);
    if (device.kind === BRIDGE.name) this.#freePorts(device);
    if (isUp(device)) this.setFlags(device, device.flags & ~N.IFF_UP);
    this.inet.removeAll(device);
    this.inet6.down(device);
    this.routes.removeAll(AF_INET, false, this.routes.ofDevice(device));
    this.neighbours.flush(AF_INET, device);
    this.#unlist(device);
    device.wasUp = false;
    this.tell({ kind: "link", isGone: true, row: device, changedFlags: 0xffffffff });
  }

  /** Takes it to another namespace, where it is down and has no addresses; `pattern`: its name there, "": as it is. */
  move(device: Device, to: Devices, pattern: string): Outcome {
    if (to === this) return 0;
    if (device.peer === null && device.kind !== "dummy")
      return refuse(E.EINVAL, "The interface netns is immutable");
    const name = to.#nameBy(pattern === "" ? device.name : pattern);
    if (typeof name === "number")
      return name === -E.EEXIST ? refuse(E.EEXIST, "netdevice name conflict") : name;
    this.#leave(device);
    device.home = to;
    device.name = name;
    device.otherNames.splice(
      0,
      device.otherNames.length,
      ...device.otherNames.filter((other) => to.byName(other) === undefined),
    );
    if (to.byIndex(device.index) !== undefined) device.index = to.#nextIndex();
    to.#list(device);
    to.announce(device);
    return 0;
  }

  // ---- Changing ----

  #told(row: Device, changedFlags = 0): 0 {
    this.tell({ kind: "link", isGone: false, row, changedFlags });
    return 0;
  }

  /** Linux tells nobody of these while it is down. */
  #toldIfUp(row: Device): 0 {
    return isUp(row) ? this.#told(row) : 0;
  }

  #up(device: Device): void {
    const changed = N.IFF_UP | (hasCarrier(device) ? N.IFF_RUNNING : 0);
    device.flags |= changed;
    device.wasUp = true;
    this.#told(device, changed);
    this.inet.up(device);
    if ((changed & N.IFF_RUNNING) !== 0) this.inet6.up(device);
    this.#tellPeer(device);
  }

  #down(device: Device): void {
    device.flags &= ~(N.IFF_UP | N.IFF_RUNNING);
    this.#told(device, N.IFF_UP | N.IFF_RUNNING);
    this.inet.down(device);
    this.inet6.down(device);
    this.#tellPeer(device);
  }

  /** It has gone up or down, which the other end notices, and a bridge that it is a port of. */
  #tellPeer({ peer, master }: Device): void {
    if (peer !== null) (peer.home as Devices).#carrierChanged(peer);
    if (master !== null) this.#carrierChanged(master);
  }

  #carrierChanged(device: Device): void {
    const isRunning = hasCarrier(device);
    if (!isUp(device) || isRunning === ((device.flags & N.IFF_RUNNING) !== 0)) return;
    this.setCarrier(device, isRunning);
    if (isRunning) this.inet6.up(device);
    if (device.master !== null) this.#carrierChanged(device.master);
  }

  /** IFF_* as they are to be; what cannot be set stays. */
  setFlags(device: Device, flags: number): Outcome {
    const mutable = SET_FREELY | MODES | KEPT_FLAGS;
    const changed = (device.flags ^ flags) & mutable;
    device.flags ^= changed;
    if (((device.flags ^ flags) & N.IFF_UP) === 0) return changed === 0 ? 0 : this.#told(device, changed);
    if ((flags & N.IFF_UP) !== 0) this.#up(device);
    else this.#down(device);
    return 0;
  }

  /** Whether there is somebody at the other end of one that is up. */
  setCarrier(device: Device, isThere: boolean): void {
    if (!isUp(device) || isThere === ((device.flags & N.IFF_RUNNING) !== 0)) return;
    device.flags ^= N.IFF_RUNNING;
    this.#told(device, N.IFF_RUNNING);
  }

  setMtu(device: Device, mtu: number): Outcome {
    if (mtu === device.mtu) return 0;
    if (mtu < device.minMtu || mtu > 0x7fffffff) return refuse(E.EINVAL, "mtu less than device minimum");
    if (device.maxMtu > 0 && mtu > device.maxMtu) return refuse(E.EINVAL, "mtu greater than device maximum");
    device.mtu = mtu;
    this.#told(device);
    if (mtu < INET_MTU_MIN) this.inet.removeAll(device);
    this.inet6.resized(device);
    return 0;
  }

  setName(device: Device, pattern: string): Outcome {
    if (pattern === device.name) return 0;
    const name = this.#nameBy(pattern);
    if (typeof name === "number") return name;
    device.name = name;
    this.#told(device);
    this.inet.renamed(device);
    return 0;
  }

  addName(device: Device, name: string): Outcome {
    if (this.byName(name) !== undefined) return -E.EEXIST;
    if (device.otherNames.length === OTHER_NAMES_MAX) return -E.ENOMEM;
    device.otherNames.push(name);
    return this.#toldIfUp(device);
  }

  removeName(device: Device, name: string): Outcome {
    const at = device.otherNames.indexOf(name);
    if (at < 0) return -E.ENOENT;
    device.otherNames.splice(at, 1);
    return this.#toldIfUp(device);
  }

  setAddress(device: Device, address: Uint8Array): Outcome {
    if (address.length < ETHERNET_SIZE) return -E.EINVAL;
    const own = Uint8Array.from(address.subarray(0, ETHERNET_SIZE));
    if ((own[0]! & 1) !== 0 || own.every((byte) => byte === 0)) return -E.EADDRNOTAVAIL;
    device.address = own;
    device.hasOwnAddress = true;
    this.#told(device);
    if (device.master !== null) this.#portsChanged(device.master);
    return 0;
  }

  setBroadcast(device: Device, address: Uint8Array): Outcome {
    if (address.length < ETHERNET_SIZE) return -E.EINVAL;
    device.broadcast = Uint8Array.from(address.subarray(0, ETHERNET_SIZE));
    return this.#told(device);
  }

  /** Whether there is IPv6 on it, and whether routers are believed there (disable_ipv6 and accept_ra of its host). */
  setInet6(device: Device, isOff: boolean, ignoresRouters: boolean): void {
    if (device.isInet6Off === isOff && device.ignoresRouters === ignoresRouters) return;
    const wasOff = device.isInet6Off;
    device.isInet6Off = isOff;
    device.ignoresRouters = ignoresRouters;
    this.#told(device);
    if (isOff && !wasOff) this.inet6.down(device);
    if (!isOff && wasOff && isUp(device)) this.inet6.up(device);
  }

  setTxQueue(device: Device, length: number): Outcome {
    if (length === device.txQueue) return 0;
    device.txQueue = length;
    return this.#told(device);
  }

  setGroup(device: Device, group: number): Outcome {
    if (group === device.group) return 0;
    device.group = group;
    return this.#toldIfUp(device);
  }

  setAlias(device: Device, alias: string): Outcome {
    device.alias = alias;
    return this.#toldIfUp(device);
  }
}
