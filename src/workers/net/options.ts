// A socket's options, and those of SOL_SOCKET (socket(7)), which all families have. Those that mean nothing to a
// family are kept and told again.

import { SKF_AD_MAX } from "../../shared/abi/bpf.ts";
import { EDOM, EINVAL, ENODATA, ENOENT, EOPNOTSUPP, EPERM } from "../../shared/abi/errno.ts";
import * as S from "../../shared/abi/socket.ts";
import { readI64, write64 } from "../../shared/abi/struct.ts";
import { linger as lingerStruct } from "../../shared/abi/structs.ts";
import { NSEC_PER_SEC, USEC_PER_SEC } from "../../shared/abi/time.ts";
import { NEVER } from "../call/clocks.ts";
import type { NetCaller } from "./caller.ts";
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
} from "./option_table.ts";
import { mayAdministerAll, mayMark } from "./privileges.ts";
import type { SocketFile, SocketTimeouts } from "./socket.ts";

const INT_MAX = 0x7fffffff;
const BUFFER_DEFAULT = 212992;
/** More is not given, whoever asks: what is in sockets is the kernel's memory. */
const FORCED_MAX = 16 << 20;
const SEND_BUFFER_MIN = 4608;
export const RECEIVE_BUFFER_MIN = 2304;
const TIMEVAL = 16;
const COOKIE_SIZE = 8;
const US_NS = NSEC_PER_SEC / USEC_PER_SEC;
// SOF_TIMESTAMPING_*
const STAMPING_RECEIVED = 1 << 3;
const STAMPING_SOFTWARE = 1 << 4;
const STAMPING_ID = 1 << 7;
const STAMPING_STAMPS_ALONE = 1 << 11;
const STAMPING_STATISTICS = 1 << 12;
const STAMPING_ID_TCP = 1 << 16;
const STAMPING_ALL = (1 << 19) - 1;
const PRIORITY_MAX = 6;

function told(value: (socket: SocketFile, options: SocketOptions) => number): Option {
  return { get: (options) => int(value(options.socket, options)) };
}

/** What is kept of a size that was asked for: twice as much. */
function bufferSize(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(value >>> 0, max, INT_MAX >> 1) * 2);
}

/** Of SO_SNDBUF or SO_RCVBUF; where it is forced, the limit is for others. */
function buffer(key: "sendBuffer" | "receiveBuffer", isForced: boolean): Option {
  const isSend = key === "sendBuffer";
  const min = isSend ? SEND_BUFFER_MIN : RECEIVE_BUFFER_MIN;
  const limit = isSend ? "net/core/wmem_max" : "net/core/rmem_max";
  return {
    ...(!isForced && { get: (options: SocketOptions) => int(options[key]) }),
    set: (options, value, task) => {
      if (isForced && !mayAdministerAll(task)) return -EPERM;
      const max = isForced ? FORCED_MAX : task.kernel.sysctls.get(limit);
      options[key] = bufferSize(value.readInt32LE(), min, Math.min(max, FORCED_MAX));
      if (isSend) options.socket.sendBufferChanged();
      return 0;
    },
  };
}

function timeout(key: keyof SocketTimeouts): Option {
  return {
    get: ({ socket }) => {
      const bytes = Buffer.alloc(TIMEVAL);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const ns = socket.timeouts[key] === NEVER ? 0 : socket.timeouts[key];
      write64(view, 0, Math.floor(ns / NSEC_PER_SEC));
      write64(view, 8, Math.floor((ns % NSEC_PER_SEC) / US_NS));
      return bytes;
    },
    set: ({ socket }, value) => {
      if (value.length < TIMEVAL) return -EINVAL;
      const view = new DataView(value.buffer, value.byteOffset, value.length);
      const [seconds, us] = [readI64(view, 0), readI64(view, 8)];
      if (us < 0 || us >= USEC_PER_SEC) return -EDOM;
      // A negative time does not wait at all, none for ever.
      const ns = seconds === 0 && us === 0 ? NEVER : seconds * NSEC_PER_SEC + us * US_NS;
      socket.timeouts = { ...socket.timeouts, [key]: seconds < 0 ? 0 : ns };
      return 0;
    },
  };
}

/** Whom SO_PEERCRED names where there is nobody: struct ucred. */
const NO_PEER = Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255);

export const SOCKET_LEVEL: OptionTable = new Map([
  [S.SO_TYPE, told(({ type }) => type)],
  [S.SO_DOMAIN, told(({ domain }) => domain)],
  [S.SO_PROTOCOL, told(({ protocol }) => protocol)],
  [S.SO_ACCEPTCONN, told((_socket, options) => Number(options.isListening()))],
  [S.SO_ERROR, told((_socket, options) => options.takeError())],
  [S.SO_COOKIE, { get: ({ socket }, _task, room) => (room < COOKIE_SIZE ? -EINVAL : cookie(socket.cookie)) }],
  [S.SO_SNDLOWAT, told(() => 1)],
  [S.SO_SNDBUF, buffer("sendBuffer", false)],
  [S.SO_RCVBUF, buffer("receiveBuffer", false)],
  [S.SO_SNDBUFFORCE, buffer("sendBuffer", true)],
  [S.SO_RCVBUFFORCE, buffer("receiveBuffer", true)],
  [S.SO_PEERCRED, { get: () => Buffer.from(NO_PEER) }],
  [S.SO_PEERGROUPS, { get: () => -ENODATA }],
  [S.SO_PEERPIDFD, { get: () => -ENODATA }],
  [S.SO_PEERNAME, { get: peerName }],
  [
    S.SO_PEEK_OFF,
    {
      get: (options) => int(options.peekOffset),
      set: (options, value) => {
        options.peekOffset = value.readInt32LE();
        return 0;
      },
    },
  ],
  [S.SO_PASSSEC, flag(S.SO_PASSSEC)],
  [S.SO_MARK, kept(S.SO_MARK, 0, (_value, task, { socket }) => (mayMark(task, socket.network) ? 0 : -EPERM))],
  [
    S.SO_RCVMARK,
    {
      ...flag(S.SO_RCVMARK),
      set: (options, value, task) =>
        mayMark(task, options.socket.network) ? flag(S.SO_RCVMARK).set!(options, value, task) : -EPERM,
    },
  ],
  [S.SO_TIMESTAMP_OLD, timestamps(S.SO_TIMESTAMP_OLD)],
  [S.SO_TIMESTAMP_NEW, timestamps(S.SO_TIMESTAMP_NEW)],
  [S.SO_TIMESTAMPNS_OLD, timestamps(S.SO_TIMESTAMPNS_OLD)],
  [S.SO_TIMESTAMPNS_NEW, timestamps(S.SO_TIMESTAMPNS_NEW)],
  [S.SO_NO_CHECK, flag(S.SO_NO_CHECK)],
  [S.SO_BSDCOMPAT, { get: () => int(0), set: () => 0 }],
  [S.SO_RXQ_OVFL, flag(S.SO_RXQ_OVFL)],
  [S.SO_WIFI_STATUS, flag(S.SO_WIFI_STATUS)],
  [S.SO_NOFCS, flag(S.SO_NOFCS)],
  [S.SO_LOCK_FILTER, flag(S.SO_LOCK_FILTER)],
  [S.SO_SELECT_ERR_QUEUE, flag(S.SO_SELECT_ERR_QUEUE)],
  [
    S.SO_BUSY_POLL,
    kept(S.SO_BUSY_POLL, 0, (value, task) => (value < 0 ? -EINVAL : mayAdministerAll(task) ? 0 : -EPERM)),
  ],
  [S.SO_BPF_EXTENSIONS, told(() => SKF_AD_MAX)],
  [S.SO_INCOMING_NAPI_ID, told(() => 0)],
  [S.SO_ZEROCOPY, { get: () => int(0), set: () => -EOPNOTSUPP }],
  [
    S.SO_RESERVE_MEM,
    { get: () => int(0), set: (_options, value) => (value.readInt32LE() < 0 ? -EINVAL : -EOPNOTSUPP) },
  ],
  [S.SO_CNX_ADVICE, { set: () => 0 }],
  [S.SO_TXREHASH, { get: () => -EOPNOTSUPP, set: () => -EOPNOTSUPP }],
  [S.SO_DETACH_FILTER, { set: () => -ENOENT }],
  [S.SO_RCVTIMEO_OLD, timeout("receiveNs")],
  [S.SO_SNDTIMEO_OLD, timeout("sendNs")],
  // In the new form of 64 bits; on x86-64 both are the same.
  [S.SO_RCVTIMEO_NEW, timeout("receiveNs")],
  [S.SO_SNDTIMEO_NEW, timeout("sendNs")],
  [
    S.SO_LINGER,
    {
      get: ({ linger }) => lingerBytes(linger),
      set: (options, value) => {
        if (value.length < lingerStruct.size) return -EINVAL;
        const isOn = value.readInt32LE() !== 0;
        options.linger = { isOn, seconds: isOn ? value.readInt32LE(INT) : options.linger.seconds };
        return 0;
      },
    },
  ],
  [S.SO_DEBUG, guarded(S.SO_DEBUG, mayAdministerAll)],
  [S.SO_REUSEADDR, flag(S.SO_REUSEADDR)],
  // Of the internet's families alone.
  [
    S.SO_REUSEPORT,
    { get: () => int(0), set: (_options, value) => (value.readInt32LE() === 0 ? 0 : -EOPNOTSUPP) },
  ],
  [S.SO_DONTROUTE, flag(S.SO_DONTROUTE)],
  [S.SO_BROADCAST, flag(S.SO_BROADCAST)],
  [S.SO_KEEPALIVE, flag(S.SO_KEEPALIVE)],
  [S.SO_OOBINLINE, flag(S.SO_OOBINLINE)],
  [
    S.SO_PRIORITY,
    kept(S.SO_PRIORITY, 0, (value, task, { socket }) =>
      (value >= 0 && value <= PRIORITY_MAX) || mayMark(task, socket.network) ? 0 : -EPERM,
    ),
  ],
  [
    S.SO_RCVLOWAT,
    {
      get: (options) => int(options.receiveLow),
      set: (options, value) => {
        const wanted = value.readInt32LE();
        options.receiveLow = wanted < 0 ? INT_MAX : wanted || 1;
        return 0;
      },
    },
  ],
]);

/** A boolean that who may not is not to set; anybody may clear it. */
export function guarded(name: number, mayUse: (task: NetCaller) => boolean): Option {
  const option = flag(name);
  return {
    ...option,
    set: (options, value, task) =>
      value.readInt32LE() === 0 || mayUse(task) ? option.set!(options, value, task) : -EPERM,
  };
}

/** One form of time stamps is in use, or none; any of the options switches it off. */
function timestamps(name: number): Option {
  return {
    get: (options) => int(Number(options.timestamps === name)),
    set: (options, value) => {
      options.timestamps = value.readInt32LE() !== 0 ? name : 0;
      return 0;
    },
  };
}

/** Time stamps of what comes (SOF_TIMESTAMPING_*); those of what is sent are accepted, and not made. */
export function timestamping(name: number): Option {
  return {
    get: ({ stamping }) => {
      const bytes = Buffer.alloc(2 * INT); // struct so_timestamping
      bytes.writeUInt32LE(stamping);
      return bytes;
    },
    set: (options, value) => {
      const flags = value.readInt32LE();
      if ((flags & ~STAMPING_ALL) !== 0) return -EINVAL;
      if ((flags & STAMPING_ID_TCP) !== 0 && (flags & STAMPING_ID) === 0) return -EINVAL;
      if ((flags & STAMPING_STATISTICS) !== 0 && (flags & STAMPING_STAMPS_ALONE) === 0) return -EINVAL;
      options.stamping = flags;
      options.stampingName = name;
      return 0;
    },
  };
}

/** As getpeername, of no more bytes than there are. */
function peerName({ socket }: SocketOptions, _task: NetCaller, room: number): Buffer | number {
  const name = socket.peerName();
  if (typeof name === "number") return name;
  return name.length < room ? -EINVAL : Buffer.from(name, "latin1");
}

function cookie(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  write64(new DataView(bytes.buffer, bytes.byteOffset), 0, value);
  return bytes;
}

/** SO_LINGER, as it was set: whether close waits, and the seconds of the last time that it was to. */
export interface Linger {
  readonly isOn: boolean;
  readonly seconds: number;
}

const NO_LINGER: Linger = { isOn: false, seconds: 0 };

/** struct linger */
export function lingerBytes({ isOn, seconds }: Linger): Buffer {
  const bytes = Buffer.alloc(lingerStruct.size);
  bytes.writeInt32LE(Number(isOn));
  bytes.writeInt32LE(seconds, INT);
  return bytes;
}

/** What is kept of a level's option has that key. */
function keyOf(level: number, name: number): number {
  return level * 1000 + name;
}

/** One socket's options. */
export abstract class SocketOptions {
  readonly socket: SocketFile;
  linger: Linger = NO_LINGER;
  sendBuffer = BUFFER_DEFAULT;
  receiveBuffer = BUFFER_DEFAULT;
  /** SO_PEEK_OFF: how far behind the first byte the next peek begins; negative: always at the first. */
  peekOffset = -1;
  /** SO_TIMESTAMP_OLD or a relative: the form that messages' times are told in; 0: they are not. */
  timestamps = 0;
  /** SOF_TIMESTAMPING_*, and which of the options has set them. */
  stamping = 0;
  stampingName = 0;
  /** SO_RCVLOWAT: bytes that a stream's receive waits for. */
  receiveLow = 1;
  /** An error that the next call reports (SO_ERROR). */
  error = 0;
  /** Numbers that are kept, by their keys; null: none are, as in most sockets. */
  #kept: Map<number, number> | null = null;

  constructor(socket: SocketFile) {
    this.socket = socket;
  }

  abstract isListening(): boolean;

  /** When messages came is to be told. */
  get wantsStamps(): boolean {
    return this.timestamps !== 0 || (this.stamping & STAMPING_RECEIVED) !== 0;
  }

  /** And in the form of SO_TIMESTAMPING. */
  get wantsStamping(): boolean {
    return (this.stamping & STAMPING_SOFTWARE) !== 0;
  }

  /** What the family has of SOL_SOCKET. */
  protected get socketLevel(): OptionTable {
    return SOCKET_LEVEL;
  }

  /** The number that is kept of a level's option; undefined: it was not set. */
  kept(name: number, level = S.SOL_SOCKET): number | undefined {
    return this.#kept?.get(keyOf(level, name));
  }

  keep(name: number, value: number, level = S.SOL_SOCKET): void {
    this.#kept ??= new Map();
    this.#kept.set(keyOf(level, name), value);
  }

  /** What another keeps is kept here too, but for one option of SOL_SOCKET. */
  protected keepAllOf(other: SocketOptions, except: number): void {
    if (other.#kept === null) return;
    this.#kept = new Map(other.#kept);
    this.#kept.delete(keyOf(S.SOL_SOCKET, except));
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  /** What is peeked at next begins behind what was peeked at, and nearer by what was read. */
  movePeek(isPeek: boolean, peeked: number, read: number): void {
    if (this.peekOffset < 0) return;
    this.peekOffset = isPeek ? this.peekOffset + peeked : Math.max(0, this.peekOffset - read);
  }

  /** 0, or the negative errno that answers every option of a level. */
  checkLevel(level: number): number {
    return level === S.SOL_SOCKET ? 0 : -EOPNOTSUPP;
  }

  /** The option if it is one that copies by itself. */
  longOption(_level: number, _name: number): LongOption | null {
    return null;
  }

  /** getsockopt(2), of a level that there is, with room for so many bytes: the value, or a negative errno. */
  get(_level: number, name: number, task: NetCaller, room: number): Buffer | number {
    return getOption(this.socketLevel, this, name, task, room);
  }

  /** setsockopt(2), of a level that there is: 0 or a negative errno. */
  set(_level: number, name: number, value: Buffer, task: NetCaller): number {
    return setOption(this.socketLevel, this, name, value, task);
  }
}
