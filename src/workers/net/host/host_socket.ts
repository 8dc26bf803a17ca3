// Sockets of AF_INET and AF_INET6 that are the host's, of the network that the caller gave (--network=host). What they do is
// the host's affair; here stands what belongs to the guest: waiting, time-outs, its memory, its privileges. The host's
// descriptor never waits, whatever the guest's flags say.

import * as E from "../../../shared/abi/errno.ts";
import { FIONREAD, SIOCATMARK, TIOCOUTQ as SIOCOUTQ, SIOCOUTQNSD } from "../../../shared/abi/ioctl.ts";
import {
  EPOLLET,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import type { Coroutine } from "../../call/call.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import { putFile } from "../../vfs/file_table.ts";
import type { Inode } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import { type Ancillary, type ControlWriter, controlMessages } from "../control.ts";
import { addressIoctl } from "../inet/inet_ioctls.ts";
import type { Network } from "../network.ts";
import { lingerBytes } from "../options.ts";
import { mayHavePort } from "../privileges.ts";
import { type Address, CAN_READ, nothing, type Received, type SendRequest, SocketFile } from "../socket.ts";
import { Unread } from "../unread.ts";
import { HostCalls } from "./host_calls.ts";
import type { HostNetwork } from "./host_network.ts";
import { HostOptions } from "./options.ts";

const ALL_EVENTS = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP;
/** Numbers that the host tells of a socket, and nothing else. */
const COUNTS: ReadonlySet<number> = new Set([FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK]);
/** What a receive takes at once of a stream; a datagram is no longer. */
const RECEIVE_MAX = 65536;
const CONTROL_MAX = 2048;
/** Flags that mean something to the host; how a call waits is not its affair. */
const SEND_FLAGS = S.MSG_OOB | S.MSG_DONTROUTE | S.MSG_MORE | S.MSG_EOR | S.MSG_CONFIRM;
const RECEIVE_FLAGS = S.MSG_OOB | S.MSG_PEEK | S.MSG_TRUNC | S.MSG_ERRQUEUE;
const PORT_AT = 2;
const HOST_PORTS = 1024;

/** Control messages as they stand in memory. */
class HostControl implements Ancillary {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  release(): void {}
}

const NOTHING = new Uint8Array(0);

export class HostSocket extends SocketFile {
  override readonly hasUrgentData = true;
  readonly domain: number;
  override readonly options: HostOptions;
  readonly host: HostCalls;
  readonly #hostNetwork: HostNetwork;
  isListening = false;
  readonly #watch: number;
  /** Of a stream, what was received and did not reach its receiver. */
  readonly #unread = new Unread(this.waiters);
  /** Who waits for datagrams waits no more. */
  #hasShutRead = false;
  #hasEnded = false;

  constructor(
    network: Network,
    host: HostNetwork,
    inode: Inode | null,
    fd: number,
    domain: number,
    type: number,
    protocol: number,
    status: number,
  ) {
    super(network, inode, type, protocol, status);
    this.domain = domain;
    const { kernel } = network;
    this.host = new HostCalls(kernel.native, fd);
    this.#hostNetwork = host;
    this.options = new HostOptions(this);
    this.#watch = host.sleep.add(fd, ALL_EVENTS + EPOLLET, (events) => this.waiters.wake(events));
    kernel.counters.sockets++;
    kernel.counters.hostSockets++;
  }

  get keepsBounds(): boolean {
    return this.type !== S.SOCK_STREAM;
  }

  override get messageMax(): number {
    return RECEIVE_MAX;
  }

  override neverWaits(flags: number): boolean {
    return super.neverWaits(flags) || (flags & S.MSG_ERRQUEUE) !== 0;
  }

  // ---- Names ----

  name(): Address {
    const name = this.host.name(false);
    return typeof name === "number" ? "" : name;
  }

  peerName(): Address | number {
    return this.host.name(true);
  }

  bind(task: NetCaller, address: Address): number {
    const port = address.length < PORT_AT + 2 ? 0 : Buffer.from(address, "latin1").readUInt16BE(PORT_AT);
    if (!mayHavePort(task, this.network, port)) return -E.EACCES;
    // The host lets others than this process have low ports.
    if (port > 0 && port < HOST_PORTS) return task.call.start(this.#bindElsewhere(task, address));
    return this.host.bind(address);
  }

  *#bindElsewhere(task: NetCaller, address: Address): Coroutine {
    this.references++;
    try {
      return yield* this.#hostNetwork.bind(task, this.host.fd, address);
    } finally {
      putFile(this.kernel, this);
    }
  }

  override listen(_task: NetCaller, backlog: number): number {
    const error = this.host.listen(backlog);
    if (error === 0) this.isListening = true;
    return error;
  }

  connect(_task: NetCaller, address: Address): number {
    const error = this.host.connect(address);
    const isUnderWay = error === -E.EINPROGRESS || error === -E.EALREADY;
    return isUnderWay && !this.neverWaits(0) ? -E.EAGAIN : error;
  }

  override accept(status: number, by: Credentials): SocketFile | number {
    const { kernel } = this;
    if (!kernel.heap.hasRoom("sockets") || !kernel.heap.hasRoom("hostSockets")) return -E.ENFILE;
    const fd = this.host.accept();
    if (fd < 0) return fd;
    const inode = kernel.anonymous.socket(by);
    return new HostSocket(
      this.network,
      this.#hostNetwork,
      inode,
      fd,
      this.domain,
      this.type,
      this.protocol,
      status,
    );
  }

  // ---- Data ----

  send(_task: NetCaller, { data, flags, address, ancillary }: SendRequest<HostControl>): number {
    // Of a stream nothing is sent before there is something: its state alone is asked for.
    if (data.length === 0 && !this.keepsBounds) return this.#mayWrite();
    return this.host.send(data, flags & SEND_FLAGS, address, ancillary?.bytes ?? NOTHING);
  }

  // An error that is pending is told once, by the call that would send.
  #mayWrite(): number {
    const events = this.host.poll(POLLOUT);
    if ((events & (POLLERR | POLLHUP)) === 0) return 0;
    const error = this.options.takeError();
    if (error !== 0) return -error;
    return (events & POLLHUP) !== 0 ? -E.EPIPE : 0;
  }

  receive(_task: NetCaller, room: number, flags: number): Received<HostControl> | number {
    const isPlain = (flags & (S.MSG_OOB | S.MSG_ERRQUEUE)) === 0;
    if (!isPlain || this.#unread.length === 0) return this.#receiveNew(room, flags);
    const first = this.#unread.take(room, flags);
    // There is more behind it at once, and no error that would be told here for nothing.
    if (first.length === room || this.host.count(FIONREAD) <= 0) return first;
    const more = this.#receiveNew(room - first.length, flags);
    return typeof more === "number" ? first : this.#unread.together(first, more, flags);
  }

  #receiveNew(room: number, flags: number): Received<HostControl> | number {
    const isPlain = (flags & (S.MSG_OOB | S.MSG_ERRQUEUE)) === 0;
    // Memory of its own, not the window, which the guest can change: what does not arrive may be somebody else's to read.
    const bytes = new Uint8Array(Math.min(room, RECEIVE_MAX));
    // The host's MSG_TRUNC throws a stream's bytes away, and tells how long a datagram was.
    const asked = (flags & RECEIVE_FLAGS) | (this.keepsBounds ? S.MSG_TRUNC : 0);
    const received = this.host.receive(bytes, asked, CONTROL_MAX);
    if (received === -E.EAGAIN && this.#hasShutRead && !this.neverWaits(flags)) return nothing();
    if (typeof received === "number") return received;
    const isThrownAway = this.#isThrownAway(flags);
    const data = bytes.subarray(0, isThrownAway ? 0 : Math.min(received.length, bytes.length));
    return {
      data,
      discarded: isThrownAway ? received.length : 0,
      length: received.length,
      flags: received.flags & ~S.MSG_CMSG_CLOEXEC,
      address: received.address,
      ancillary: received.control.length > 0 ? new HostControl(received.control) : null,
      putBack: () => {
        if (!this.keepsBounds && isPlain && (flags & S.MSG_PEEK) === 0) this.#unread.putBack(data);
      },
    };
  }

  /** Of a stream the host gives no bytes then, but how many there would have been (tcp(7)). */
  #isThrownAway(flags: number): boolean {
    return !this.keepsBounds && (flags & (S.MSG_TRUNC | S.MSG_ERRQUEUE)) === S.MSG_TRUNC;
  }

  /** Sends out of the window itself, where all of it is taken or the caller looks at how much was. */
  override writeAtOnce(task: NetCaller, length: number): number {
    if (!this.keepsBounds && !this.neverWaits(0)) return NOT_AT_ONCE;
    const { chunk, base } = task.call;
    const n = this.kernel.native.streamWrite(this.host.fd, chunk, base + WINDOW, length, 1);
    // Who waits, or gets a signal, is a matter for those who look closer.
    return n === -E.EPIPE || (n === -E.EAGAIN && !this.neverWaits(0)) ? NOT_AT_ONCE : n;
  }

  // ---- Control messages ----

  // Of SOL_SOCKET nothing is passed on, which could carry descriptors: the host has no use for the rest.
  override readControl(_task: NetCaller, bytes: Buffer): HostControl | number {
    const parts: Buffer[] = [];
    for (const message of controlMessages(bytes)) {
      if (message === null) return -E.EINVAL;
      if (message.level !== S.SOL_SOCKET) parts.push(message.whole);
    }
    const passed = Buffer.concat(parts);
    return passed.length > CONTROL_MAX ? -E.ENOBUFS : new HostControl(passed);
  }

  override writeControl(
    _task: NetCaller,
    writer: ControlWriter,
    { ancillary }: Received<HostControl>,
    _flags: number,
  ): null {
    if (ancillary === null) return null;
    for (const message of controlMessages(ancillary.bytes)) {
      if (message === null) break;
      writer.add(message.level, message.type, message.body);
    }
    return null;
  }

  // ---- As a file ----

  shutdown(how: number): number {
    // Also of one that is not connected.
    if (how === S.SHUT_RD || how === S.SHUT_RDWR) this.#hasShutRead = true;
    const error = this.host.shutdown(how);
    this.waiters.wake(this.poll());
    return error;
  }

  poll(): number {
    const events = this.host.poll(ALL_EVENTS);
    if (events < 0) return POLLERR;
    return this.#unread.length > 0 ? events | CAN_READ : events;
  }

  protected override stampOfLast(): number {
    return -E.ENOENT;
  }

  override ioctl(task: NetCaller, request: number, argument: number): number {
    if (!COUNTS.has(request))
      return (
        addressIoctl(task, this.network, this.domain, request, argument) ??
        super.ioctl(task, request, argument)
      );
    const count = this.host.count(request);
    if (count < 0) return count;
    const more = request === FIONREAD ? this.#unread.length : 0;
    return this.tellNumber(task, argument, count + more);
  }

  release(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { kernel, host } = this;
    // A close that lingers would wait: the host does so behind our back, and a time of 0 alone says what becomes of data.
    const { linger } = this.options;
    if (linger.isOn && linger.seconds === 0) host.set(S.SOL_SOCKET, S.SO_LINGER, lingerBytes(linger));
    if (this.#watch >= 0) this.#hostNetwork.sleep.remove(host.fd, this.#watch);
    kernel.native.close(host.fd);
    kernel.counters.sockets--;
    kernel.counters.hostSockets--;
    this.leaveNetwork();
  }
}
