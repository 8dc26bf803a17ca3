// Options of TCP sockets (tcp(7)): those of IPPROTO_TCP, and what TCP makes of those of SOL_SOCKET.

import * as E from "../../../shared/abi/errno.ts";
import { POLLIN } from "../../../shared/abi/poll.ts";
import * as S from "../../../shared/abi/socket.ts";
import * as T from "../../../shared/abi/tcp.ts";
import { int, type OptionTable } from "../option_table.ts";
import { RECEIVE_BUFFER_MIN, SOCKET_LEVEL } from "../options.ts";
import { mayAdminister } from "../privileges.ts";
import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { TCP_CLOSE, TCP_LISTEN } from "../stack/tcp/states.ts";
import { INET_SOCKET_LEVEL, type InetOption, InetOptions, type Level } from "./inet_options.ts";
import { keptAt } from "./ip_options.ts";
import { tcpInfoBytes } from "./tcp_info.ts";

const US = 1_000_000;
const US_PER_MS = 1000;
const KEEPALIVE_MAX = 32767;
const COUNT_MAX = 127;
const MSS_MIN = 88;
const MSS_MAX = 32767;
const MSS_DEFAULT = 536;
const FIN_TIME_MAX = 120;
const RTO_INITIAL = 1;
const RTO_MAX = 120;
const CONGESTION_MAX = 16;
const INT_MAX = 0x7fffffff;

/** Of options of streams alone. */
function stream(options: InetOptions): TcpEndpoint {
  return options.inet.stream!;
}

interface Number {
  get(endpoint: TcpEndpoint, options: InetOptions): number;
  /** Of a value within the bounds: a negative errno, or anything. */
  set(endpoint: TcpEndpoint, value: number, options: InetOptions): unknown;
  readonly min?: number;
  readonly max?: number;
}

function number({ get, set, min, max }: Number): InetOption {
  return {
    get: (options) => int(get(stream(options), options)),
    set: (options, value) => {
      const given = value.readInt32LE();
      if ((min !== undefined && given < min) || (max !== undefined && given > max)) return -E.EINVAL;
      const error = set(stream(options), given, options);
      if (typeof error === "number" && error < 0) return error;
      options.inet.acted();
      return 0;
    },
  };
}

/** Kept and told, without effect. */
function kept(name: number, min: number, max: number): InetOption {
  return keptAt(S.IPPROTO_TCP, name, 0, { min, max });
}

/** Retransmissions of a SYN-ACK that take so many seconds, and back. */
function retransmissions(seconds: number): number {
  if (seconds <= 0) return 0;
  let [count, timeout, period] = [1, RTO_INITIAL, RTO_INITIAL];
  while (seconds > period && count < 255) {
    count++;
    timeout = Math.min(timeout * 2, RTO_MAX);
    period += timeout;
  }
  return count;
}

function secondsOf(count: number): number {
  let [timeout, period] = [RTO_INITIAL, count > 0 ? RTO_INITIAL : 0];
  for (let i = 1; i < count; i++) {
    timeout = Math.min(timeout * 2, RTO_MAX);
    period += timeout;
  }
  return period;
}

function finSeconds({ options: { finTimeoutUs }, tcp }: TcpEndpoint): number {
  if (finTimeoutUs < 0) return -1;
  return finTimeoutUs === 0 ? tcp.settings.finTimeout : Math.floor(finTimeoutUs / US);
}

function keepalive(
  key: "keepaliveIdleUs" | "keepaliveIntervalUs",
  usual: "keepaliveIdle" | "keepaliveInterval",
): InetOption {
  return number({
    get: ({ options, tcp }) => (options[key] === 0 ? tcp.settings[usual] : Math.floor(options[key] / US)),
    set: (endpoint, value) => {
      endpoint.setOption(key, value * US);
      endpoint.setKeepalive(endpoint.options.keepsAlive);
    },
    min: 1,
    max: KEEPALIVE_MAX,
  });
}

const CONGESTION: InetOption = {
  get: (options) => Buffer.from(stream(options).congestion.padEnd(CONGESTION_MAX, "\0"), "latin1"),
  set: (options, value) => {
    if (value.length < 1) return -E.EINVAL;
    const name = value.toString("latin1", 0, CONGESTION_MAX - 1).split("\0")[0]!;
    return stream(options).setCongestion(name);
  },
};

/** What a migration of connections would use. */
const REPAIR: InetOption = {
  get: () => int(0),
  set: ({ socket }, _value, task) => (mayAdminister(task, socket.network) ? -E.EINVAL : -E.EPERM),
};

const NOTHING: InetOption = { get: () => Buffer.alloc(0) };
const REFUSED: InetOption = { get: () => -E.EINVAL, set: () => -E.EPERM };

const TABLE = new Map<number, InetOption>([
  [
    T.TCP_NODELAY,
    number({
      get: ({ options }) => Number(options.noDelay),
      set: (endpoint, value) => endpoint.setNoDelay(value !== 0),
    }),
  ],
  [
    T.TCP_MAXSEG,
    number({
      get: ({ options, connection, state }) => {
        const isClosed = state === TCP_CLOSE || state === TCP_LISTEN;
        if (isClosed && options.maxSegment !== 0) return options.maxSegment;
        return connection?.mss ?? MSS_DEFAULT;
      },
      set: (endpoint, value) => {
        if (value !== 0 && (value < MSS_MIN || value > MSS_MAX)) return -E.EINVAL;
        endpoint.setOption("maxSegment", value);
        return 0;
      },
    }),
  ],
  [
    T.TCP_CORK,
    number({
      get: ({ isCorked }) => Number(isCorked),
      set: (endpoint, value) => endpoint.setCork(value !== 0),
    }),
  ],
  [T.TCP_KEEPIDLE, keepalive("keepaliveIdleUs", "keepaliveIdle")],
  [T.TCP_KEEPINTVL, keepalive("keepaliveIntervalUs", "keepaliveInterval")],
  [
    T.TCP_KEEPCNT,
    number({
      get: ({ options, tcp }) => options.keepaliveProbes || tcp.settings.keepaliveProbes,
      set: (endpoint, value) => {
        endpoint.setOption("keepaliveProbes", value);
      },
      min: 1,
      max: COUNT_MAX,
    }),
  ],
  [
    T.TCP_SYNCNT,
    number({
      get: ({ options, tcp }) => options.synRetries || tcp.settings.synRetries,
      set: (endpoint, value) => {
        endpoint.setOption("synRetries", value);
      },
      min: 1,
      max: COUNT_MAX,
    }),
  ],
  [
    T.TCP_LINGER2,
    number({
      get: finSeconds,
      set: (endpoint, value) => {
        endpoint.setOption("finTimeoutUs", value < 0 ? -1 : Math.min(value, FIN_TIME_MAX) * US);
      },
    }),
  ],
  [
    T.TCP_DEFER_ACCEPT,
    number({
      get: ({ options }) => secondsOf(options.deferAccept),
      set: (endpoint, value) => {
        endpoint.setOption("deferAccept", retransmissions(value));
      },
    }),
  ],
  [
    T.TCP_WINDOW_CLAMP,
    number({
      get: ({ options, connection }) => connection?.windowClamp ?? options.windowClamp,
      set: (endpoint, value) => {
        if (value === 0 && endpoint.state !== TCP_CLOSE) return -E.EINVAL;
        endpoint.setWindowClamp(value === 0 ? 0 : Math.max(RECEIVE_BUFFER_MIN >> 1, value));
        return 0;
      },
    }),
  ],
  [T.TCP_INFO, { get: (options) => tcpInfoBytes(stream(options)) }],
  [
    T.TCP_QUICKACK,
    number({
      get: ({ connection }) => Number(connection?.isPingPong !== true),
      set: (endpoint, value) => endpoint.setQuickAck((value & 1) !== 0),
    }),
  ],
  [T.TCP_CONGESTION, CONGESTION],
  [
    T.TCP_THIN_LINEAR_TIMEOUTS,
    number({
      get: ({ options }) => Number(options.thinLinearTimeouts),
      set: (endpoint, value) => {
        endpoint.setOption("thinLinearTimeouts", value !== 0);
      },
      min: 0,
      max: 1,
    }),
  ],
  [T.TCP_THIN_DUPACK, number({ get: () => 0, set: () => 0, min: 0, max: 1 })],
  [
    T.TCP_USER_TIMEOUT,
    number({
      get: ({ options }) => Math.floor(options.userTimeoutUs / US_PER_MS),
      set: (endpoint, value) => {
        endpoint.setOption("userTimeoutUs", value * US_PER_MS);
      },
      min: 0,
    }),
  ],
  [T.TCP_REPAIR, REPAIR],
  [T.TCP_REPAIR_QUEUE, REFUSED],
  [T.TCP_QUEUE_SEQ, REFUSED],
  [T.TCP_REPAIR_WINDOW, REFUSED],
  [
    T.TCP_FASTOPEN,
    number({
      get: ({ options }) => options.fastOpen,
      set: (endpoint, value) => {
        const { state } = endpoint;
        if (state !== TCP_CLOSE && state !== TCP_LISTEN) return -E.EINVAL;
        endpoint.setOption("fastOpen", value);
        return 0;
      },
      min: 0,
    }),
  ],
  [T.TCP_TIMESTAMP, { get: ({ inet }) => int(Math.floor(inet.core.nowUs / US_PER_MS)), set: () => -E.EPERM }],
  [
    T.TCP_NOTSENT_LOWAT,
    number({
      get: ({ options }) => options.notSentLowat | 0,
      set: (endpoint, value) => {
        endpoint.setOption("notSentLowat", value >>> 0);
      },
    }),
  ],
  [T.TCP_CC_INFO, NOTHING],
  [T.TCP_SAVE_SYN, kept(T.TCP_SAVE_SYN, 0, 2)],
  [T.TCP_SAVED_SYN, NOTHING],
  [
    T.TCP_FASTOPEN_CONNECT,
    number({
      get: ({ options }) => Number(options.fastOpenConnect),
      set: (endpoint, value) => {
        const { state } = endpoint;
        if (state !== TCP_CLOSE) return -E.EINVAL;
        endpoint.setOption("fastOpenConnect", value === 1);
        return 0;
      },
      min: 0,
      max: 1,
    }),
  ],
  [
    T.TCP_ULP,
    { get: () => Buffer.alloc(0), set: (_options, value) => (value.length < 1 ? -E.EINVAL : -E.ENOENT) },
  ],
  [T.TCP_FASTOPEN_KEY, NOTHING],
  [T.TCP_FASTOPEN_NO_COOKIE, kept(T.TCP_FASTOPEN_NO_COOKIE, 0, 1)],
  [T.TCP_INQ, kept(T.TCP_INQ, 0, 1)],
  [T.TCP_TX_DELAY, kept(T.TCP_TX_DELAY, 0, INT_MAX)],
]);

/** Options whose values are texts, of any length. */
const TEXTS: ReadonlySet<number> = new Set([T.TCP_CONGESTION, T.TCP_ULP]);

export const TCP_LEVEL: Level = { table: TABLE, takesShort: false, texts: TEXTS };

function buffer(name: number, isForced: boolean): InetOption {
  const isSend = name === S.SO_SNDBUF || name === S.SO_SNDBUFFORCE;
  const base = SOCKET_LEVEL.get(name)!;
  return {
    ...(!isForced && {
      get: (options: InetOptions) => int(isSend ? stream(options).sendBuffer : stream(options).receiveBuffer),
    }),
    set: (options, value, task) => {
      const error = base.set!(options, value, task);
      if (error < 0) return error;
      if (isSend) stream(options).setSendBuffer(options.sendBuffer);
      else stream(options).setReceiveBuffer(options.receiveBuffer);
      options.inet.acted();
      return 0;
    },
  };
}

const LINGER: InetOption = {
  ...SOCKET_LEVEL.get(S.SO_LINGER)!,
  set: (options, value, task) => {
    const error = SOCKET_LEVEL.get(S.SO_LINGER)!.set!(options, value, task);
    if (error < 0) return error;
    const { isOn, seconds } = options.linger;
    stream(options).setOption("lingerUs", isOn ? (seconds >>> 0) * US : -1);
    return 0;
  },
};

const TCP_SOCKET_LEVEL: OptionTable<InetOptions> = new Map<number, InetOption>([
  ...INET_SOCKET_LEVEL,
  [S.SO_SNDBUF, buffer(S.SO_SNDBUF, false)],
  [S.SO_RCVBUF, buffer(S.SO_RCVBUF, false)],
  [S.SO_SNDBUFFORCE, buffer(S.SO_SNDBUFFORCE, true)],
  [S.SO_RCVBUFFORCE, buffer(S.SO_RCVBUFFORCE, true)],
  [
    S.SO_KEEPALIVE,
    number({
      get: ({ options }) => Number(options.keepsAlive),
      set: (endpoint, value) => endpoint.setKeepalive(value !== 0),
    }),
  ],
  [
    S.SO_OOBINLINE,
    number({
      get: ({ options }) => Number(options.urgentInline),
      set: (endpoint, value) => {
        endpoint.setOption("urgentInline", value !== 0);
      },
    }),
  ],
  [
    S.SO_RCVLOWAT,
    number({
      get: ({ options }) => options.receiveLowat,
      set: (endpoint, value, options) => {
        const { receiveBuffer } = endpoint.options;
        const most = receiveBuffer === 0 ? endpoint.tcp.settings.receiveBuffer.max : receiveBuffer;
        const wanted = Math.min(value < 0 ? INT_MAX : value, most >> 1);
        endpoint.setOption("receiveLowat", wanted || 1);
        options.receiveLow = endpoint.options.receiveLowat;
        // What there is may be enough by now (tcp_set_rcvlowat).
        if ((options.socket.poll() & POLLIN) !== 0) endpoint.observer?.becameReadable();
      },
    }),
  ],
  [S.SO_LINGER, LINGER],
]);

export class TcpSocketOptions extends InetOptions {
  protected override get socketLevel(): OptionTable {
    return TCP_SOCKET_LEVEL as OptionTable;
  }

  /** What those that it accepts have of what is kept here. */
  inherit(listener: InetOptions): void {
    // As Linux has it, its priority is a new one's.
    this.keepAllOf(listener, S.SO_PRIORITY);
    this.socket.timeouts = listener.socket.timeouts;
    this.linger = listener.linger;
    this.receiveLow = listener.receiveLow;
    this.timestamps = listener.timestamps;
    this.wanted4 = listener.wanted4;
    this.wanted6 = listener.wanted6;
  }
}
