// What guests listen on at localhost, seen from the host's side of their namespace: engines that forward a port (kubelet,
// containerd), and containers that share the namespace, dial localhost there, where the host's own loopback device is. For
// each port of TCP that a guest listens on, at 127.0.0.1, ::1 or any address, the keeper makes a socket that listens at
// the same place of the host's side, if nobody does there already; what connects to it is led to the guest.
//
// Whoever listens more often than MIRRORS_MAX has the first ones mirrored.

import { EAGAIN, EINPROGRESS } from "../../../shared/abi/errno.ts";
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

/** A place is a port of a family: PORTS stands between those of IPv4 and IPv6. */
type Place = number;

interface Mirror {
  /** The listening socket; -1: it is not there yet, or cannot be. */
  fd: number;
  cookie: number;
  isAnswered: boolean;
}

/** Whether somebody who dials that address gets there. */
function isReached(endpoint: InetEndpoint, family: number): boolean {
  const { local, isV6, v6only } = endpoint;
  if (family === AF_INET6) return isV6 && (local.isAny ? !local.isV4 : local.equals(LOCALHOST6));
  if (local.isAny) return local.isV4 || !v6only;
  return local.equals(LOCALHOST4);
}

export class LoopbackMirror {
  readonly #kernel: NetContext;
  readonly #stack: Stack;
  /** Asks the keeper for a socket: a negative errno where it hears nothing now. */
  readonly #ask: (family: number, port: number) => number;
  readonly #relays: Relays;
  /** Who listens where, as long as he does. */
  readonly #placesOf = new Map<InetEndpoint, readonly Place[]>();
  readonly #listeners = new Map<Place, number>();
  readonly #mirrors = new Map<Place, Mirror>();
  readonly #changed = new Set<Place>();

  constructor(kernel: NetContext, stack: Stack, ask: (family: number, port: number) => number) {
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
    const places: Place[] = [];
    if (isReached(endpoint, AF_INET)) places.push(endpoint.localPort);
    if (isReached(endpoint, AF_INET6)) places.push(endpoint.localPort + PORTS);
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
      const asked = this.#ask(place < PORTS ? AF_INET : AF_INET6, place % PORTS);
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
  answered(family: number, port: number, fd: number): void {
    const place = family === AF_INET6 ? port + PORTS : port;
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
      this.#lead(place, fd);
    }
    inet.deliver(this.#stack);
  }

  #lead(place: Place, fd: number): void {
    const isV6 = place >= PORTS;
    const endpoint = new TcpEndpoint(this.#stack.tcp, isV6);
    const error = this.#relays.isFull
      ? -EAGAIN
      : endpoint.connect(isV6 ? LOCALHOST6 : LOCALHOST4, place % PORTS);
    if (error === -EINPROGRESS) this.#relays.join(endpoint, fd);
    else {
      endpoint.close();
      this.#kernel.native.close(fd);
    }
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
