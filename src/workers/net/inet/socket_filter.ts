// SO_ATTACH_FILTER (socket(7)): a program of classic BPF says of each datagram that comes how much of it is kept, if any.

import * as B from "../../../shared/abi/bpf.ts";
import { ENOENT, EPERM } from "../../../shared/abi/errno.ts";
import { ETH_P_IP, ETH_P_IPV6 } from "../../../shared/abi/packet.ts";
import { IPPROTO_UDP } from "../../../shared/abi/socket.ts";
import type { Program } from "../../bpf/program.ts";
import { type Input, runProgram } from "../../bpf/run.ts";
import type { NetCaller } from "../caller.ts";
import { attachProgram } from "../program_option.ts";
import type { Packet } from "../stack/packet.ts";
import type { InetOptions } from "./inet_options.ts";

const UDP_HEADER = 8;
/** So many instructions are as much work as a packet: 64. */
const WORK_SHIFT = 6;

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

/** SO_ATTACH_FILTER; of streams it is taken, and has no effect. */
export function attachFilter(options: InetOptions, value: Buffer, task: NetCaller): number {
  return attachProgram(options, value, task);
}

/** What a datagram endpoint does with a program. */
export function filterBy(program: Program, options: InetOptions): void {
  const endpoint = options.datagram;
  if (endpoint === null) return;
  const isUdp = endpoint.protocol === IPPROTO_UDP && options.inet.raw === null;
  endpoint.filter = (packet) => {
    endpoint.core.extraWork += program.length >> WORK_SHIFT;
    return passes(program, isUdp, packet);
  };
}

export function detachFilter(options: InetOptions): number {
  if (options.isFilterLocked) return -EPERM;
  return options.dropFilter() ? 0 : -ENOENT;
}
