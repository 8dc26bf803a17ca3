// SO_ATTACH_FILTER (socket(7)): a program of classic BPF says of each datagram that comes how much of it is kept, if any.

import * as B from "../../../shared/abi/bpf.ts";
import { EFAULT, EINVAL, ENOENT, ENOMEM, EPERM } from "../../../shared/abi/errno.ts";
import { IPPROTO_UDP, SO_LOCK_FILTER } from "../../../shared/abi/socket.ts";
import { type Program, readProgram } from "../../bpf/program.ts";
import { type Input, runProgram } from "../../bpf/run.ts";
import type { Coroutine } from "../../call/call.ts";
import { readGuest } from "../../call/guest_copy.ts";
import type { NetCaller } from "../caller.ts";
import type { Packet } from "../stack/packet.ts";
import type { InetOptions } from "./inet_options.ts";

const POINTER_AT = 8;
const UDP_HEADER = 8;
/** What a program costs: words of 4 bytes, four for each instruction. */
const INSTRUCTION_COST = 16;
/** So many instructions are as much work as a packet: 64. */
const WORK_SHIFT = 6;
const [ETH_P_IP, ETH_P_IPV6] = [0x0800, 0x86dd];

class PacketInput implements Input {
  view: DataView;
  start = 0;
  length = 0;
  network = -1;
  readonly link = -1;
  #packet: Packet;

  constructor(packet: Packet, start: number) {
    this.#packet = packet;
    this.view = packet.view;
    this.start = start;
    this.length = packet.end - start;
    this.network = packet.network - start;
  }

  known(what: number): number | null {
    const packet = this.#packet;
    switch (what) {
      case B.SKF_AD_PROTOCOL:
        return packet.isV6 ? ETH_P_IPV6 : ETH_P_IP;
      case B.SKF_AD_PKTTYPE:
        return packet.delivery;
      case B.SKF_AD_IFINDEX:
        return packet.device?.index ?? 0;
      case B.SKF_AD_MARK:
        return packet.mark;
      default:
        return null;
    }
  }
}

/** Looks at a packet as a datagram endpoint gets it, and cuts it off; false: it is not wanted. */
function passes(program: Program, isUdp: boolean, packet: Packet): boolean {
  // A datagram is looked at with its header, which is never cut off.
  const header = isUdp ? UDP_HEADER : 0;
  const start = packet.head - header;
  const kept = runProgram(program, new PacketInput(packet, start));
  if (kept === 0) return false;
  packet.end = Math.min(packet.end, start + Math.max(kept, header, 1));
  return true;
}

function isLocked({ kept }: InetOptions): boolean {
  return kept.get(SO_LOCK_FILTER) === 1;
}

function* attach(task: NetCaller, options: InetOptions, count: number, at: number): Coroutine {
  const bytes = yield* readGuest(task, at, count * B.SOCK_FILTER_SIZE);
  if (typeof bytes === "number") return -EFAULT;
  const program = readProgram(bytes);
  if (program === null) return -EINVAL;
  if (isLocked(options)) return -EPERM;
  const { counters, heap } = options.inet.kernel;
  if (!heap.hasRoom("socketMemory", count * INSTRUCTION_COST)) return -ENOMEM;
  options.dropFilter();
  counters.socketMemory += count * INSTRUCTION_COST;
  options.filterBytes = count * INSTRUCTION_COST;
  const endpoint = options.datagram;
  if (endpoint === null) return 0;
  const isUdp = endpoint.protocol === IPPROTO_UDP && options.inet.raw === null;
  endpoint.filter = (packet) => {
    endpoint.core.extraWork += count >> WORK_SHIFT;
    return passes(program, isUdp, packet);
  };
  return 0;
}

/** SO_ATTACH_FILTER; of streams it is taken, and has no effect. */
export function attachFilter(options: InetOptions, value: Buffer, task: NetCaller): number {
  if (value.length !== B.SOCK_FPROG_SIZE) return -EINVAL;
  const count = value.readUInt16LE(0);
  const at = value.readUInt32LE(POINTER_AT) + value.readUInt32LE(POINTER_AT + 4) * 2 ** 32;
  if (count === 0 || count > B.BPF_MAXINSNS || at === 0) return -EINVAL;
  return task.call.start(attach(task, options, count, at));
}

export function detachFilter(options: InetOptions): number {
  if (isLocked(options)) return -EPERM;
  return options.dropFilter() ? 0 : -ENOENT;
}
