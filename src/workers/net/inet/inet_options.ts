// Options of AF_INET and AF_INET6 sockets: what they have of SOL_SOCKET beside what all sockets have, and which tables
// answer for the other levels.

import { EINVAL, ENODEV, ENOPROTOOPT, EOPNOTSUPP, EPERM } from "../../../shared/abi/errno.ts";
import { IP_MULTICAST_IF } from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Program } from "../../bpf/program.ts";
import type { NetCaller } from "../caller.ts";
import {
  flag,
  getOption,
  INT,
  int,
  kept,
  type LongOption,
  type Option,
  type OptionTable,
  setOption,
} from "../option_table.ts";
import { guarded, SOCKET_LEVEL, SocketOptions, timestamping } from "../options.ts";
import { mayAdministerAll, mayUseRaw } from "../privileges.ts";
import type { ProgramTaker } from "../program_option.ts";
import type { DatagramEndpoint } from "../stack/datagram/endpoint.ts";
import type { InetEndpoint } from "../stack/inet/endpoint.ts";
import type { InetSocket } from "./inet_socket.ts";
import { attachFilter, detachFilter, filterBy } from "./socket_filter.ts";

const DEVICE_NAME_MAX = 16;
const MEMINFO_WORDS = 9;
const [MEMINFO_RECEIVE, MEMINFO_RECEIVE_BUFFER, MEMINFO_SEND_BUFFER, MEMINFO_DROPS] = [0, 1, 3, 8];
/** Of headers newer than those that are looked at. */
const SO_RCVPRIORITY = 82;
const SO_PASSRIGHTS = 83;
/** Those which ask for less are everybody's. */
const BUSY_POLL_BUDGET = 8;
const BUDGET_MAX = 0xffff;
const BUF_LOCKS = 3;

export type InetOption = Option<InetOptions>;

function isOn(value: Buffer): boolean {
  return value.readInt32LE() !== 0;
}

/** A boolean of the endpoint's. */
function endpointFlag(key: "reuseAddress" | "staysOnLink"): InetOption {
  return {
    get: ({ endpoint }) => int(Number(endpoint[key])),
    set: ({ endpoint }, value) => {
      endpoint[key] = isOn(value);
      endpoint.optionsChanged();
      return 0;
    },
  };
}

/** A boolean that datagrams alone are sent by; others keep it. */
function datagramFlag(name: number, key: "mayBroadcast" | "sendsNoChecksum"): InetOption {
  const option = flag(name);
  return {
    ...option,
    set: (options, value, task) => {
      if (options.datagram !== null) options.datagram[key] = isOn(value);
      return option.set!(options, value, task);
    },
  };
}

function mayBindTo(task: NetCaller, { endpoint, inet }: InetOptions): boolean {
  return endpoint.boundDevice === 0 || mayUseRaw(task, inet.network);
}

function bindTo(task: NetCaller, options: InetOptions, index: number): number {
  if (!mayBindTo(task, options)) return -EPERM;
  options.endpoint.setBoundDevice(index);
  return 0;
}

/** The device is asked for by its name. */
const BIND_TO_DEVICE: InetOption = {
  get: ({ endpoint, inet }, _task, room) => {
    const { boundDevice } = endpoint;
    const device = boundDevice === 0 ? undefined : inet.network.devices.byIndex(boundDevice);
    if (device === undefined) return Buffer.alloc(0);
    return room < DEVICE_NAME_MAX ? -EINVAL : Buffer.from(`${device.name}\0`, "latin1");
  },
  set: (options, value, task) => {
    const name = value.toString("latin1", 0, DEVICE_NAME_MAX - 1).split("\0")[0]!;
    const device = name === "" ? undefined : options.inet.network.devices.byName(name);
    if (name !== "" && device === undefined) return -ENODEV;
    return bindTo(task, options, device?.index ?? 0);
  },
};

/** As another level's table answers it, and the stack's endpoint is told. */
function told(option: Option, key: "mark" | "receiveBuffer"): InetOption {
  return {
    ...option,
    set: (options, value, task) => {
      const error = option.set!(options, value, task);
      if (error < 0) return error;
      if (key === "mark") options.endpoint.mark = value.readInt32LE();
      else if (options.datagram !== null) options.datagram.receiveBuffer = options.receiveBuffer;
      options.endpoint.optionsChanged();
      return 0;
    },
  };
}

function memoryInfo(options: InetOptions): Buffer {
  const bytes = Buffer.alloc(MEMINFO_WORDS * INT);
  bytes.writeUInt32LE(options.inet.queuedBytes, MEMINFO_RECEIVE * INT);
  bytes.writeUInt32LE(options.receiveBuffer, MEMINFO_RECEIVE_BUFFER * INT);
  bytes.writeUInt32LE(options.sendBuffer, MEMINFO_SEND_BUFFER * INT);
  bytes.writeUInt32LE(options.datagram?.drops ?? 0, MEMINFO_DROPS * INT);
  return bytes;
}

/** A time stamp of the last receive is wanted, or no more. */
function stamped(name: number): InetOption {
  const option = SOCKET_LEVEL.get(name)!;
  return {
    ...option,
    set: (options, value, task) => {
      const error = option.set!(options, value, task);
      options.stampsChanged();
      return error;
    },
  };
}

function stamping(name: number): InetOption {
  const option = timestamping(name);
  return {
    ...option,
    set: (options, value, task) => {
      const error = option.set!(options, value, task);
      options.stampsChanged();
      return error;
    },
  };
}

/** Of the first network namespace, which is the only one. */

/** UDP alone looks at it, of datagrams. */
const PEEK_OFFSET: InetOption = {
  get: (options, task, room) =>
    options.hasPeekOffset ? SOCKET_LEVEL.get(S.SO_PEEK_OFF)!.get!(options, task, room) : -EOPNOTSUPP,
  set: (options, value, task) =>
    options.hasPeekOffset ? SOCKET_LEVEL.get(S.SO_PEEK_OFF)!.set!(options, value, task) : -EOPNOTSUPP,
};

/** A rate: told in as many bytes as there is room for. */
const PACING_RATE: InetOption = {
  get: (options, _task, room) => {
    const bytes = Buffer.alloc(room < 8 ? INT : 8, 0xff);
    const rate = options.kept(S.SO_MAX_PACING_RATE);
    if (rate !== undefined && rate !== -1) {
      bytes.fill(0);
      bytes.writeUInt32LE(rate >>> 0);
    }
    return bytes;
  },
  set: (options, value) => {
    options.keep(S.SO_MAX_PACING_RATE, value.readInt32LE());
    return 0;
  },
};

/** Of a network namespace; the first has 1. */
function networkCookie(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(number + 1);
  return bytes;
}

const unsupported: InetOption = { get: () => -EOPNOTSUPP, set: () => -EOPNOTSUPP };

const ZEROCOPY = kept(S.SO_ZEROCOPY, 0, (value) => (value === 0 || value === 1 ? 0 : -EINVAL));
const LOCK_FILTER = flag(S.SO_LOCK_FILTER);

export const INET_SOCKET_LEVEL: OptionTable<InetOptions> = new Map<number, InetOption>([
  ...SOCKET_LEVEL,
  [S.SO_REUSEADDR, endpointFlag("reuseAddress")],
  [S.SO_DONTROUTE, endpointFlag("staysOnLink")],
  [S.SO_BROADCAST, datagramFlag(S.SO_BROADCAST, "mayBroadcast")],
  [S.SO_NO_CHECK, datagramFlag(S.SO_NO_CHECK, "sendsNoChecksum")],
  [
    S.SO_REUSEPORT,
    {
      get: ({ endpoint }) => int(Number(endpoint.reusePort)),
      set: ({ endpoint }, value) => {
        endpoint.setReusePort(isOn(value));
        return 0;
      },
    },
  ],
  [S.SO_BINDTODEVICE, BIND_TO_DEVICE],
  [
    S.SO_BINDTOIFINDEX,
    {
      get: ({ endpoint }) => int(endpoint.boundDevice),
      set: (options, value, task) => {
        const index = value.readInt32LE();
        return index < 0 ? -EINVAL : bindTo(task, options, index);
      },
    },
  ],
  [S.SO_MARK, told(SOCKET_LEVEL.get(S.SO_MARK)!, "mark")],
  [S.SO_RCVBUF, told(SOCKET_LEVEL.get(S.SO_RCVBUF)!, "receiveBuffer")],
  [S.SO_RCVBUFFORCE, told(SOCKET_LEVEL.get(S.SO_RCVBUFFORCE)!, "receiveBuffer")],
  [S.SO_MEMINFO, { get: memoryInfo }],
  [S.SO_TIMESTAMP_OLD, stamped(S.SO_TIMESTAMP_OLD)],
  [S.SO_TIMESTAMP_NEW, stamped(S.SO_TIMESTAMP_NEW)],
  [S.SO_TIMESTAMPNS_OLD, stamped(S.SO_TIMESTAMPNS_OLD)],
  [S.SO_TIMESTAMPNS_NEW, stamped(S.SO_TIMESTAMPNS_NEW)],
  [S.SO_TIMESTAMPING_OLD, stamping(S.SO_TIMESTAMPING_OLD)],
  [S.SO_TIMESTAMPING_NEW, stamping(S.SO_TIMESTAMPING_NEW)],
  [S.SO_TXTIME, { get: () => Buffer.alloc(8) }],
  [S.SO_INCOMING_CPU, kept(S.SO_INCOMING_CPU, -1)],
  [
    S.SO_NETNS_COOKIE,
    { get: ({ inet }, _task, room) => (room === 8 ? networkCookie(inet.network.number) : -EINVAL) },
  ],
  [S.SO_PEEK_OFF, PEEK_OFFSET],
  [S.SO_MAX_PACING_RATE, PACING_RATE],
  [S.SO_PREFER_BUSY_POLL, guarded(S.SO_PREFER_BUSY_POLL, mayAdministerAll)],
  [
    S.SO_BUSY_POLL_BUDGET,
    {
      set: (_options, value, task) => {
        const budget = value.readUInt32LE();
        if (budget > BUDGET_MAX) return -EINVAL;
        return budget > BUSY_POLL_BUDGET && !mayAdministerAll(task) ? -EPERM : 0;
      },
    },
  ],
  [S.SO_BUF_LOCK, kept(S.SO_BUF_LOCK, 0, (value) => ((value & ~BUF_LOCKS) === 0 ? 0 : -EINVAL))],
  [
    S.SO_ZEROCOPY,
    {
      ...ZEROCOPY,
      set: (options, value, task) =>
        options.inet.raw === null ? ZEROCOPY.set!(options, value, task) : -EOPNOTSUPP,
    },
  ],
  [SO_RCVPRIORITY, flag(SO_RCVPRIORITY)],
  [S.SO_PASSCRED, unsupported],
  [S.SO_PASSSEC, unsupported],
  [S.SO_PASSPIDFD, unsupported],
  [SO_PASSRIGHTS, unsupported],
  [S.SO_ATTACH_FILTER, { get: () => Buffer.alloc(0), set: attachFilter }],
  [S.SO_DETACH_FILTER, { set: detachFilter }],
  [
    S.SO_LOCK_FILTER,
    {
      ...LOCK_FILTER,
      set: (options, value, task) =>
        options.isFilterLocked && !isOn(value) ? -EPERM : LOCK_FILTER.set!(options, value, task),
    },
  ],
]);

/** How a level is answered where there is no such option. */
export interface Level {
  readonly table: OptionTable<InetOptions>;
  /** Shorter values are taken, and what is missing is zero or a byte. */
  readonly takesShort: boolean;
  /** Where they are not: options that are of any length. */
  readonly texts?: ReadonlySet<number>;
  /** Those which copy by themselves. */
  readonly long?: ReadonlyMap<number, LongOption<InetOptions>>;
}

export class InetOptions extends SocketOptions implements ProgramTaker {
  declare readonly socket: InetSocket;
  readonly levels: ReadonlyMap<number, Level>;
  /** Which control messages are wanted, of IPv4 and of IPv6: bits that received_control.ts names. */
  wanted4 = 0;
  wanted6 = 0;
  /** What a filter is charged with; 0: there is none. */
  filterBytes = 0;
  /** SIOCGSTAMP was asked. */
  #keepsStamp = false;
  #isStamper = false;

  constructor(socket: InetSocket, levels: ReadonlyMap<number, Level>) {
    super(socket);
    const { sysctls } = socket.kernel;
    const { datagram } = socket;
    this.levels = levels;
    this.sendBuffer = sysctls.get("net/core/wmem_default");
    this.receiveBuffer = sysctls.get("net/core/rmem_default");
    if (datagram !== null) datagram.receiveBuffer = this.receiveBuffer;
  }

  get inet(): InetSocket {
    return this.socket;
  }

  get endpoint(): InetEndpoint {
    return this.socket.endpoint;
  }

  /** Null: it is no datagram socket's. */
  get datagram(): DatagramEndpoint | null {
    return this.socket.datagram;
  }

  isListening(): boolean {
    return this.inet.isListening;
  }

  get hasPeekOffset(): boolean {
    return this.inet.type === S.SOCK_STREAM || this.endpoint.protocol === S.IPPROTO_UDP;
  }

  override takeError(): number {
    return this.inet.takeError();
  }

  // ---- When messages arrived ----

  get keepsStamp(): boolean {
    return this.#keepsStamp;
  }

  /** From now on each receive leaves its time to be asked for. */
  keepStamp(): void {
    this.#keepsStamp = true;
    this.stampsChanged();
  }

  stampsChanged(): void {
    const isStamper = this.wantsStamps || this.#keepsStamp;
    if (isStamper !== this.#isStamper) this.socket.network.inet.stampers += isStamper ? 1 : -1;
    this.#isStamper = isStamper;
  }

  /** The socket ends. */
  end(): void {
    this.dropFilter();
    if (this.#isStamper) this.socket.network.inet.stampers--;
    this.#isStamper = false;
  }

  /** The filter that there is has no effect any more; true: there was one. */
  dropFilter(): boolean {
    const hadOne = this.filterBytes > 0;
    this.inet.kernel.counters.socketMemory -= this.filterBytes;
    this.filterBytes = 0;
    if (this.datagram !== null) this.datagram.filter = null;
    return hadOne;
  }

  get isFilterLocked(): boolean {
    return this.kept(S.SO_LOCK_FILTER) === 1;
  }

  takeFilter(program: Program, bytes: number): void {
    this.filterBytes = bytes;
    filterBy(program, this);
  }

  // ---- Levels ----

  protected override get socketLevel(): OptionTable {
    return INET_SOCKET_LEVEL as OptionTable;
  }

  override longOption(level: number, name: number): LongOption | null {
    return (this.levels.get(level)?.long?.get(name) as LongOption | undefined) ?? null;
  }

  // Which errno it is depends on the call, so that each level is answered by it.
  override checkLevel(): number {
    return 0;
  }

  override get(level: number, name: number, task: NetCaller, room: number): Buffer | number {
    if (level === S.SOL_SOCKET) return super.get(level, name, task, room);
    const found = this.levels.get(level);
    if (found === undefined) return this.inet.isV6 ? -ENOPROTOOPT : -EOPNOTSUPP;
    const value = getOption(found.table, this, name, task, room);
    if (typeof value === "number" || value.length !== INT || room >= INT || room === 0) return value;
    // What a byte holds is told in one.
    const number = value.readInt32LE();
    const isNumber = level === S.IPPROTO_IP && name !== IP_MULTICAST_IF;
    return isNumber && number >= 0 && number <= 255 ? Buffer.of(number) : value;
  }

  override set(level: number, name: number, value: Buffer, task: NetCaller): number {
    if (level === S.SOL_SOCKET && name === S.SO_BINDTODEVICE) return BIND_TO_DEVICE.set!(this, value, task);
    if (level === S.SOL_SOCKET) return super.set(level, name, value, task);
    const found = this.levels.get(level);
    if (found === undefined) return -ENOPROTOOPT;
    if (!found.takesShort && found.texts?.has(name) !== true)
      return setOption(found.table, this, name, value, task);
    return found.table.get(name)?.set?.(this, value, task) ?? -ENOPROTOOPT;
  }
}
