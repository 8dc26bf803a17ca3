// ICMP for IPv4 (RFC 792, RFC 1122 3.2.2): echoes are answered, errors go to the protocol whose packet they quote, and
// this host's own errors are sent, no oftener than the limits allow.

import * as E from "../../../../shared/abi/errno.ts";
import { RTN_LOCAL } from "../../../../shared/abi/netlink.ts";
import { IPPROTO_ICMP } from "../../../../shared/abi/socket.ts";
import { sumOf } from "../checksum.ts";
import type { IcmpError, StackCore, Transport } from "../core.ts";
import { isMulticast, MAPPED } from "../ip_address.ts";
import * as Ip4 from "../ip4/format.ts";
import type { Ip4Output } from "../ip4/output.ts";
import { PMTUDISC_DONT } from "../mtu_discovery.ts";
import { CHECKSUM_NONE, CHECKSUM_VALID, type Packet, TO_HOST } from "../packet.ts";
import { routeOutput4 } from "../route/output4.ts";
import * as F from "./format.ts";
import { IcmpRateLimit } from "./rate_limit.ts";
import { redirectCame4 } from "./redirect.ts";

/** The longest error, its IPv4 header included (RFC 1812 4.3.2.3). */
const ERROR_MAX = 576;
/** Bytes of a transport's header that an error must quote. */
const QUOTED_MIN = 8;
const TOS_CONTROL = 0xc0;

interface Meaning {
  readonly errno: number;
  readonly isHard: boolean;
}

function meaning(errno: number, isHard: boolean): Meaning {
  return { errno, isHard };
}

/** Of the codes of an unreachable destination: icmp_err_convert. */
const UNREACHABLE: readonly Meaning[] = [
  meaning(E.ENETUNREACH, false),
  meaning(E.EHOSTUNREACH, false),
  meaning(E.ENOPROTOOPT, true),
  meaning(E.ECONNREFUSED, true),
  meaning(E.EMSGSIZE, false),
  meaning(E.EOPNOTSUPP, false),
  meaning(E.ENETUNREACH, true),
  meaning(E.EHOSTDOWN, true),
  meaning(E.ENONET, true),
  meaning(E.ENETUNREACH, true),
  meaning(E.EHOSTUNREACH, true),
  meaning(E.ENETUNREACH, false),
  meaning(E.EHOSTUNREACH, false),
  meaning(E.EHOSTUNREACH, true),
  meaning(E.EHOSTUNREACH, true),
  meaning(E.EHOSTUNREACH, true),
];

/** The one that is filled for each error. */
class ErrorInHand implements IcmpError {
  type = 0;
  code = 0;
  info = 0;
  errno = 0;
  isHard = false;
}

/** Endpoints of ICMP itself that want what came in: ping sockets. */
export interface EchoReceiver {
  /** A reply for the identifier; true: it was taken. */
  reply(packet: Packet, id: number): boolean;
  /** An error about an echo that was sent with the identifier. */
  error(packet: Packet, id: number, error: IcmpError): void;
}

export class Icmp4 implements Transport {
  readonly #core: StackCore;
  readonly #output: Ip4Output;
  readonly #limit: IcmpRateLimit;
  readonly #error = new ErrorInHand();
  echoReceiver: EchoReceiver | null = null;
  /** Told of each error before its protocol is. */
  rawErrors: Transport["error"] = () => {};

  constructor(core: StackCore, output: Ip4Output) {
    this.#core = core;
    this.#output = output;
    this.#limit = new IcmpRateLimit(core.host.random32());
  }

  input(packet: Packet): void {
    const { icmp } = this.#core.counters;
    icmp.InMsgs++;
    if (packet.checksum === CHECKSUM_NONE && sumOf(packet.view, packet.head, packet.length) !== 0xffff) {
      icmp.InCsumErrors++;
      icmp.InErrors++;
      packet.release();
      return;
    }
    if (packet.length < F.HEADER) {
      icmp.InErrors++;
      packet.release();
      return;
    }
    const type = packet.view.getUint8(packet.head + F.TYPE);
    icmp.inTypes[type]!++;
    switch (type) {
      case F.ECHO:
        this.#answer(packet);
        return;
      case F.ECHO_REPLY: {
        const id = packet.view.getUint16(packet.head + F.ID);
        if (this.echoReceiver === null || !this.echoReceiver.reply(packet, id)) packet.release();
        return;
      }
      case F.DESTINATION_UNREACHABLE:
      case F.TIME_EXCEEDED:
      case F.PARAMETER_PROBLEM:
      case F.SOURCE_QUENCH:
        this.#errorCame(packet, type);
        packet.release();
        return;
      case F.REDIRECT:
        redirectCame4(this.#core, packet);
        packet.release();
        return;
      default:
        if (type > F.TYPE_MAX) icmp.InErrors++;
        packet.release();
    }
  }

  // ---- Echoes ----

  // The request's own packet goes back as the reply.
  #answer(packet: Packet): void {
    const core = this.#core;
    const { settings } = core;
    if (settings.ignoresEchos || (packet.delivery !== TO_HOST && settings.ignoresBroadcastEchos)) {
      packet.release();
      return;
    }
    const flow = core.outputFlow;
    flow.reset(false);
    flow.setDestination(0, 0, MAPPED, packet.source3);
    flow.setSource(0, 0, MAPPED, packet.delivery === TO_HOST ? packet.destination3 : 0);
    flow.mark = packet.mark;
    if (routeOutput4(core, flow, false) !== 0) {
      core.counters.icmp.OutErrors++;
      packet.release();
      return;
    }
    packet.view.setUint8(packet.head + F.TYPE, F.ECHO_REPLY);
    packet.turnBack();
    this.#send(packet, packet.trafficClass);
  }

  /** Sends the message at the packet's head the way that outputFlow shows. */
  #send(packet: Packet, tos: number): void {
    const core = this.#core;
    const { icmp } = core.counters;
    const { view, head } = packet;
    icmp.OutMsgs++;
    icmp.outTypes[view.getUint8(head + F.TYPE)]!++;
    view.setUint16(head + F.CHECKSUM, 0);
    view.setUint16(head + F.CHECKSUM, ~sumOf(view, head, packet.length) & 0xffff);
    packet.checksum = CHECKSUM_VALID;
    packet.protocol = IPPROTO_ICMP;
    packet.hopLimit = core.settings.hopLimit4;
    packet.trafficClass = tos;
    packet.delivery = TO_HOST;
    this.#output.send(packet, core.outputFlow, PMTUDISC_DONT, false);
  }

  // ---- Errors that came ----

  #errorCame(packet: Packet, type: number): void {
    const { view, head } = packet;
    const error = this.#error;
    const quoted = head + F.HEADER;
    const available = packet.end - quoted;
    const { icmp } = this.#core.counters;
    if (available < Ip4.HEADER_MIN) {
      icmp.InErrors++;
      return;
    }
    const header = (view.getUint8(quoted + Ip4.VERSION_IHL) & 0xf) * 4;
    if (view.getUint8(quoted + Ip4.VERSION_IHL) >> 4 !== 4 || header < Ip4.HEADER_MIN) return;
    if (available < header + QUOTED_MIN) {
      icmp.InErrors++;
      return;
    }
    error.type = type;
    error.code = view.getUint8(head + F.CODE);
    error.info = 0;
    error.errno = E.EPROTO;
    error.isHard = false;
    switch (type) {
      case F.DESTINATION_UNREACHABLE: {
        if (error.code >= UNREACHABLE.length) return;
        const { errno, isHard } = UNREACHABLE[error.code]!;
        error.errno = errno;
        error.isHard = isHard;
        if (error.code === F.FRAGMENTATION_NEEDED) error.info = view.getUint16(head + F.NEXT_MTU);
        break;
      }
      case F.TIME_EXCEEDED:
        error.errno = E.EHOSTUNREACH;
        break;
      case F.PARAMETER_PROBLEM:
        error.info = view.getUint8(head + F.INFO);
        error.isHard = true;
        break;
      default:
        return; // Source quenches are no more (RFC 6633).
    }
    if ((view.getUint16(quoted + Ip4.FRAGMENT) & Ip4.FRAGMENT_OFFSET) !== 0) return;
    const protocol = view.getUint8(quoted + Ip4.PROTOCOL);
    packet.setNextHop(0, 0, MAPPED, packet.source3);
    packet.setSource(0, 0, MAPPED, view.getInt32(quoted + Ip4.SOURCE));
    packet.setDestination(0, 0, MAPPED, view.getInt32(quoted + Ip4.DESTINATION));
    if (this.#core.tables.addressType(0, 0, MAPPED, packet.source3) !== RTN_LOCAL) return;
    packet.network = quoted;
    packet.head = quoted + header;
    packet.protocol = protocol;
    this.rawErrors(packet, error);
    if (protocol === IPPROTO_ICMP) {
      const isEcho = view.getUint8(packet.head + F.TYPE) === F.ECHO;
      if (isEcho) this.echoReceiver?.error(packet, view.getUint16(packet.head + F.ID), error);
    } else {
      this.#core.transports4[protocol]?.error(packet, error);
    }
  }

  /** Errors that quote ICMP itself are handled where they come in. */
  error(): void {}

  // ---- Errors that this host sends ----

  /** Tells a packet's sender of an error, unless RFC 1122 3.2.2 forbids it. The packet stays its owner's. */
  sendError(packet: Packet, type: number, code: number, info: number): void {
    const core = this.#core;
    const { view, network } = packet;
    if (packet.delivery !== TO_HOST || isMulticast(0, 0, MAPPED, packet.destination3)) return;
    if ((view.getUint16(network + Ip4.FRAGMENT) & Ip4.FRAGMENT_OFFSET) !== 0) return;
    if (core.tables.addressType(0, 0, MAPPED, packet.source3) > RTN_LOCAL) return;
    const header = Ip4.headerLength(packet);
    if (packet.protocol === IPPROTO_ICMP) {
      if (packet.end <= network + header) return;
      const inner = view.getUint8(network + header);
      if (inner !== F.ECHO && inner !== F.ECHO_REPLY && inner <= F.TYPE_MAX && inner < 13) return;
    }
    if (!this.#limit.takeGlobal(core.nowUs)) {
      core.counters.icmp.OutRateLimitGlobal++;
      return;
    }
    const flow = core.outputFlow;
    flow.reset(false);
    flow.setDestination(0, 0, MAPPED, packet.source3);
    const isOurs = core.tables.addressType(0, 0, MAPPED, packet.destination3) === RTN_LOCAL;
    flow.setSource(0, 0, MAPPED, isOurs ? packet.destination3 : 0);
    flow.mark = packet.mark;
    if (routeOutput4(core, flow, false) !== 0) return;
    if (!flow.device!.isLoopback && !this.#limit.takePeer(0, 0, MAPPED, packet.source3, core.nowUs)) {
      core.counters.icmp.OutRateLimitHost++;
      return;
    }
    const quoted = Math.min(packet.end - network, ERROR_MAX - Ip4.HEADER_MIN - F.HEADER);
    const message = core.pools.take(F.HEADER + quoted);
    if (message === null) return;
    const at = message.head;
    message.end = at + F.HEADER + quoted;
    message.view.setUint8(at + F.TYPE, type);
    message.view.setUint8(at + F.CODE, code);
    message.view.setInt32(at + F.INFO, info);
    packet.own();
    message.bytes.set(packet.bytes.subarray(network, network + quoted), at + F.HEADER);
    this.#send(message, (packet.trafficClass & 0x1e) | TOS_CONTROL);
  }
}
