// What guests listen on, seen from the host's side of their namespace: engines that forward a port (kubelet, containerd), and
// containers that share the namespace, dial localhost there, where the host's own loopback device is; so does who dials one of
// the namespace's other addresses there (pasta, for a port that was dialled at the host's localhost). For each port of TCP that
// a guest listens on the keeper makes a socket that listens on the host's side, if nobody does there already: at 127.0.0.1 or
// ::1 where the guest does, else at all addresses. What connects to it is led to the address that it has dialled.
//
// Whoever listens more often than MIRRORS_MAX has the first ones mirrored.

import { EAGAIN, EINPROGRESS } from "../../../shared/abi/errno.ts";
import { RTN_LOCAL } from "../../../shared/abi/netlink.ts";
import { POLLIN } from "../../../shared/abi/poll.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { NetContext } from "../context.ts";
import type { InetEndpoint } from "../stack/inet/endpoint.ts";
import { IpAddress } from "../stack/ip_address.ts";
import type { Stack } from "../stack/stack.ts";
import { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { Relays } from "./relay.ts";

const MIRRORS_MAX = 256;
const RELAYS_MAX = 256;
/** Connections that one turn takes, and places that it looks at. */
const ACCEPTS_AT_ONCE = 16;
const PLACES_AT_ONCE = 64;
const LOCALHOST4 = IpAddress.v4(0x7f000001);
const LOCALHOST6 = IpAddress.fromWords(0, 0, 0, 1);
const PORTS = 65536;

/** A place is a port of a family, at localhost or anywhere: ANYWHERE and PORTS, for IPv6, are added to it. */
type Place = number;
const ANYWHERE = 2 * PORTS;

/** Where the address stands in a sockaddr_in and a sockaddr_in6. */
const IN_ADDRESS = 4;
const IN6_ADDRESS = 8;

function isV6(place: Place): boolean {
  return place % ANYWHERE >= PORTS;
}

interface Mirror {
  /** The listening socket; -1: it is not there yet, or cannot be. */
  fd: number;
  cookie: number;
  isAnswered: boolean;
}

/** Where somebody gets to who dials by that family; -1: nowhere. Link-local addresses are each link's own. */
function reached(endpoint: InetEndpoint, family: number): Place {
  const { local, localPort, isV6, v6only } = endpoint;
  const place = family === AF_INET6 ? localPort + PORTS : localPort;
  const isFamily = local.isV4 === (family === AF_INET);
  if (local.isAny) return isFamily || (isV6 && family === AF_INET && !v6only) ? place + ANYWHERE : -1;
  if (!isFamily || local.isLinkLocal) return -1;
  if (local.equals(LOCALHOST4) || local.equals(LOCALHOST6)) return place;
  return local.isLoopback ? -1 : place + ANYWHERE;
}

export class LoopbackMirror {
  readonly #kernel: NetContext;
  readonly #stack: Stack;
  /** Asks the keeper for a socket: a negative errno where it hears nothing now. */
  readonly #ask: (family: number, port: number, isAnywhere: boolean) => number;
  readonly #relays: Relays;
  /** Who listens where, as long as he does. */
  readonly #placesOf = new Map<InetEndpoint, readonly Place[]>();
  readonly #listeners = new Map<Place, number>();
  readonly #mirrors = new Map<Place, Mirror>();
  readonly #changed = new Set<Place>();

  constructor(
    kernel: NetContext,
    stack: Stack,
    ask: (family: number, port: number, isAnywhere: boolean) => number,
  ) {
    this.#kernel = kernel;
    this.#stack = stack;
    this.#ask = ask;
    this.#relays = new Relays(kernel, RELAYS_MAX);
    stack.tcp.listening = {
      begun: (endpoint) => this.#begun(endpoint),
      ended: (endpoint) => this.#ended(endpoint),
    };
  }

  // ---- Who listens ----

  #begun(endpoint: InetEndpoint): void {
    if (endpoint.isAside || endpoint.boundDevice > 1) return;
    const places = [AF_INET, AF_INET6]
      .map((family) => reached(endpoint, family))
      .filter((place) => place >= 0);
    if (places.length === 0) return;
    this.#placesOf.set(endpoint, places);
    for (const place of places) this.#count(place, 1);
  }

  #ended(endpoint: InetEndpoint): void {
    for (const place of this.#placesOf.get(endpoint) ?? []) this.#count(place, -1);
    this.#placesOf.delete(endpoint);
  }

  #count(place: Place, by: number): void {
    const count = (this.#listeners.get(place) ?? 0) + by;
    if (count === 0) this.#listeners.delete(place);
    else this.#listeners.set(place, count);
    if (this.#changed.size === 0) this.#kernel.steps.later(() => this.#settle());
    this.#changed.add(place);
  }

  // Behind whatever has changed it: a bind is an end and a beginning.
  #settle(): boolean {
    let left = PLACES_AT_ONCE;
    for (const place of this.#changed) {
      if (left-- === 0) return false;
      this.#changed.delete(place);
      this.#look(place);
    }
    return true;
  }

  #look(place: Place): void {
    const mirror = this.#mirrors.get(place);
    const isWanted = this.#listeners.has(place);
    if (isWanted && mirror === undefined && this.#mirrors.size < MIRRORS_MAX) {
      const asked = this.#ask(isV6(place) ? AF_INET6 : AF_INET, place % PORTS, place >= ANYWHERE);
      if (asked >= 0) this.#mirrors.set(place, { fd: -1, cookie: -1, isAnswered: false });
    } else if (!isWanted && mirror?.isAnswered === true) this.#remove(place, mirror);
  }

  #remove(place: Place, mirror: Mirror): void {
    this.#mirrors.delete(place);
    this.#close(mirror);
  }

  #close(mirror: Mirror): void {
    if (mirror.fd < 0) return;
    if (mirror.cookie >= 0) this.#kernel.sleep.remove(mirror.fd, mirror.cookie);
    this.#kernel.native.close(mirror.fd);
    mirror.fd = -1;
  }

  // ---- What the keeper has made ----

  /** -1: somebody is there already, or there is no such address. */
  answered(family: number, port: number, isAnywhere: boolean, fd: number): void {
    const place = port + (family === AF_INET6 ? PORTS : 0) + (isAnywhere ? ANYWHERE : 0);
    const mirror = this.#mirrors.get(place);
    if (mirror === undefined || mirror.isAnswered) {
      if (fd >= 0) this.#kernel.native.close(fd);
      return;
    }
    mirror.isAnswered = true;
    mirror.fd = fd;
    if (!this.#listeners.has(place)) this.#remove(place, mirror);
    else if (fd >= 0) mirror.cookie = this.#kernel.sleep.add(fd, POLLIN, () => this.#accept(place, mirror));
  }

  #accept(place: Place, mirror: Mirror): void {
    const { native, network } = this.#kernel;
    const { inet } = network;
    for (let i = 0; i < ACCEPTS_AT_ONCE; i++) {
      const fd = native.socketAccept(mirror.fd);
      if (fd === -EAGAIN) break;
      if (fd < 0) {
        // It would be told again and again.
        this.#close(mirror);
        break;
      }
      inet.advance(this.#stack);
      if (this.#isFromHere(place) && !this.#relays.isFull) this.#lead(place, fd);
      else native.close(fd);
    }
    inet.deliver(this.#stack);
  }

  #lead(place: Place, fd: number): void {
    const endpoint = new TcpEndpoint(this.#stack.tcp, isV6(place));
    const error = endpoint.connect(this.#dialled(place, fd), place % PORTS);
    if (error === -EINPROGRESS) this.#relays.join(endpoint, fd);
    else {
      endpoint.close();
      this.#kernel.native.close(fd);
    }
  }

  #dialled(place: Place, fd: number): IpAddress {
    const isNamed = place >= ANYWHERE && this.#kernel.native.socketName(fd, 0) >= 0;
    if (isNamed) return this.#address(place);
    return isV6(place) ? LOCALHOST6 : LOCALHOST4;
  }

  /** That of the sockaddr that a host call has left. */
  #address(place: Place): IpAddress {
    const { scratch } = this.#kernel.native;
    return isV6(place)
      ? IpAddress.fromBytes(scratch, IN6_ADDRESS, 16)
      : IpAddress.fromBytes(scratch, IN_ADDRESS, 4);
  }

  /**
   * What was just accepted has not come by a link that is left to the host's stack: it would have an address that is
   * nobody's here.
   */
  #isFromHere(place: Place): boolean {
    const { w0, w1, w2, w3 } = this.#address(place);
    return this.#stack.core.tables.addressType(w0, w1, w2, w3) === RTN_LOCAL;
  }

  /** The keeper has gone: nothing is mirrored any more. */
  end(): void {
    this.#stack.tcp.listening = null;
    for (const mirror of this.#mirrors.values()) this.#close(mirror);
    this.#mirrors.clear();
    this.#placesOf.clear();
    this.#listeners.clear();
  }
}
