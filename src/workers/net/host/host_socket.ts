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
import { TRANSFER_MAX } from "../../mem/direct_memory.ts";
import { NOT_AT_ONCE } from "../../vfs/file.ts";
import { putFile } from "../../vfs/file_table.ts";
import type { Inode } from "../../vfs/inode.ts";
import type { NetCaller } from "../caller.ts";
import type { ControlWriter } from "../control.ts";
import { familyOf } from "../inet/addresses.ts";
import { addressIoctl } from "../inet/inet_ioctls.ts";
import type { Network } from "../network.ts";
import { lingerBytes } from "../options.ts";
import { mayHavePort } from "../privileges.ts";
import { type Address, type Received, type SendRequest, SocketFile } from "../socket.ts";
import { sendRest } from "../transfer.ts";
import { HostCalls } from "./host_calls.ts";
import { HostControl } from "./host_control.ts";
import type { HostNetwork } from "./host_network.ts";
import { Incoming, RECEIVE_MAX } from "./incoming.ts";
import { ENDS, LowWater } from "./low_water.ts";
import { HostOptions } from "./options.ts";

const ALL_EVENTS = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP;
/** Numbers that the host tells of a socket, and nothing else. */
const COUNTS: ReadonlySet<number> = new Set([FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK]);
/** Flags that mean something to the host; how a call waits is not its affair. */
const SEND_FLAGS = S.MSG_OOB | S.MSG_DONTROUTE | S.MSG_MORE | S.MSG_EOR | S.MSG_CONFIRM;
const PORT_AT = 2;
const HOST_PORTS = 1024;

const NOTHING = new Uint8Array(0);

export class HostSocket extends SocketFile {
  override readonly hasUrgentData = true;
  readonly domain: number;
  override readonly options: HostOptions;
  readonly host: HostCalls;
  readonly low: LowWater;
  readonly #hostNetwork: HostNetwork;
  isListening = false;
  readonly #watch: number;
  readonly #incoming: Incoming;
  /** A positive errno that the host has told, once, to a call that had something else to tell; 0: there is none. */
  #untold = 0;
  /** The last bytes of guest memory that were to be sent did not all find room. */
  #wasFull = false;
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
    this.low = new LowWater(this.host);
    this.#hostNetwork = host;
    this.#incoming = new Incoming(this, host);
    this.options = new HostOptions(this);
    this.#watch = host.sleep.add(fd, ALL_EVENTS + EPOLLET, (events) => this.waiters.wake(events));
    kernel.counters.sockets++;
    kernel.counters.hostSockets++;
  }

  /** Bytes of a stream that have come back. */
  get unread(): number {
    return this.#incoming.unread;
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
    // What the connection before has left is nothing of the next one.
    if (error === 0 && !this.keepsBounds && familyOf(address) === S.AF_UNSPEC) {
      this.#incoming.forget();
      this.#untold = 0;
    }
    return error;
  }

  override accept(status: number, by: Credentials): SocketFile | number {
    const { kernel } = this;
    if (!kernel.heap.hasRoom("sockets") || !kernel.heap.hasRoom("hostSockets")) return -E.ENFILE;
    const fd = this.host.accept();
    if (fd < 0) return fd;
    const inode = kernel.anonymous.socket(by);
    const { domain, type, protocol } = this;
    const socket = new HostSocket(this.network, this.#hostNetwork, inode, fd, domain, type, protocol, status);
    socket.options.receiveLow = this.options.receiveLow;
    socket.low.inherit(this.low);
    return socket;
  }

  // ---- Data ----

  send(_task: NetCaller, { data, flags, address, ancillary }: SendRequest<HostControl>): number {
    if (this.#untold !== 0) return -this.takeUntold();
    // Of a stream nothing is sent before there is something: its state alone is asked for.
    if (data.length === 0 && !this.keepsBounds) return this.#mayWrite();
    return this.host.send(data, flags & SEND_FLAGS, address, ancillary?.bytes ?? NOTHING);
  }

  override get copiesWhatItSends(): boolean {
    return true;
  }

  // An error that is pending is told once, by the call that would send.
  #mayWrite(): number {
    const events = this.host.poll(POLLOUT);
    if ((events & (POLLERR | POLLHUP)) === 0) return 0;
    const error = this.options.takeError();
    if (error !== 0) return -error;
    return (events & POLLHUP) !== 0 ? -E.EPIPE : 0;
  }

  /** Sends out of the window itself; where a stream takes a part and the caller waits, the rest follows. */
  override writeAtOnce(task: NetCaller, length: number, flags = 0): number {
    if (this.#untold !== 0) return NOT_AT_ONCE;
    const { chunk, base } = task.call;
    const n = this.kernel.native.streamWrite(this.host.fd, chunk, base + WINDOW, length, 1);
    // Who gets a signal, or waits, is a matter for those who look closer.
    if (n === -E.EPIPE) return NOT_AT_ONCE;
    if (n === length || this.neverWaits(flags)) return n;
    if (n > 0 && !this.keepsBounds) return task.call.start(sendRest(task, this, length, n, flags));
    return n === -E.EAGAIN ? NOT_AT_ONCE : n;
  }

  override writeDirectly(task: NetCaller, address: number, length: number): number {
    const memory = this.kernel.directMemory;
    if (memory === null || this.keepsBounds || this.#untold !== 0) return NOT_AT_ONCE;
    // Bytes are not fetched for nothing where there has been no room.
    if (this.#wasFull && this.host.poll(POLLOUT) === 0) return -E.EAGAIN;
    const wanted = Math.min(length, TRANSFER_MAX);
    if (!memory.mayFetch(task, address, wanted)) return NOT_AT_ONCE;
    const n = memory.send(task, this.host.fd, address, wanted, this.#hostNetwork.passing);
    this.#wasFull = n === -E.EAGAIN || (n >= 0 && n < wanted);
    if (n >= 0 || n === -E.EAGAIN) return n;
    if (n !== -E.EFAULT && n !== -E.EPIPE) this.errorComesLater(-n);
    return NOT_AT_ONCE;
  }

  receive(task: NetCaller, room: number, flags: number, skip: number): Received<HostControl> | number {
    return this.#incoming.receive(task, room, flags, skip);
  }

  override get peeksOn(): boolean {
    return !this.keepsBounds;
  }

  override get hasMore(): boolean {
    return this.#incoming.unread > 0 || this.host.count(FIONREAD) > 0;
  }

  override isAtMark(skip: number): boolean {
    return skip === this.#incoming.unread && this.host.count(SIOCATMARK) === 1;
  }

  /** A peek that goes on, and that the host gives no more, gets none: the stream has ended, or it has come to urgent data. */
  get endsPeek(): boolean {
    const events = this.host.poll(POLLRDHUP | POLLPRI);
    return (events & ENDS) !== 0 || ((events & POLLPRI) !== 0 && this.host.count(SIOCATMARK) === 0);
  }

  override receiverComes(): void {
    this.low.receiverComes();
  }

  override receiverGoes(): void {
    this.low.receiverGoes(this.#incoming.unread);
  }

  override readAtOnce(task: NetCaller, address: number, length: number): number {
    return this.#incoming.readAtOnce(task, address, length);
  }

  override readDirectly(task: NetCaller, address: number, length: number): number {
    return this.#incoming.readDirectly(task, address, length);
  }

  override readControl(_task: NetCaller, bytes: Buffer): HostControl | number {
    return HostControl.sent(bytes);
  }

  override writeControl(
    _task: NetCaller,
    writer: ControlWriter,
    { ancillary }: Received<HostControl>,
    _flags: number,
  ): null {
    ancillary?.write(writer);
    return null;
  }

  // ---- Errors ----

  override errorComesLater(error: number): void {
    this.#untold = error;
  }

  get hasUntold(): boolean {
    return this.#untold !== 0;
  }

  /** That error, which is told by it; or 0. */
  takeUntold(): number {
    const error = this.#untold;
    this.#untold = 0;
    return error;
  }

  // ---- As a file ----

  shutdown(how: number): number {
    // Also of one that is not connected.
    if (how === S.SHUT_RD || how === S.SHUT_RDWR) this.#incoming.hasShutRead = true;
    const error = this.host.shutdown(how);
    this.waiters.wake(this.poll());
    return error;
  }

  poll(): number {
    const events = this.host.poll(ALL_EVENTS);
    if (events < 0) return POLLERR;
    const seen = this.keepsBounds ? events : this.low.seen(events, this.#incoming.unread);
    return seen | (this.#untold !== 0 ? POLLERR : 0);
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
    const { unread } = this.#incoming;
    if (request === SIOCATMARK && unread > 0) return this.tellNumber(task, argument, 0);
    return this.tellNumber(task, argument, request === FIONREAD ? count + unread : count);
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
    this.#incoming.end();
    kernel.counters.sockets--;
    kernel.counters.hostSockets--;
    this.leaveNetwork();
  }
}
