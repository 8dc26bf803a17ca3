// The settings of /proc/sys that are numbers, or one of a few words: what each may be, and what it is now. Those that the
// kernel here has something to do with are read by it; the others are kept, and read back as they were written.
//
// Linux's rules for what is written (kernel/sysctl.c's proc_dointvec and its relatives, as proc(5) tells them):
// numbers apart by white space, decimal, octal or hexadecimal; one that is out of range changes nothing.

import { EINVAL, ENOENT } from "../shared/abi/errno.ts";
import { CONGESTION_CONTROLS, DEFAULT_CONTROL } from "../shared/abi/tcp.ts";
import { DEVICE_SETTINGS, NUMBER_SETTINGS } from "./net_settings.ts";

const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);
/** Of unsigned longs: what a double holds exactly serves. */
const LONG_MAX = 2 ** 63;

export interface Setting {
  readonly initial: readonly number[];
  readonly min: number;
  readonly max: number;
  readonly mode: number;
  /** What becomes of a value that is in range. */
  readonly round?: (value: number) => number;
  /**
   * It is written and read as ranges of numbers ("8080,9000-9010"). Each value is one, first and last number in its halves,
   * 0 for none: no more than fit into a message to the thread of the network.
   */
  readonly ranges?: true;
  /** It is written and read as one of these words; its value is the place among them. */
  readonly words?: readonly string[];
}

function int(initial: number, min = INT_MIN, max = INT_MAX): Setting {
  return { initial: [initial], min, max, mode: 0o644 };
}

function flag(initial: 0 | 1): Setting {
  return int(initial, 0, 1);
}

function long(initial: number, min = 0, max = LONG_MAX): Setting {
  return { initial: [initial], min, max, mode: 0o644 };
}

function ints(...initial: number[]): Setting {
  return { initial, min: INT_MIN, max: INT_MAX, mode: 0o644 };
}

function word<W extends string>(words: readonly W[], initial: W): Setting {
  return { ...int(words.indexOf(initial), 0, words.length - 1), words };
}

const RANGES_MAX = 12;
const PORT_RANGES: readonly number[] = Array.from({ length: RANGES_MAX }, () => 0);

/** By path below /proc/sys. */
export const SETTINGS = {
  "fs/aio-max-nr": long(65536),
  "fs/epoll/max_user_watches": long(1048576),
  "fs/file-max": long(LONG_MAX),
  "fs/inotify/max_queued_events": int(16384, 0),
  "fs/inotify/max_user_instances": int(128, 0),
  "fs/inotify/max_user_watches": int(65536, 0),
  "fs/lease-break-time": int(45),
  "fs/leases-enable": int(1),
  "fs/mqueue/msg_default": int(10, 1, 65536),
  "fs/mqueue/msg_max": int(10, 1, 65536),
  "fs/mqueue/msgsize_default": int(8192, 128, 16 << 20),
  "fs/mqueue/msgsize_max": int(8192, 128, 16 << 20),
  "fs/mqueue/queues_max": int(256),
  "fs/nr_open": int(1048576, 64, 0x3fffffc0),
  "fs/overflowgid": int(65534, 0, 65535),
  "fs/overflowuid": int(65534, 0, 65535),
  "fs/pipe-max-size": {
    ...long(1048576, 0, 2 ** 31),
    round: (value) => 2 ** Math.ceil(Math.log2(Math.max(value, 4096))),
  },
  "fs/pipe-user-pages-hard": long(0),
  "fs/pipe-user-pages-soft": long(16384),
  "fs/protected_fifos": int(1, 0, 2),
  "fs/protected_hardlinks": flag(1),
  "fs/protected_regular": int(1, 0, 2),
  "fs/protected_symlinks": flag(1),
  "fs/suid_dumpable": int(0, 0, 2),
  "kernel/core_pipe_limit": int(0, 0),
  "kernel/core_uses_pid": int(0),
  "kernel/dmesg_restrict": flag(1),
  "kernel/kptr_restrict": int(1, 0, 2),
  "kernel/overflowgid": int(65534, 0, 65535),
  "kernel/overflowuid": int(65534, 0, 65535),
  "kernel/panic": int(0),
  "kernel/panic_on_oops": int(0),
  "kernel/perf_event_paranoid": int(4),
  "kernel/printk": ints(4, 4, 1, 7),
  "kernel/randomize_va_space": int(2),
  "kernel/unprivileged_bpf_disabled": int(2, 0, 2),
  "net/core/netdev_max_backlog": int(1000),
  "net/core/rmem_default": int(212992, 2304),
  "net/core/rmem_max": int(4194304, 2304),
  "net/core/somaxconn": int(4096, 0),
  "net/core/wmem_default": int(212992, 4608),
  "net/core/wmem_max": int(4194304, 4608),
  ...DEVICE_SETTINGS,
  ...NUMBER_SETTINGS,
  "net/ipv4/ip_local_reserved_ports": { initial: PORT_RANGES, min: 0, max: 65535, mode: 0o644, ranges: true },
  "net/core/optmem_max": int(131072, 0),
  "net/ipv4/fwmark_reflect": int(0),
  "net/ipv4/icmp_echo_ignore_all": flag(0),
  "net/ipv4/icmp_echo_ignore_broadcasts": flag(1),
  "net/ipv4/icmp_ratelimit": int(1000),
  "net/ipv4/icmp_ratemask": int(6168),
  "net/ipv4/igmp_max_memberships": int(20),
  "net/ipv4/ip_default_ttl": int(64, 1, 255),
  "net/ipv4/ip_forward": int(0),
  "net/ipv4/ip_no_pmtu_disc": int(0, 0, 255),
  "net/ipv4/ip_nonlocal_bind": flag(0),
  "net/ipv4/ping_group_range": { ...ints(1, 0), min: 0 },
  "net/ipv4/tcp_abort_on_overflow": int(0, 0, 255),
  "net/ipv4/tcp_congestion_control": word(CONGESTION_CONTROLS, DEFAULT_CONTROL),
  "net/ipv4/tcp_dsack": int(1, 0, 255),
  "net/ipv4/tcp_early_retrans": int(3, 0, 4),
  "net/ipv4/tcp_ecn": int(2, 0, 5),
  "net/ipv4/tcp_fastopen": int(1),
  "net/ipv4/tcp_fin_timeout": int(60),
  "net/ipv4/tcp_frto": int(2, 0, 255),
  "net/ipv4/tcp_max_syn_backlog": int(2048),
  "net/ipv4/tcp_min_snd_mss": int(48, 48, 65535),
  "net/ipv4/tcp_moderate_rcvbuf": int(1, 0, 255),
  "net/ipv4/tcp_mtu_probing": int(0, 0, 255),
  "net/ipv4/tcp_notsent_lowat": { ...int(0), initial: [0xffffffff], min: 0, max: 0xffffffff },
  "net/ipv4/tcp_orphan_retries": int(0, 0, 255),
  "net/ipv4/tcp_retries1": int(3, 0, 255),
  "net/ipv4/tcp_retries2": int(15, 0, 255),
  "net/ipv4/tcp_sack": int(1, 0, 255),
  "net/ipv4/tcp_slow_start_after_idle": int(1, 0, 255),
  "net/ipv4/tcp_syn_linear_timeouts": int(4, 0, 127),
  "net/ipv4/tcp_syn_retries": int(6, 1, 127),
  "net/ipv4/tcp_synack_retries": int(5, 0, 255),
  "net/ipv4/tcp_syncookies": int(1, 0, 255),
  "net/ipv4/tcp_timestamps": int(1, 0, 255),
  "net/ipv4/tcp_tw_reuse": int(2, 0, 2),
  "net/ipv4/tcp_window_scaling": int(1, 0, 255),
  "net/ipv4/udp_rmem_min": int(4096, 1),
  "net/ipv4/udp_wmem_min": int(4096, 1),
  "net/ipv6/auto_flowlabels": int(1, 0, 3),
  "net/ipv6/bindv6only": int(0, 0, 255),
  "net/ipv6/ip_nonlocal_bind": int(0, 0, 255),
  "net/ipv4/ip_local_port_range": { ...ints(32768, 60999), min: 1, max: 65535 },
  "net/ipv4/ip_unprivileged_port_start": int(1024, 0, 65535),
  "net/ipv4/tcp_keepalive_intvl": int(75),
  "net/ipv4/tcp_keepalive_probes": int(9),
  "net/ipv4/tcp_keepalive_time": int(7200),
  "net/ipv4/tcp_rmem": { ...ints(4096, 131072, 33554432), min: 1 },
  "net/ipv4/tcp_wmem": { ...ints(4096, 16384, 4194304), min: 1 },
  "net/netfilter/nf_conntrack_generic_timeout": int(600, 0),
  "net/netfilter/nf_conntrack_icmp_timeout": int(30, 0),
  "net/netfilter/nf_conntrack_icmpv6_timeout": int(30, 0),
  "net/netfilter/nf_conntrack_max": int(65536, 0),
  // Windows are not looked at (net/stack/filter/tcp_states.ts).
  "net/netfilter/nf_conntrack_tcp_be_liberal": int(1, 0, 255),
  "net/netfilter/nf_conntrack_tcp_loose": int(1, 0, 255),
  "net/netfilter/nf_conntrack_tcp_timeout_close": int(10, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_close_wait": int(60, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_established": int(432000, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_fin_wait": int(120, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_last_ack": int(30, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_syn_recv": int(60, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_syn_sent": int(120, 0),
  "net/netfilter/nf_conntrack_tcp_timeout_time_wait": int(120, 0),
  "net/netfilter/nf_conntrack_udp_timeout": int(30, 0),
  "net/netfilter/nf_conntrack_udp_timeout_stream": int(120, 0),
  "vm/dirty_background_ratio": int(10, 0, 100),
  "vm/dirty_ratio": int(20, 0, 100),
  "vm/drop_caches": { ...int(0, 1, 4), mode: 0o200 },
  "vm/max_map_count": int(65530, 0),
  "vm/min_free_kbytes": int(67584, 0),
  "vm/mmap_min_addr": long(65536),
  "vm/nr_hugepages": { ...long(0), round: () => 0 },
  "vm/overcommit_kbytes": long(0),
  "vm/overcommit_memory": int(0, 0, 2),
  "vm/overcommit_ratio": int(50, 0),
  "vm/swappiness": int(60, 0, 200),
  "vm/vfs_cache_pressure": int(100, 0),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

/** Names in the order of their numbers. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** A number as strtoul(3) with base 0 reads it, sign and all; null: it is none. */
function parse(word: string): number | null {
  const match = /^(-?)(?:(0x[0-9a-f]{1,16})|0([0-7]{1,22})|([0-9]{1,20}))$/i.exec(word);
  if (match === null) return null;
  const [, sign, hex, octal, decimal] = match;
  const magnitude =
    hex !== undefined ? Number(hex) : octal !== undefined ? Number.parseInt(octal, 8) : Number(decimal);
  return sign === "-" ? -magnitude : magnitude;
}

/** Both ends of a range that is a value. */
export function rangeOf(value: number): readonly [first: number, last: number] {
  return [value >>> 16, value & 0xffff];
}

function rangesText(values: readonly number[]): string {
  const shown = values.filter((value) => value !== 0).map(rangeOf);
  return shown.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** Ranges in order, none beside another, or null: it is none, or too many. */
function parseRanges(text: string, max: number): number[] | null {
  const ranges: [number, number][] = [];
  for (const part of text.split(",").filter((word) => word.trim() !== "")) {
    const range = /^\s*([0-9]{1,5})(?:-([0-9]{1,5}))?\s*$/.exec(part);
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (range === null || first > last || last > max) return null;
    ranges.push([first, last]);
  }
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before === undefined || first > before[1] + 1) merged.push([first, last]);
    else before[1] = Math.max(before[1], last);
  }
  if (merged.length > RANGES_MAX) return null;
  return PORT_RANGES.map((none, i) => (merged[i] === undefined ? none : (merged[i][0] << 16) | merged[i][1]));
}

export class Sysctls {
  readonly #values = new Map<string, readonly number[]>();
  /** Who else is to know of a change. */
  onSet: ((name: SettingName, values: readonly number[]) => void) | null = null;
  /** kernel.core_pattern */
  corePattern = "core";

  /** How often something was set: who keeps values looks at it. */
  changes = 0;

  /** As it was set elsewhere. */
  adopt(name: SettingName, values: readonly number[]): void {
    this.#values.set(name, values);
    this.changes++;
  }

  /** All values of a setting that has several. */
  values(name: SettingName): readonly number[] {
    return this.#values.get(name) ?? SETTINGS[name].initial;
  }

  /** The value of a setting that has one. */
  get(name: SettingName): number {
    return this.#values.get(name)?.[0] ?? SETTINGS[name].initial[0]!;
  }

  /** The word of a setting that is one. */
  word(name: SettingName): string {
    const { words }: Setting = SETTINGS[name];
    return words![this.get(name)]!;
  }

  text(name: SettingName): string {
    if ("words" in SETTINGS[name]) return this.word(name);
    const values = this.#values.get(name) ?? SETTINGS[name].initial;
    if ("ranges" in SETTINGS[name]) return rangesText(values);
    return values.map((value) => (value === LONG_MAX ? "9223372036854775807" : String(value))).join("\t");
  }

  /**
   * Takes what was written: how much of it has been read, or -EINVAL; -ENOENT: there is no such word. Numbers beyond
   * those of the setting are left for another write.
   */
  set(name: SettingName, text: string): number {
    const setting: Setting = SETTINGS[name];
    const { initial, min, max, round, words, ranges } = setting;
    if (ranges === true) {
      const parsed = parseRanges(text.split(/[\n\0]/)[0]!, max);
      if (parsed === null) return -EINVAL;
      this.#take(name, parsed);
      return text.length;
    }
    if (words !== undefined) {
      const value = words.indexOf(text.split(/[\n\0]/)[0]!);
      if (value < 0) return -ENOENT;
      this.#take(name, [value]);
      return text.length;
    }
    const values = [...(this.#values.get(name) ?? initial)];
    const next = /[ \t\n]*([^ \t\n\0]+)/y;
    let read = 0;
    for (const index of values.keys()) {
      const word = next.exec(text)?.[1];
      if (word === undefined) {
        if (index === 0) return -EINVAL;
        break;
      }
      read = next.lastIndex;
      const value = parse(word);
      if (value === null || value < min || value > max) return -EINVAL;
      values[index] = round?.(value) ?? value;
    }
    this.#take(name, values);
    while (read < text.length && " \t\n".includes(text[read]!)) read++;
    return read;
  }

  #take(name: SettingName, values: readonly number[]): void {
    this.adopt(name, values);
    this.onSet?.(name, values);
  }
}
