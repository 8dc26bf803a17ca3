// The stack of a kernel thread that has internet sockets (stack/stack.ts), joined to what it is given from outside: the
// network namespace, the thread's clock and timers, random bits, settings of /proc/sys/net, and the memory budget. It is
// made with the first socket.
//
// Whoever has sent something calls deliver(): what went over loopback arrives then. It looks at a bounded number of
// packets; the rest goes on in later turns (F26).

import { randomFillSync } from "node:crypto";
import type { CongestionControlName } from "../../../shared/abi/tcp.ts";
import type { Steps } from "../../call/steps.ts";
import type { Timer, Timers } from "../../call/timers.ts";
import type { Counters } from "../../counters.ts";
import { CONVERSATION_COST, type HeapBudget, TRACKED_FLOW_COST } from "../../heap_budget.ts";
import type { Log } from "../../log.ts";
import type { MemoryBudget } from "../../memory_budget.ts";
import type { Native } from "../../native.ts";
import { rangeOf, type SettingName, type Sysctls } from "../../sysctls.ts";
import type { Devices } from "../devices/devices.ts";
import type { Device } from "../devices/rows.ts";
import { PacketTaps } from "../packet/taps.ts";
import { Message } from "../stack/datagram/message.ts";
import type { NetDevice } from "../stack/device.ts";
import type { ConntrackSettings } from "../stack/filter/conntrack.ts";
import {
  CONNTRACK_MAX,
  ENDPOINTS_MAX,
  LARGE_PACKETS_MAX,
  SMALL_PACKETS_MAX,
  TCP_MEMORY_MAX,
} from "../stack/limits.ts";
import { StackMemory } from "../stack/memory.ts";
import { NamespaceMirror } from "../stack/namespace_mirror.ts";
import { LARGE_SIZE, SMALL_SIZE } from "../stack/packet.ts";
import { Pieces } from "../stack/pieces.ts";
import { Stack } from "../stack/stack.ts";
import type { TcpSettings } from "../stack/tcp/settings.ts";
import { KeptReads } from "./kept_reads.ts";
import { Registry } from "./registry.ts";
import type { Runner, StackTurns } from "./stack_turns.ts";

const NS_PER_US = 1000;
/** Packets that one call looks at, and one turn of what was left. */
const AT_ONCE = 64;
const RANDOM_WORDS = 256;
/** Of the memory that no process owns, what packets may be of each size: 1/16. */
const PACKET_PART = 1 / 16;
/** Of the heap that guests may use, what conversations of TCP may be: 1/4. */
const CONVERSATION_PART = 1 / 4;
/** ... and what flows of conntrack may be: 1/8. */
const FLOW_PART = 1 / 8;

/** What the stacks of a kernel thread may have, with so much memory (bytes) and heap. */
export function memoryFor(commonMemory: MemoryBudget, heap: HeapBudget): StackMemory {
  const bytes = commonMemory.limit * PACKET_PART;
  return new StackMemory({
    smallPackets: Math.max(AT_ONCE, Math.min(SMALL_PACKETS_MAX, Math.floor(bytes / SMALL_SIZE))),
    largePackets: Math.max(4, Math.min(LARGE_PACKETS_MAX, Math.floor(bytes / LARGE_SIZE))),
    // What waits in connections' buffers is of as much as both.
    tcpBytes: Math.min(TCP_MEMORY_MAX, bytes * 2),
    conversations: Math.min(ENDPOINTS_MAX, Math.floor((heap.limit * CONVERSATION_PART) / CONVERSATION_COST)),
    flows: Math.min(CONNTRACK_MAX, Math.floor((heap.limit * FLOW_PART) / TRACKED_FLOW_COST)),
  });
}

/** Settings of TCP that are numbers, and those that are switches. */
const PORTS = 65_536;
const TCP_NUMBERS = [
  ["reordering", "net/ipv4/tcp_reordering"],
  ["reorderingMax", "net/ipv4/tcp_max_reordering"],
  ["timeWaitMax", "net/ipv4/tcp_max_tw_buckets"],
  ["challengeAcksMax", "net/ipv4/tcp_challenge_ack_limit"],
  ["minSendMss", "net/ipv4/tcp_min_snd_mss"],
  ["ecn", "net/ipv4/tcp_ecn"],
  ["orphanRetries", "net/ipv4/tcp_orphan_retries"],
  ["synLinearTimeouts", "net/ipv4/tcp_syn_linear_timeouts"],
  ["synRetries", "net/ipv4/tcp_syn_retries"],
  ["synAckRetries", "net/ipv4/tcp_synack_retries"],
  ["retries1", "net/ipv4/tcp_retries1"],
  ["retries2", "net/ipv4/tcp_retries2"],
  ["keepaliveIdle", "net/ipv4/tcp_keepalive_time"],
  ["keepaliveInterval", "net/ipv4/tcp_keepalive_intvl"],
  ["keepaliveProbes", "net/ipv4/tcp_keepalive_probes"],
  ["finTimeout", "net/ipv4/tcp_fin_timeout"],
  ["timeWaitReuse", "net/ipv4/tcp_tw_reuse"],
  ["synBacklogMax", "net/ipv4/tcp_max_syn_backlog"],
  ["somaxconn", "net/core/somaxconn"],
  ["synCookies", "net/ipv4/tcp_syncookies"],
  ["notSentLowat", "net/ipv4/tcp_notsent_lowat"],
] as const satisfies readonly (readonly [keyof TcpSettings, SettingName])[];
/** Ports of ranges, a bit each; null: there are none. */
function bitmapOf(ranges: readonly number[]): Uint8Array | null {
  if (ranges.every((range) => range === 0)) return null;
  const bits = new Uint8Array(PORTS / 8);
  for (const range of ranges) {
    if (range === 0) continue;
    const [first, last] = rangeOf(range);
    for (let port = first; port <= last; port++) bits[port >> 3]! |= 1 << (port & 7);
  }
  return bits;
}

/** Of tcp_early_retrans: from it on the end of what is sent is probed. */
const TAIL_LOSS_PROBE = 3;
const TCP_FLAGS = [
  ["rfc1337", "net/ipv4/tcp_rfc1337"],
  ["stdUrgent", "net/ipv4/tcp_stdurg"],
  ["abortsOnOverflow", "net/ipv4/tcp_abort_on_overflow"],
  ["dsack", "net/ipv4/tcp_dsack"],
  ["frto", "net/ipv4/tcp_frto"],
  ["moderatesReceiveBuffer", "net/ipv4/tcp_moderate_rcvbuf"],
  ["windowScaling", "net/ipv4/tcp_window_scaling"],
  ["timestamps", "net/ipv4/tcp_timestamps"],
  ["sack", "net/ipv4/tcp_sack"],
  ["slowStartAfterIdle", "net/ipv4/tcp_slow_start_after_idle"],
] as const satisfies readonly (readonly [keyof TcpSettings, SettingName])[];

/** Of conntrack: nf_conntrack_*, and the times of TCP's states, in their order. */
const CONNTRACK_NUMBERS = [
  ["max", "max"],
  ["udpTimeout", "udp_timeout"],
  ["udpStreamTimeout", "udp_timeout_stream"],
  ["icmpTimeout", "icmp_timeout"],
  ["icmp6Timeout", "icmpv6_timeout"],
  ["genericTimeout", "generic_timeout"],
] as const;
const CONNTRACK_TCP_TIMES = [
  null,
  "syn_sent",
  "syn_recv",
  "established",
  "fin_wait",
  "close_wait",
  "last_ack",
  "time_wait",
  "close",
  "syn_sent",
] as const;

export interface InetContext {
  readonly native: Native;
  readonly timers: Timers;
  readonly steps: Steps;
  readonly counters: Counters;
  readonly heap: HeapBudget;
  /** CLOCK_MONOTONIC as the thread's loop last saw it. */
  readonly nowNs: number;
  readonly log: Log;
}

/** The network namespace that it is the stack of. */
export interface InetNamespace {
  readonly devices: Devices;
  readonly sysctls: Sysctls;
  /** What its stack shares with those of other namespaces. */
  readonly memory: StackMemory;
  /** Whose turn it is among those. */
  readonly turns: StackTurns;
}

class RandomWords {
  readonly #words = new Int32Array(RANDOM_WORDS);
  #next = RANDOM_WORDS;

  next(): number {
    if (this.#next === RANDOM_WORDS) {
      randomFillSync(this.#words);
      this.#next = 0;
    }
    const word = this.#words[this.#next]!;
    // Nobody is to find in memory what was given out.
    this.#words[this.#next++] = 0;
    return word;
  }
}

export class InetStack implements Runner {
  readonly #kernel: InetContext;
  readonly #namespace: InetNamespace;
  /** What the next message says, for sockets to fill in. */
  readonly message = new Message();
  readonly sockets = new Registry();
  /** Sockets that see what its devices send and receive. */
  readonly packets: PacketTaps;
  /** Sockets that want to know when what they receive arrived: then the time is exact. */
  stampers = 0;
  /** Makes the device of a row that has a link of its own (link/keeper.ts); null: it has none. */
  linkOf: (row: Device, stack: Stack) => NetDevice | null = () => null;
  /** The one that is filled for each direct transfer. */
  readonly pieces = new Pieces();
  #keptReads: KeptReads | null = null;
  /** What is there before the first socket. */
  made: (stack: Stack) => void = () => {};
  #stack: Stack | null = null;
  #settings = -1;
  #isRunning = false;
  #isBehind = false;
  #hasEnded = false;
  #timer: Timer | null = null;

  constructor(kernel: InetContext, namespace: InetNamespace) {
    this.#kernel = kernel;
    this.#namespace = namespace;
    this.packets = new PacketTaps(kernel.native, namespace.devices);
  }

  /** Null: there has been no socket yet. */
  get existing(): Stack | null {
    return this.#stack;
  }

  get keptReads(): KeptReads {
    this.#keptReads ??= new KeptReads();
    return this.#keptReads;
  }

  get stack(): Stack {
    if (this.#stack === null) {
      this.#stack = this.#make();
      this.made(this.#stack);
    }
    this.#adoptSettings(this.#stack);
    return this.#stack;
  }

  /** There is to be a stack, with or without sockets. */
  start(): void {
    this.#stack ??= this.#make();
  }

  #make(): Stack {
    const { devices, memory } = this.#namespace;
    const random = new RandomWords();
    const stack = new Stack({ random32: () => random.next() }, memory);
    // Ended ones leave room for others.
    const { settings } = stack.tcp;
    settings.orphansMax = Math.min(settings.orphansMax, memory.conversationsMax >> 1);
    const { counters, heap } = this.#kernel;
    stack.filter.nft.charges = {
      take: (bytes) => {
        const hasRoom = heap.hasRoom("socketMemory", bytes);
        if (hasRoom) counters.socketMemory += bytes;
        return hasRoom;
      },
      give: (bytes) => {
        counters.socketMemory -= bytes;
      },
    };
    stack.filter.onLog = (_level, line) => this.#kernel.log("info", "packet filter", { line });
    stack.advance(this.#kernel.nowNs / NS_PER_US);
    stack.core.onFrames = () => this.#namespace.turns.add(this);
    new NamespaceMirror(stack, devices, (row) => this.linkOf(row, stack));
    devices.countsOf = ({ index }) => stack.core.devices.byIndex(index);
    return stack;
  }

  #adoptSettings({ core: { settings }, tcp, filter }: Stack): void {
    const { sysctls } = this.#namespace;
    if (sysctls.changes === this.#settings) return;
    this.#settings = sysctls.changes;
    settings.hopLimit4 = sysctls.get("net/ipv4/ip_default_ttl");
    settings.hopLimit6 = sysctls.get("net/ipv6/conf/all/hop_limit");
    settings.ignoresEchos = sysctls.get("net/ipv4/icmp_echo_ignore_all") !== 0;
    settings.ignoresBroadcastEchos = sysctls.get("net/ipv4/icmp_echo_ignore_broadcasts") !== 0;
    settings.forwards4 = sysctls.get("net/ipv4/ip_forward") !== 0;
    settings.forwards6 = sysctls.get("net/ipv6/conf/all/forwarding") !== 0;
    settings.acceptsRedirects4 = sysctls.get("net/ipv4/conf/all/accept_redirects") !== 0;
    settings.acceptsRedirects6 = sysctls.get("net/ipv6/conf/all/accept_redirects") !== 0;
    settings.bindsNonlocal = sysctls.get("net/ipv4/ip_nonlocal_bind") !== 0;
    const [least, most] = sysctls.values("net/ipv4/ip_local_port_range");
    settings.portMin = least!;
    settings.portMax = most!;
    settings.reservedPorts = bitmapOf(sysctls.values("net/ipv4/ip_local_reserved_ports"));
    this.#adoptTcp(tcp.settings);
    // Ended ones leave room for others, whatever is set.
    const { conversationsMax } = this.#namespace.memory;
    tcp.settings.timeWaitMax = Math.min(tcp.settings.timeWaitMax, conversationsMax >> 1);
    this.#adoptConntrack(filter.conntrack.settings);
  }

  #adoptConntrack(settings: ConntrackSettings): void {
    const { sysctls } = this.#namespace;
    for (const [key, name] of CONNTRACK_NUMBERS)
      settings[key] = sysctls.get(`net/netfilter/nf_conntrack_${name}`);
    for (const [state, name] of CONNTRACK_TCP_TIMES.entries())
      if (name !== null)
        settings.tcpTimeouts[state] = sysctls.get(`net/netfilter/nf_conntrack_tcp_timeout_${name}`);
    settings.tcpLoose = sysctls.get("net/netfilter/nf_conntrack_tcp_loose") !== 0;
  }

  #adoptTcp(settings: TcpSettings): void {
    const { sysctls } = this.#namespace;
    for (const [key, name] of TCP_NUMBERS) settings[key] = sysctls.get(name);
    for (const [key, name] of TCP_FLAGS) settings[key] = sysctls.get(name) !== 0;
    settings.congestion = sysctls.word("net/ipv4/tcp_congestion_control") as CongestionControlName;
    settings.invalidRateUs = sysctls.get("net/ipv4/tcp_invalid_ratelimit") * 1000;
    settings.tailLossProbe = sysctls.get("net/ipv4/tcp_early_retrans") >= TAIL_LOSS_PROBE;
    for (const [sizes, name] of [
      [settings.receiveBuffer, "net/ipv4/tcp_rmem"],
      [settings.sendBuffer, "net/ipv4/tcp_wmem"],
    ] as const) {
      const [min, initial, max] = sysctls.values(name);
      sizes.min = min!;
      sizes.initial = initial!;
      sizes.max = max!;
    }
  }

  /** Before something is sent: tells the stack the time. */
  advance(stack: Stack): void {
    const { native, nowNs } = this.#kernel;
    stack.advance((this.stampers > 0 ? native.monotonicNs() : nowNs) / NS_PER_US);
  }

  /** Behind whatever may have given the stack work. */
  deliver(stack: Stack): void {
    // Somebody who is told of a packet sends one.
    if (this.#isRunning || this.#hasEnded) return;
    const { turns } = this.#namespace;
    if (!turns.begin()) {
      turns.add(this);
      return;
    }
    try {
      this.#look(stack);
    } finally {
      turns.end();
    }
  }

  turn(): void {
    const stack = this.#stack;
    if (stack === null || this.#hasEnded) return;
    this.advance(stack);
    this.#look(stack);
  }

  #look(stack: Stack): void {
    this.#adoptSettings(stack);
    // Though there may be something left of before: what this call sent over loopback should have come when it ends.
    if (!this.#run(stack) || this.#isBehind) return;
    this.#isBehind = true;
    this.#kernel.steps.later(() => this.#goOn(stack));
  }

  #goOn(stack: Stack): boolean {
    if (this.#hasEnded) return true;
    this.advance(stack);
    this.#isBehind = false; // should it throw
    this.#isBehind = this.#run(stack);
    return !this.#isBehind;
  }

  /** True: there is more to do. */
  #run(stack: Stack): boolean {
    this.#isRunning = true;
    let isLeft = false;
    try {
      isLeft = stack.run(AT_ONCE);
    } finally {
      this.#isRunning = false;
    }
    const { counters } = this.#kernel;
    const { memory } = stack.core;
    counters.packetMemory = memory.madeBytes;
    counters.tcpConversations = memory.conversations;
    counters.trackedFlows = memory.flows;
    // What goes on looks at what is due: a timer that is late would come before it, again and again.
    if (!isLeft) this.#arm(stack);
    return isLeft;
  }

  /** Its namespace is no more, nor is any socket in it. Some of what is left goes; true: that was all. */
  endPart(): boolean {
    this.#hasEnded = true;
    if (this.#timer !== null) this.#kernel.timers.cancel(this.#timer);
    this.#timer = null;
    if (this.#stack?.endPart() === true) return false;
    this.#kernel.counters.socketMemory -= this.#stack?.filter.charge ?? 0;
    this.#stack?.filter.nft.end();
    this.#stack = null;
    return true;
  }

  #arm(stack: Stack): void {
    const deadlineNs = stack.nextDeadlineUs * NS_PER_US;
    const { timers } = this.#kernel;
    if (this.#timer !== null) {
      if (this.#timer.deadlineNs <= deadlineNs) return;
      timers.cancel(this.#timer);
      this.#timer = null;
    }
    if (deadlineNs === Number.POSITIVE_INFINITY) return;
    this.#timer = timers.add(deadlineNs, () => {
      this.#timer = null;
      if (this.#isBehind) return;
      stack.advance(this.#kernel.native.monotonicNs() / NS_PER_US);
      this.deliver(stack);
    });
  }
}
