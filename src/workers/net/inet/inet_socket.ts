// What sockets of AF_INET and AF_INET6 have in common, streams and datagrams: names, what bind checks, pending errors, and
// ioctls about their addresses. The protocols are the stack's: a socket is the observer of its endpoint there.

import * as E from "../../../shared/abi/errno.ts";
import * as S from "../../../shared/abi/socket.ts";
import { now, realtimeOf } from "../../vfs/clock.ts";
import type { Inode, Time } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import type { Network } from "../network.ts";
import { mayHavePort } from "../privileges.ts";
import { type Address, SocketFile } from "../socket.ts";
import type { StackCore } from "../stack/core.ts";
import { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import { type InetEndpoint, ORIGIN_ZEROCOPY } from "../stack/inet/endpoint.ts";
import type { IpAddress } from "../stack/ip_address.ts";
import { RawEndpoint } from "../stack/raw/endpoint.ts";
import type { Stack } from "../stack/stack.ts";
import { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { familyOf, type InetName, name4, name6, nameOf } from "./addresses.ts";
import { addressIoctl } from "./inet_ioctls.ts";
import { InetOptions, type Level } from "./inet_options.ts";
import type { InetStack } from "./inet_stack.ts";
import type { ListedSocket } from "./registry.ts";

const NS_PER_US = 1000;
/** SO_EE_CODE_ZEROCOPY_COPIED */
const COPIED = 1;

/** IPV6_PKTINFO as an option: what it sends by and from, where a message says nothing else. */
export interface Sticky {
  readonly source: IpAddress | null;
  readonly device: number;
}

export abstract class InetSocket extends SocketFile implements ListedSocket {
  readonly domain: number;
  override readonly options: InetOptions;
  readonly endpoint: InetEndpoint;
  readonly isV6: boolean;
  /** Null: it is no datagram socket's endpoint. */
  readonly datagram: DatagramEndpoint | null;
  /** Null: it is no raw socket. */
  readonly raw: RawEndpoint | null;
  /** Null: it is no stream. */
  readonly stream: TcpEndpoint | null;
  protected readonly inet: InetStack;
  protected readonly stack: Stack;
  /** IP_UNICAST_IF, IPV6_UNICAST_IF; 0: none. */
  unicastDevice4 = 0;
  unicastDevice6 = 0;
  sticky6: Sticky | null = null;
  /** IPV6_V6ONLY of a raw socket. */
  v6onlyAsked = false;
  /** UDP_SEGMENT; 0: none. */
  segmentSize = 0;
  /** When what was received last arrived, where SIOCGSTAMP was asked; null: nothing was. */
  protected lastStamp: Time | null = null;
  protected hasReceived = false;
  #sentByReference = 0;
  #hasEnded = false;

  constructor(
    network: Network,
    inode: Inode | null,
    type: number,
    protocol: number,
    status: number,
    endpoint: InetEndpoint,
    levels: ReadonlyMap<number, Level>,
  ) {
    super(network, inode, type, protocol, status);
    this.domain = endpoint.isV6 ? S.AF_INET6 : S.AF_INET;
    this.isV6 = endpoint.isV6;
    this.inet = network.inet;
    this.stack = network.inet.stack;
    this.endpoint = endpoint;
    this.datagram = endpoint instanceof DatagramEndpoint ? endpoint : null;
    this.raw = endpoint instanceof RawEndpoint ? endpoint : null;
    this.stream = endpoint instanceof TcpEndpoint ? endpoint : null;
    this.options = this.makeOptions(levels);
    this.kernel.counters.sockets++;
    this.kernel.counters.inetSockets++;
    this.inet.sockets.add(this);
  }

  protected makeOptions(levels: ReadonlyMap<number, Level>): InetOptions {
    return new InetOptions(this, levels);
  }

  abstract get isListening(): boolean;

  // What was sent so has a number, of which the error queue says that its memory is wanted no more. That it was copied is
  // said as well: who asks for this then mostly asks no more.
  override sentByReference(): void {
    if (this.options.kept(S.SO_ZEROCOPY) !== 1) return;
    const { endpoint } = this;
    const number = this.#sentByReference;
    this.#sentByReference = (number + 1) >>> 0;
    const last = endpoint.errors.at(-1);
    if (last?.origin === ORIGIN_ZEROCOPY && last.data + 1 === number) {
      endpoint.retell({ ...last, data: number });
      return;
    }
    endpoint.tell({
      errno: 0,
      origin: ORIGIN_ZEROCOPY,
      type: 0,
      code: COPIED,
      info: number,
      data: number,
      offender: null,
      destination: endpoint.any,
      port: 0,
      payload: new Uint8Array(0),
    });
  }

  /** An option has given the stack something to do. */
  acted(): void {}

  /** Bytes in its receive queue, as SO_RCVBUF counts them. */
  abstract get queuedBytes(): number;

  /** The pending error, which is no more then; 0: none. */
  abstract takeError(): number;

  /** What is in the error queue is wanted no more. */
  abstract dropErrors(): void;

  get core(): StackCore {
    return this.stack.core;
  }

  /** UDP_CORK */
  get isCorked(): boolean {
    return false;
  }

  setCorked(_task: NetCaller, _isCorked: boolean): number {
    return -E.ENOPROTOOPT;
  }

  /** It has an address, a port, or both. */
  get isBound(): boolean {
    return this.endpoint.localPort !== 0;
  }

  // ---- Names ----

  name(): Address {
    const { local, localPort, boundDevice } = this.endpoint;
    return nameOf(this.isV6, local, localPort, boundDevice);
  }

  peerName(): Address | number {
    const { remote, remotePort, boundDevice } = this.endpoint;
    if (remote === null || remotePort === 0) return -E.ENOTCONN;
    return nameOf(this.isV6, remote, remotePort, boundDevice);
  }

  /** A name to bind to, or a negative errno. */
  protected nameToBind(address: Address): InetName | number {
    const name = this.isV6 ? name6(address) : name4(address);
    if (name === null) return -E.EINVAL;
    const family = familyOf(address);
    if (family === this.domain) return name;
    // Programs that leave the family out mean any address.
    const isLeftOut = !this.isV6 && family === S.AF_UNSPEC && name.ip.isAny;
    return isLeftOut ? name : -E.EAFNOSUPPORT;
  }

  bind(task: NetCaller, address: Address): number {
    const name = this.nameToBind(address);
    if (typeof name === "number") return name;
    if (!this.mayBind(task, name)) return -E.EACCES;
    const { endpoint } = this;
    const { v6only } = endpoint;
    // One that is bound to an address of IPv6 has no other family.
    const isOnlyV6 = this.isV6 && !name.ip.isV4 && !name.ip.isAny && !this.isBound;
    if (isOnlyV6) endpoint.v6only = true;
    const error = endpoint.bind(name.ip, name.port, name.scope);
    if (error < 0) endpoint.v6only = v6only;
    return error;
  }

  protected mayBind(task: NetCaller, { port }: InetName): boolean {
    return mayHavePort(task, this.network, port);
  }

  // ---- As a file ----

  override get messageMax(): number {
    return 0xffff;
  }

  override neverWaits(flags: number): boolean {
    return super.neverWaits(flags) || (flags & S.MSG_ERRQUEUE) !== 0;
  }

  /** CLOCK_REALTIME of a time on the stack's clock. */
  protected timeOf(arrivalUs: number): Time {
    return realtimeOf(this.kernel.native, arrivalUs * NS_PER_US);
  }

  protected override stampOfLast(): Time | number {
    this.options.keepStamp();
    if (!this.hasReceived) return -E.ENOENT;
    this.lastStamp ??= now(this.kernel.native);
    return this.lastStamp;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    return (
      addressIoctl(task, this.network, this.domain, request, argument) ?? super.ioctl(task, request, argument)
    );
  }

  /** The last holder is gone; true: this once. */
  protected end(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    this.options.end();
    this.inet.sockets.remove(this);
    this.kernel.counters.sockets--;
    this.kernel.counters.inetSockets--;
    return true;
  }
}
