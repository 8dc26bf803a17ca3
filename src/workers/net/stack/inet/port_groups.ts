// Who has which port, and whether somebody else may have it too (Linux's bhash, udp_lib_lport_inuse). Those on a port are
// kept in groups of which conflicts know no difference, so that a question costs as much as there are kinds of users, not
// users; groups are found by port and local address, for who asks for any address by port.

import { ANY4, ANY6, type IpAddress } from "../ip_address.ts";
import { PORT_KINDS_MAX } from "../limits.ts";
import { mix, mixAddress } from "../path_mtu.ts";
import { overlaps } from "./conflicts.ts";

/** What of somebody who has a port conflicts look at. */
interface PortKind {
  readonly local: IpAddress;
  readonly boundDevice: number;
  readonly v6only: boolean;
  readonly isAside: boolean;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly isListening: boolean;
  readonly isTimeWait: boolean;
}

export interface PortUser extends PortKind {
  /** Its place here; null: it has no port. */
  portGroup: PortGroup | null;
}

/** Groups at one address that are tried for a new user before it gets one of its own. */
const TRIED_MAX = 64;

/** Users of a port that are alike. */
export class PortGroup implements PortKind {
  readonly port: number;
  readonly hash: number;
  readonly local: IpAddress;
  readonly boundDevice: number;
  readonly v6only: boolean;
  readonly isAside: boolean;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly isListening: boolean;
  readonly isTimeWait: boolean;
  count = 0;
  /** Lists: of those at an address, and of those on a port. */
  nextHere: PortGroup | null = null;
  previousHere: PortGroup | null = null;
  nextOnPort: PortGroup | null = null;
  previousOnPort: PortGroup | null = null;

  constructor(user: PortKind, port: number, hash: number) {
    this.port = port;
    this.hash = hash;
    this.local = user.local;
    this.boundDevice = user.boundDevice;
    this.v6only = user.v6only;
    this.isAside = user.isAside;
    this.reuseAddress = user.reuseAddress;
    this.reusePort = user.reusePort;
    this.uid = user.uid;
    this.isListening = user.isListening;
    this.isTimeWait = user.isTimeWait;
  }

  holds(user: PortKind, port: number): boolean {
    return (
      this.port === port &&
      this.boundDevice === user.boundDevice &&
      this.v6only === user.v6only &&
      this.isAside === user.isAside &&
      this.reuseAddress === user.reuseAddress &&
      this.reusePort === user.reusePort &&
      this.uid === user.uid &&
      this.isListening === user.isListening &&
      this.isTimeWait === user.isTimeWait &&
      this.local.equals(user.local)
    );
  }
}

/** Whether two may not both have a port (inet_bind_conflict); `isAny`: neither asked for that one. */
function conflicts(one: PortKind, other: PortKind, isAny: boolean): boolean {
  if (one.boundDevice !== 0 && other.boundDevice !== 0 && one.boundDevice !== other.boundDevice) return false;
  if (!overlaps(one, other)) return false;
  if (isAny) return true;
  if (one.reuseAddress && other.reuseAddress && !other.isListening) return false;
  return !(one.reusePort && other.reusePort && (other.isTimeWait || one.uid === other.uid));
}

/** A port that somebody has. */
class PortUse {
  first: PortGroup | null = null;
  /** Of its users, those that asked for the port, or for any of their own. */
  bound = 0;
}

export class PortGroups {
  readonly #key: number;
  readonly #byPort = new Map<number, PortUse>();
  /** By port and address. */
  readonly #byName = new Map<number, PortGroup>();
  /** Groups that the question in hand has looked at. */
  looks = 0;

  constructor(key: number) {
    this.#key = key;
  }

  /** Ports that somebody has. */
  get count(): number {
    return this.#byPort.size;
  }

  isFree(port: number): boolean {
    return !this.#byPort.has(port);
  }

  /** Whether somebody has asked for the port. */
  isBound(port: number): boolean {
    const use = this.#byPort.get(port);
    return use !== undefined && use.bound > 0;
  }

  #hash(port: number, { w0, w1, w2, w3 }: IpAddress): number {
    return mix(mixAddress(this.#key, w0, w1, w2, w3), port);
  }

  // ---- Changes ----

  add(user: PortUser, port: number, isBound: boolean): void {
    let use = this.#byPort.get(port);
    if (use === undefined) {
      use = new PortUse();
      this.#byPort.set(port, use);
    }
    if (isBound) use.bound++;
    const hash = this.#hash(port, user.local);
    const first = this.#byName.get(hash) ?? null;
    let group = first;
    for (let tried = 0; group !== null && !group.holds(user, port); tried++)
      group = tried < TRIED_MAX ? group.nextHere : null;
    if (group === null) {
      group = new PortGroup(user, port, hash);
      group.nextHere = first;
      if (first !== null) first.previousHere = group;
      this.#byName.set(hash, group);
      group.nextOnPort = use.first;
      if (use.first !== null) use.first.previousOnPort = group;
      use.first = group;
    }
    group.count++;
    user.portGroup = group;
  }

  remove(user: PortUser, isBound: boolean): void {
    const group = user.portGroup;
    if (group === null) return;
    user.portGroup = null;
    const use = this.#byPort.get(group.port)!;
    if (isBound) use.bound--;
    if (--group.count > 0) return;
    const { nextHere, previousHere, nextOnPort, previousOnPort } = group;
    if (nextHere !== null) nextHere.previousHere = previousHere;
    if (previousHere !== null) previousHere.nextHere = nextHere;
    else if (nextHere !== null) this.#byName.set(group.hash, nextHere);
    else this.#byName.delete(group.hash);
    if (nextOnPort !== null) nextOnPort.previousOnPort = previousOnPort;
    if (previousOnPort !== null) previousOnPort.nextOnPort = nextOnPort;
    else use.first = nextOnPort;
    if (use.first === null) this.#byPort.delete(group.port);
  }

  /** What conflicts look at may have changed of somebody. */
  changed(user: PortUser, isBound: boolean): void {
    const group = user.portGroup;
    if (group === null || group.holds(user, group.port)) return;
    this.remove(user, isBound);
    this.add(user, group.port, isBound);
  }

  // ---- Questions ----

  /** Whether somebody who has the port, or gets it, may not; `isAny`: nobody asked for that one. */
  isTaken(user: PortUser, port: number, isAny = false): boolean {
    const use = this.#byPort.get(port);
    if (use === undefined) return false;
    this.looks = 0;
    const { local } = user;
    if (local.isAny) {
      for (let group = use.first; group !== null; group = group.nextOnPort)
        if (this.#isInWay(group, user, port, isAny)) return true;
      return false;
    }
    return (
      this.#isTakenAt(local, user, port, isAny) ||
      this.#isTakenAt(ANY4, user, port, isAny) ||
      this.#isTakenAt(ANY6, user, port, isAny)
    );
  }

  #isTakenAt(address: IpAddress, user: PortUser, port: number, isAny: boolean): boolean {
    let group = this.#byName.get(this.#hash(port, address)) ?? null;
    for (; group !== null; group = group.nextHere) if (this.#isInWay(group, user, port, isAny)) return true;
    return false;
  }

  #isInWay(group: PortGroup, user: PortUser, port: number, isAny: boolean): boolean {
    if (++this.looks > PORT_KINDS_MAX) return true;
    // Nobody is in his own way.
    if (group.port !== port || (group.count === 1 && user.portGroup === group)) return false;
    return conflicts(user, group, isAny);
  }
}
