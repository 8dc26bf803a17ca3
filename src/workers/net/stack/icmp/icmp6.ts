// ICMPv6 (RFC 4443): echoes are answered, errors go to the protocol whose packet they quote, and this host's own errors
// are sent, no oftener than the limits allow. What concerns a link alone goes to whoever has the links.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_LOCAL } from "../../../../shared/abi/netlink.ts";
import { IPPROTO_ICMPV6 } from "../../../../shared/abi/socket.ts";
import { pseudoSum, sumOf } from "../checksum.ts";
import type { IcmpError, StackCore, Transport } from "../core.ts";
import { isMulticast } from "../ip_address.ts";
import { isExtension, skipExtensions } from "../ip6/extensions.ts";
import * as Ip6 from "../ip6/format.ts";
import type { Ip6Output } from "../ip6/output.ts";
import { PMTUDISC_DONT } from "../mtu_discovery.ts";
import { CHECKSUM_NONE, CHECKSUM_VALID, type Packet, TO_HOST } from "../packet.ts";
import { routeOutput6 } from "../route/output6.ts";
import * as F from "./format.ts";
import type { EchoReceiver } from "./icmp4.ts";
import { IcmpRateLimit } from "./rate_limit.ts";

/** The longest error is one that every path takes. */
const ERROR_MAX = 1280;
const QUOTED_MIN = 8;

/** Of the codes of an unreachable destination: icmpv6's tab_unreach. */
const UNREACHABLE: readonly { readonly errno: number; readonly isHard: boolean }[] = [
  { errno: E.ENETUNREACH, isHard: false },
  { errno: E.EACCES, isHard: true },
  { errno: E.EHOSTUNREACH, isHard: false },
  { errno: E.EHOSTUNREACH, isHard: false },
  { errno: E.ECONNREFUSED, isHard: true },
  { errno: E.EACCES, isHard: true },
  { errno: E.EACCES, isHard: true },
];

/** The one that is filled for each error. */
class ErrorInHand implements IcmpError {
  type = 0;
  code = 0;
  info = 0;
  errno = 0;
  isHard = false;
}

export class Icmp6 implements Transport {
  readonly #core: StackCore;
  readonly #output: Ip6Output;
  readonly #limit: IcmpRateLimit;
  readonly #error = new ErrorInHand();
  echoReceiver: EchoReceiver | null = null;
  /** Told of each error before its protocol is. */
  rawErrors: Transport["error"] = () => {};
  /** Takes a look at messages of neighbour discovery and MLD; the packet stays the caller's. */
  linkReceiver: ((packet: Packet, type: number) => void) | null = null;

  constructor(core: StackCore, output: Ip6Output) {
    this.#core = core;
    this.#output = output;
    this.#limit = new IcmpRateLimit(core.host.random32());
  }

  input(packet: Packet): void {
    const { icmp6 } = this.#core.counters;
    icmp6.InMsgs++;
    const { view, head, length } = packet;
    if (packet.checksum === CHECKSUM_NONE && !packet.hasGoodSum(IPPROTO_ICMPV6)) {
      icmp6.InCsumErrors++;
      icmp6.InErrors++;
      packet.release();
      return;
    }
    if (length < F.HEADER) {
      icmp6.InErrors++;
      packet.release();
      return;
    }
    const type = view.getUint8(head + F.TYPE);
    icmp6.inTypes[type]!++;
    switch (type) {
      case F.ECHO6:
        this.#answer(packet);
        return;
      case F.ECHO_REPLY6:
        if (this.echoReceiver === null || !this.echoReceiver.reply(packet, view.getUint16(head + F.ID)))
          packet.release();
        return;
      case F.UNREACHABLE6:
      case F.PACKET_TOO_BIG:
      case F.TIME_EXCEEDED6:
      case F.PARAMETER_PROBLEM6:
        this.#errorCame(packet, type);
        packet.release();
        return;
      case F.LISTENER_QUERY:
      case F.LISTENER_REPORT:
      case F.ROUTER_SOLICITATION:
      case F.ROUTER_ADVERTISEMENT:
      case F.NEIGHBOUR_SOLICITATION:
      case F.NEIGHBOUR_ADVERTISEMENT:
      case F.REDIRECT6:
        this.linkReceiver?.(packet, type);
        packet.release();
        return;
      default:
        packet.release();
    }
  }

  // The request's own packet goes back as the reply.
  #answer(packet: Packet): void {
    const core = this.#core;
    const isToGroup = packet.delivery !== TO_HOST;
    if (
      core.settings.ignoresEchos ||
      isMulticast(packet.source0, packet.source1, packet.source2, packet.source3)
    ) {
      packet.release();
      return;
    }
    const flow = core.outputFlow;
    flow.reset(true);
    flow.setDestination(packet.source0, packet.source1, packet.source2, packet.source3);
    if (isToGroup) flow.setSource(0, 0, 0, 0);
    else flow.setSource(packet.destination0, packet.destination1, packet.destination2, packet.destination3);
    flow.mark = packet.mark;
    if (routeOutput6(core, flow, false) !== 0) {
      core.counters.icmp6.OutErrors++;
      packet.release();
      return;
    }
    packet.view.setUint8(packet.head + F.TYPE, F.ECHO_REPLY6);
    packet.turnBack();
    this.#send(packet, packet.trafficClass);
  }

  /** Sends the message at the packet's head the way that outputFlow shows. */
  #send(packet: Packet, trafficClass: number): void {
    const core = this.#core;
    const { icmp6 } = core.counters;
    const { view, head, length } = packet;
    const flow = core.outputFlow;
    icmp6.OutMsgs++;
    icmp6.outTypes[view.getUint8(head + F.TYPE)]!++;
    packet.setSource(flow.source0, flow.source1, flow.source2, flow.source3);
    packet.setDestination(flow.destination0, flow.destination1, flow.destination2, flow.destination3);
    view.setUint16(head + F.CHECKSUM, 0);
    view.setUint16(
      head + F.CHECKSUM,
      ~sumOf(view, head, length, pseudoSum(packet, IPPROTO_ICMPV6, length)) & 0xffff,
    );
    packet.checksum = CHECKSUM_VALID;
    packet.protocol = IPPROTO_ICMPV6;
    packet.hopLimit = core.settings.hopLimit6;
    packet.trafficClass = trafficClass;
    packet.delivery = TO_HOST;
    this.#output.send(packet, flow, PMTUDISC_DONT, false);
  }

  #errorCame(packet: Packet, type: number): void {
    const core = this.#core;
    const { view, head } = packet;
    const error = this.#error;
    const quoted = head + F.HEADER;
    if (packet.end - quoted < Ip6.HEADER) {
      core.counters.icmp6.InErrors++;
      return;
    }
    error.type = type;
    error.code = view.getUint8(head + F.CODE);
    error.info = 0;
    error.errno = E.EPROTO;
    error.isHard = false;
    switch (type) {
      case F.UNREACHABLE6: {
        error.isHard = true;
        if (error.code < UNREACHABLE.length) {
          const { errno, isHard } = UNREACHABLE[error.code]!;
          error.errno = errno;
          error.isHard = isHard;
        }
        break;
      }
      case F.PACKET_TOO_BIG:
        error.errno = E.EMSGSIZE;
        error.info = view.getUint32(head + F.INFO);
        break;
      case F.TIME_EXCEEDED6:
        error.errno = E.EHOSTUNREACH;
        break;
      default:
        error.info = view.getUint32(head + F.INFO);
        error.isHard = true;
    }
    packet.setNextHop(packet.source0, packet.source1, packet.source2, packet.source3);
    packet.setSource(
      view.getInt32(quoted + Ip6.SOURCE),
      view.getInt32(quoted + Ip6.SOURCE + 4),
      view.getInt32(quoted + Ip6.SOURCE + 8),
      view.getInt32(quoted + Ip6.SOURCE + 12),
    );
    packet.setDestination(
      view.getInt32(quoted + Ip6.DESTINATION),
      view.getInt32(quoted + Ip6.DESTINATION + 4),
      view.getInt32(quoted + Ip6.DESTINATION + 8),
      view.getInt32(quoted + Ip6.DESTINATION + 12),
    );
    const { source0, source1, source2, source3 } = packet;
    if (core.tables.addressType(source0, source1, source2, source3) !== RTN_LOCAL) return;
    packet.head = quoted + Ip6.HEADER;
    packet.protocol = view.getUint8(quoted + Ip6.NEXT_HEADER);
    if (isExtension(packet.protocol) && !skipExtensions(packet)) return;
    if (packet.end - packet.head < QUOTED_MIN) {
      core.counters.icmp6.InErrors++;
      return;
    }
    packet.network = quoted;
    this.rawErrors(packet, error);
    if (packet.protocol === IPPROTO_ICMPV6) {
      if (view.getUint8(packet.head + F.TYPE) === F.ECHO6)
        this.echoReceiver?.error(packet, view.getUint16(packet.head + F.ID), error);
    } else {
      core.transports6[packet.protocol]?.error(packet, error);
    }
  }

  /** Errors that quote ICMPv6 itself are handled where they come in. */
  error(): void {}

  /** Tells a packet's sender of an error, unless RFC 4443 2.4 forbids it. The packet stays its owner's. */
  sendError(packet: Packet, type: number, code: number, info: number): void {
    const core = this.#core;
    const { network, source0, source1, source2, source3 } = packet;
    // Of packets to groups, only these are told of: what is too big, and an option that asks for it.
    const isException =
      type === F.PACKET_TOO_BIG || (type === F.PARAMETER_PROBLEM6 && code === F.UNKNOWN_OPTION6);
    if (packet.delivery !== TO_HOST && !isException) return;
    if (isMulticast(source0, source1, source2, source3)) return;
    if ((source0 | source1 | source2 | source3) === 0) return;
    if (quotesError(packet)) return;
    if (!this.#limit.takeGlobal(core.nowUs)) {
      core.counters.icmp6.OutRateLimitHost++;
      return;
    }
    const flow = core.outputFlow;
    flow.reset(true);
    flow.setDestination(source0, source1, source2, source3);
    const { destination0, destination1, destination2, destination3 } = packet;
    if (core.tables.addressType(destination0, destination1, destination2, destination3) === RTN_LOCAL)
      flow.setSource(destination0, destination1, destination2, destination3);
    else flow.setSource(0, 0, 0, 0);
    flow.mark = packet.mark;
    if (routeOutput6(core, flow, false) !== 0) return;
    if (!flow.device!.isLoopback && !this.#limit.takePeer(source0, source1, source2, source3, core.nowUs)) {
      core.counters.icmp6.OutRateLimitHost++;
      return;
    }
    const quoted = Math.min(packet.end - network, ERROR_MAX - Ip6.HEADER - F.HEADER);
    const message = core.pools.take(F.HEADER + quoted);
    if (message === null) return;
    const at = message.head;
    message.end = at + F.HEADER + quoted;
    message.view.setUint8(at + F.TYPE, type);
    message.view.setUint8(at + F.CODE, code);
    message.view.setInt32(at + F.INFO, info);
    packet.own();
    message.bytes.set(packet.bytes.subarray(network, network + quoted), at + F.HEADER);
    this.#send(message, 0);
  }
}

/** Whether a packet is an error itself, or may be one. */
function quotesError(packet: Packet): boolean {
  const { view, network, head } = packet;
  packet.head = network + Ip6.HEADER;
  const protocol = packet.protocol;
  packet.protocol = view.getUint8(network + Ip6.NEXT_HEADER);
  const isReadable = !isExtension(packet.protocol) || skipExtensions(packet);
  const at = packet.head;
  const isIcmp = packet.protocol === IPPROTO_ICMPV6;
  packet.head = head;
  packet.protocol = protocol;
  if (!isReadable || !isIcmp) return false;
  return at >= packet.end || view.getUint8(at + F.TYPE) < F.INFORMATIONAL6;
}
