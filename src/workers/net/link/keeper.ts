// What the keeper says (native/keeper/): which links of the host's network namespace are this sandbox's, with a packet
// socket for each, and what rtnetlink tells there of addresses, routes, rules and neighbours. It comes as rtnetlink's own
// messages, and is done here as an administrator's requests are done, to this sandbox's namespace.
//
// It makes sockets on the host's loopback device as well, for what is mirrored there (loopback_mirror.ts) and for streams to
// the engine's name server (resolver_streams.ts).
//
// What follows of itself here is not taken over: routes that come with addresses, what the host's stack has learned of
// routers and neighbours, its own link-local addresses and rules.
//
// Where sockets are the host's, the keeper is a viewer: links of all kinds are told of, with what their stack, the host's,
// has learned of routers, and nobody serves them here.

import { ENODEV } from "../../../shared/abi/errno.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { POLLIN } from "../../../shared/abi/poll.ts";
import { AF_INET6 } from "../../../shared/abi/socket.ts";
import type { PassEnd } from "../../call/pass_end.ts";
import type { Log } from "../../log.ts";
import type { NetContext } from "../context.ts";
import { errorOf } from "../devices/outcome.ts";
import type { Device } from "../devices/rows.ts";
import { NamedNetworks } from "../named_networks.ts";
import { attributesOf, numberOf, type Request, requestsIn, textOf } from "../netlink/message.ts";
import { ADDRESS_SIZE, deleteAddress, newAddress } from "../netlink/route/address.ts";
import { deleteRoute, newRoute, ROUTE_SIZE } from "../netlink/route/fib.ts";
import type { Changer } from "../netlink/route/kind.ts";
import { deleteNeighbour, NEIGHBOUR_SIZE, newNeighbour } from "../netlink/route/neighbour.ts";
import { deleteRule, newRule } from "../netlink/route/rule.ts";
import type { NetDevice } from "../stack/device.ts";
import type { Stack } from "../stack/stack.ts";
import { FrameBuffers } from "./frame_buffers.ts";
import { type FrameUser, HostDevice } from "./host_device.ts";
import { LoopbackMirror } from "./loopback_mirror.ts";
import { Resolver } from "./resolver.ts";
import { ResolverStreams } from "./resolver_streams.ts";

/** Messages begin with one of these words: keeper.h. */
const CONFIGURATION = 1;
const LINK = 2;
const REFUSED = 3;
const READY = 4;
const RESOLVER = 5;
const SOCKET = 6;
/** What the keeper is asked for, and where family and port stand in its answer. */
const LISTEN = 1;
const RESOLVE = 2;
const LISTEN_ANYWHERE = 3;
const SOCKET_SIZE = 16;
const WORD = 4;
const MESSAGE_MAX = 33024;
/** How long a kernel waits for what the keeper tells before anything runs, and how often. */
const READY_MS = 2000;
const READY_TRIES_MAX = 1024;
const NS_PER_US = 1000;
/** Messages that one turn takes. */
const AT_ONCE = 64;

const LINK_SIZE = 16;
const RULE_SIZE = 12;
const FRA_PRIORITY = 6;
const MAC = 6;
/** Addresses of links that are no Ethernets: those of InfiniBand are the longest. */
const HARDWARE_MAX = 20;
/** Flags of struct ifreq: others are made up when they are told. */
const FLAGS_MASK = 0xffff;
/** Of IFLA_AF_SPEC: what IPv6 is set to on a link of the host, numbers by DEVCONF_*. */
const IFLA_INET6_CONF = 2;
const ACCEPT_RA = 3;
const DISABLE_IPV6 = 26;
/** Rules that every namespace has. */
const USUAL_RULES: readonly number[] = [0, 32766, 32767];

export interface KeeperContext extends NetContext {
  readonly passEnd: PassEnd;
  readonly log: Log;
}

/** A link as rtnetlink tells it. */
interface ToldLink {
  readonly index: number;
  /** ARPHRD_*, IFF_* */
  readonly type: number;
  readonly flags: number;
  readonly isUp: boolean;
  readonly name: string;
  readonly mac: Buffer;
  readonly mtu: number;
  readonly isInet6Off: boolean;
  readonly ignoresRouters: boolean;
}

/** A number of what IPv6 is set to there; null: nothing is said. */
function inet6Setting(attributes: Map<number, Buffer>, place: number): number | null {
  const families = attributes.get(N.IFLA_AF_SPEC);
  const family = families === undefined ? undefined : attributesOf(families, 0).get(AF_INET6);
  const numbers = family === undefined ? undefined : attributesOf(family, 0).get(IFLA_INET6_CONF);
  return numbers === undefined || numbers.length < (place + 1) * 4 ? null : numbers.readInt32LE(place * 4);
}

function linkIn({ body }: Request): ToldLink | null {
  if (body.length < LINK_SIZE) return null;
  const attributes = attributesOf(body, LINK_SIZE);
  const type = body.readUInt16LE(2);
  const flags = body.readUInt32LE(8) & FLAGS_MASK;
  const mac = attributes.get(N.IFLA_ADDRESS) ?? Buffer.alloc(0);
  if (mac.length > HARDWARE_MAX || (type === N.ARPHRD_ETHER && mac.length !== MAC)) return null;
  return {
    index: body.readInt32LE(4),
    type,
    flags,
    isUp: (flags & N.IFF_UP) !== 0,
    name: textOf(attributes.get(N.IFLA_IFNAME)) ?? "",
    mac,
    mtu: numberOf(attributes.get(N.IFLA_MTU)) ?? 1500,
    // Engines take IPv6 from links, and routers' word, where a network has none: others on it could pose as one.
    isInet6Off: (inet6Setting(attributes, DISABLE_IPV6) ?? 0) !== 0,
    ignoresRouters: inet6Setting(attributes, ACCEPT_RA) === 0,
  };
}

export class Keeper implements FrameUser {
  readonly #kernel: KeeperContext;
  readonly #fd: number;
  readonly #cookie: number;
  readonly #message = Buffer.alloc(MESSAGE_MAX);
  #buffers: FrameBuffers | null = null;
  /** Of links that are being made: their sockets, by index. */
  readonly #sockets = new Map<number, number>();
  /** Links that there are; null: one that the host's stack serves. */
  readonly #devices = new Map<number, HostDevice | null>();
  #resolver: Resolver | null = null;
  #streams: ResolverStreams | null = null;
  #mirror: LoopbackMirror | null = null;
  #isGone = false;
  /** All that there was when the sandbox began has been told. */
  isReady = false;

  constructor(kernel: KeeperContext, fd: number) {
    this.#kernel = kernel;
    this.#fd = fd;
    if (!kernel.network.devices.isHosts) this.#serveStack();
    this.#cookie = kernel.sleep.add(fd, POLLIN, () => this.#ready());
    this.#awaitReady();
  }

  #serveStack(): void {
    const kernel = this.#kernel;
    kernel.network.inet.linkOf = (row, stack) => this.#make(row, stack);
    kernel.network.inet.made = (stack) => {
      const ask = (family: number, port: number, isAnywhere: boolean): number =>
        kernel.native.keeperAsk(this.#fd, isAnywhere ? LISTEN_ANYWHERE : LISTEN, family, port);
      if (!this.#isGone) this.#mirror = new LoopbackMirror(kernel, stack, ask);
    };
  }

  /** No guest runs yet: its first program is to find the links that there are. */
  #awaitReady(): void {
    const { native, log } = this.#kernel;
    for (let i = 0; i < READY_TRIES_MAX && !this.isReady && !this.#isGone; i++) {
      const events = native.pollOne(this.#fd, POLLIN, READY_MS);
      if (events <= 0) break;
      this.#ready();
    }
    if (!this.isReady && !this.#isGone)
      log("warn", "the keeper of the network has not told all that there is yet");
  }

  /** The loop's own time may be that of a turn long ago, or of none. */
  #advance(stack: Stack): void {
    stack.advance(this.#kernel.native.monotonicNs() / NS_PER_US);
  }

  #ready(): void {
    const { native } = this.#kernel;
    for (let i = 0; i < AT_ONCE; i++) {
      const length = native.keeperReceive(this.#fd, this.#message, MESSAGE_MAX);
      const socket = native.scratchView.getInt32(0, true);
      if (length === 0) this.#gone();
      if (length <= 0) return;
      this.#take(length, socket);
    }
  }

  /** Without the keeper the host's own stack is not cut off any more: the links are given up, but not those of the host. */
  #gone(): void {
    const { sleep, native, log, network } = this.#kernel;
    const { devices } = network;
    if (devices.isHosts)
      log("warn", "the viewer of the network has ended: changes of its links are not seen");
    else log("error", "the keeper of the network has ended: the sandbox's links are down");
    this.#isGone = true;
    sleep.remove(this.#fd, this.#cookie);
    this.#mirror?.end();
    this.#streams?.end();
    native.close(this.#fd);
    if (devices.isHosts) return;
    for (const index of [...this.#devices.keys()]) this.#linkGone(devices.byIndex(index));
  }

  #take(length: number, socket: number): void {
    const { log, native, network } = this.#kernel;
    const { devices } = network;
    const said = length < WORD ? 0 : this.#message.readUInt32LE(0);
    // A viewer says nothing else.
    const word = devices.isHosts && said !== READY && said !== CONFIGURATION ? 0 : said;
    const text = Buffer.from(this.#message.subarray(WORD, length));
    const [request] = requestsIn(text);
    const isLink = word === LINK && request !== undefined && socket >= 0;
    if (word === SOCKET && length >= SOCKET_SIZE) this.#madeSocket(socket);
    else if (word === RESOLVER && socket >= 0 && this.#resolver === null) this.#newResolver(socket);
    else if (socket >= 0 && !isLink) native.close(socket);
    if (word === READY) this.isReady = true;
    if (request === undefined) return;
    if (isLink) this.#newLink(request, socket);
    else if (word === LINK)
      log(
        "warn",
        `the link ${linkIn(request)?.name} cannot be taken: its socket did not come, errno ${-socket}`,
      );
    else if (word === CONFIGURATION) this.#configure(request);
    else if (word === REFUSED) {
      const why = text.toString("latin1", request.bytes.length);
      const name = linkIn(request)?.name ?? textOf(attributesOf(request.body, LINK_SIZE).get(N.IFLA_IFNAME));
      log("warn", `the link ${name} is left to the host: ${why}`);
    }
  }

  // ---- Sockets on the host's loopback device ----

  #newResolver(socket: number): void {
    const kernel = this.#kernel;
    const { stack } = kernel.network.inet;
    this.#resolver = new Resolver(kernel, socket);
    const ask = (): number => kernel.native.keeperAsk(this.#fd, RESOLVE, 0, 0);
    this.#streams = new ResolverStreams(kernel, stack, Resolver.address, Resolver.port, ask);
  }

  #madeSocket(socket: number): void {
    const [what, family, port] = [4, 8, 12].map((at) => this.#message.readUInt32LE(at)) as [
      number,
      number,
      number,
    ];
    const isMirror = what === LISTEN || what === LISTEN_ANYWHERE;
    if (isMirror && this.#mirror !== null)
      this.#mirror.answered(family, port, what === LISTEN_ANYWHERE, socket);
    else if (what === RESOLVE && this.#streams !== null) this.#streams.answered(socket);
    else if (socket >= 0) this.#kernel.native.close(socket);
  }

  // ---- Links ----

  /** Before frames of a batch are looked at: it is that late, and settings may be others since. */
  begin(): void {
    this.#kernel.network.inet.stack.advance(this.#kernel.sleep.nowNs / NS_PER_US);
  }

  end(): void {
    const { inet } = this.#kernel.network;
    inet.deliver(inet.stack);
  }

  #make(row: Device, stack: Stack): NetDevice | null {
    const socket = this.#sockets.get(row.index);
    if (socket === undefined) return null;
    const { core, links } = stack;
    this.#buffers ??= new FrameBuffers(this.#kernel.native, core.pools);
    const device = new HostDevice(
      this.#kernel,
      "packet",
      socket,
      row,
      row.address,
      core,
      links,
      this.#buffers,
      this,
    );
    this.#devices.set(row.index, device);
    return device;
  }

  #newLink(request: Request, socket: number): void {
    const { log, native, network } = this.#kernel;
    const { devices, inet } = network;
    const found = linkIn(request);
    const told = found?.type === N.ARPHRD_ETHER ? found : null;
    // The stack is there before the device, which it makes.
    const { stack } = inet;
    this.#advance(stack);
    if (told !== null) this.#sockets.set(told.index, socket);
    const row = told === null ? -ENODEV : devices.addLink(told.name, told.mac, told.mtu, told.index);
    if (told !== null) this.#sockets.delete(told.index);
    if (typeof row === "number") {
      log("warn", `the link ${told?.name} cannot be taken: errno ${-row}`);
      native.close(socket);
    } else {
      devices.setInet6(row, told!.isInet6Off, told!.ignoresRouters);
      if (told!.isUp) devices.setFlags(row, row.flags | N.IFF_UP);
    }
    inet.deliver(stack);
  }

  #linkTold(told: ToldLink): void {
    const { devices } = this.#kernel.network;
    const known = devices.byIndex(told.index);
    if (known !== undefined && this.#devices.has(known.index)) this.#linkChanged(known, told);
    else if (devices.isHosts) this.#seeLink(told, known);
  }

  /** One that the host's stack serves is told of for the first time; `lo`: it is here already. */
  #seeLink(told: ToldLink, lo: Device | undefined): void {
    const { name, mac, mtu, index, type, flags } = told;
    if (lo !== undefined && lo.type !== type) return;
    const row = lo ?? this.#kernel.network.devices.addLink(name, mac, mtu, index, type, flags);
    if (typeof row === "number") return;
    this.#devices.set(row.index, null);
    this.#linkChanged(row, told);
  }

  #linkGone(row: Device | undefined): void {
    const device = row === undefined ? undefined : this.#devices.get(row.index);
    if (device === undefined || row!.type === N.ARPHRD_LOOPBACK) return;
    this.#devices.delete(row!.index);
    this.#kernel.network.devices.removeLink(row!);
    device?.close();
  }

  #linkChanged(row: Device, { name, mac, mtu, flags, isUp, isInet6Off, ignoresRouters }: ToldLink): void {
    const { devices } = this.#kernel.network;
    const others = devices.isHosts ? flags : row.flags;
    devices.setName(row, name);
    devices.setMtu(row, mtu);
    devices.setInet6(row, isInet6Off, ignoresRouters);
    if (row.type === N.ARPHRD_ETHER && !mac.equals(row.address)) devices.setAddress(row, mac);
    devices.setFlags(row, isUp ? others | N.IFF_UP : others & ~N.IFF_UP);
    if (devices.isHosts) devices.setCarrier(row, (flags & N.IFF_RUNNING) !== 0);
  }

  // ---- Configuration ----

  #configure(request: Request): void {
    const { inet, devices } = this.#kernel.network;
    // There is no stack here.
    if (devices.isHosts) {
      this.#apply(request);
      return;
    }
    const { stack } = inet;
    this.#advance(stack);
    this.#apply(request);
    inet.deliver(stack);
  }

  #apply(request: Request): void {
    const { devices } = this.#kernel.network;
    switch (request.type) {
      case N.RTM_NEWLINK: {
        const told = linkIn(request);
        if (told !== null) this.#linkTold(told);
        break;
      }
      case N.RTM_DELLINK:
        if (request.body.length >= LINK_SIZE) this.#linkGone(devices.byIndex(request.body.readInt32LE(4)));
        break;
      case N.RTM_NEWADDR:
        if (this.#isOfLink(request, ADDRESS_SIZE)) this.#newAddress(request);
        break;
      case N.RTM_DELADDR:
        if (this.#isOfLink(request, ADDRESS_SIZE)) this.#change(deleteAddress, request, 0);
        break;
      case N.RTM_NEWROUTE:
      case N.RTM_DELROUTE:
        // Of a link that has nobody at the other end.
        if (request.body.length >= ROUTE_SIZE) request.body[8]! &= ~(N.RTNH_F_DEAD | N.RTNH_F_LINKDOWN);
        if (isSetRoute(request, devices.isHosts))
          this.#change(request.type === N.RTM_NEWROUTE ? newRoute : deleteRoute, request, N.NLM_F_CREATE);
        break;
      case N.RTM_NEWRULE:
      case N.RTM_DELRULE:
        if (isSetRule(request))
          this.#change(
            request.type === N.RTM_NEWRULE ? newRule : deleteRule,
            request,
            N.NLM_F_CREATE | N.NLM_F_EXCL,
          );
        break;
      case N.RTM_NEWNEIGH:
      case N.RTM_DELNEIGH:
        if (
          this.#isOfLink(request, NEIGHBOUR_SIZE) &&
          (request.body.readUInt16LE(8) & N.NUD_PERMANENT) !== 0
        ) {
          const isNew = request.type === N.RTM_NEWNEIGH;
          this.#change(isNew ? newNeighbour : deleteNeighbour, request, N.NLM_F_CREATE | N.NLM_F_REPLACE);
        }
        break;
    }
  }

  #isOfLink({ body }: Request, size: number): boolean {
    return body.length >= size && this.#devices.has(body.readInt32LE(4));
  }

  /** What cannot be done here (it is there already, or its like is not known) is left. */
  #change(changer: Changer, request: Request, flags: number): number {
    const { network, rootCredentials } = this.#kernel;
    const task = { kernel: this.#kernel, credentials: rootCredentials, network, named: new NamedNetworks() };
    return errorOf(changer(task, { ...request, flags }));
  }

  #newAddress(request: Request): void {
    const { body } = request;
    const attributes = attributesOf(body, ADDRESS_SIZE);
    const flags = numberOf(attributes.get(N.IFA_FLAGS)) ?? body[2]!;
    if (this.#change(newAddress, request, N.NLM_F_CREATE | N.NLM_F_REPLACE) !== 0) return;
    // What the host's stack has looked for duplicates of need not be looked at again.
    const address = attributes.get(N.IFA_LOCAL) ?? attributes.get(N.IFA_ADDRESS);
    if (body[0] !== AF_INET6 || address === undefined || (flags & N.IFA_F_TENTATIVE) !== 0) return;
    const { devices } = this.#kernel.network;
    devices.inet6.verified(devices.byIndex(body.readInt32LE(4))!, Uint8Array.from(address), false);
  }
}

/** Set by somebody, or (`isTold`) by a router, and not by the host's kernel of itself. */
function isSetRoute({ body }: Request, isTold: boolean): boolean {
  if (body.length < ROUTE_SIZE) return false;
  const table = numberOf(attributesOf(body, ROUTE_SIZE).get(N.RTA_TABLE)) ?? body[4]!;
  const isCached = (body.readUInt32LE(8) & N.RTM_F_CLONED) !== 0;
  const isOwn = body[5] === N.RTPROT_KERNEL || (body[5] === N.RTPROT_RA && !isTold);
  return !isOwn && table !== N.RT_TABLE_LOCAL && !isCached;
}

function isSetRule({ body }: Request): boolean {
  if (body.length < RULE_SIZE) return false;
  return !USUAL_RULES.includes(numberOf(attributesOf(body, RULE_SIZE).get(FRA_PRIORITY)) ?? 0);
}
