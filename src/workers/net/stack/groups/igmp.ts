// IGMP (RFC 2236, RFC 3376): the messages. Version 1 is answered as version 2.

import { RTN_MULTICAST } from "../../../../shared/abi/netlink.ts";
import { sumOf } from "../checksum.ts";
import type { StackCore } from "../core.ts";
import type { EthernetDevice } from "../eth/device.ts";
import { IpAddress, MAPPED } from "../ip_address.ts";
import * as Ip4 from "../ip4/format.ts";
import type { Ip4Output } from "../ip4/output.ts";
import { CHECKSUM_NONE, CHECKSUM_VALID, type Packet } from "../packet.ts";
import { Flow } from "../route/flow.ts";
import { selectSource4 } from "../route/source_address.ts";
import type { GroupProtocol, GroupReports } from "./reports.ts";

export const IPPROTO_IGMP = 2;
const QUERY = 0x11;
const REPORT2 = 0x16;
const LEAVE2 = 0x17;
const REPORT3 = 0x22;
const SIZE = 8;
const QUERY3_SIZE = 12;
const RECORD = 8;
/** With the option that has routers look at it (RFC 2113). */
const IP_HEADER = 24;
const ROUTER_ALERT = 0x94040000;
const ALL_HOSTS = 0xe0000001 | 0;
const ALL_ROUTERS = 0xe0000002 | 0;
const ALL_IGMP3_ROUTERS = 0xe0000016 | 0;
const TOS_CONTROL = 0xc0;
const TENTH_US = 100_000;
const V1_WITHIN_US = 10_000_000;

/** Codes from 128 on are floating point numbers (RFC 3376 4.1.1). */
function codeOf(code: number): number {
  return code < 128 ? code : ((code & 0xf) | 0x10) << (((code >> 4) & 7) + 3);
}

export class Igmp implements GroupProtocol {
  readonly #core: StackCore;
  readonly #output: Ip4Output;
  readonly #flow = new Flow();

  constructor(core: StackCore, output: Ip4Output) {
    this.#core = core;
    this.#output = output;
  }

  input(packet: Packet, device: EthernetDevice, reports: GroupReports): void {
    const { view, head, length } = packet;
    if (length < SIZE) return;
    if (packet.checksum === CHECKSUM_NONE && sumOf(view, head, length) !== 0xffff) return;
    const type = view.getUint8(head);
    const code = view.getUint8(head + 1);
    const word = view.getInt32(head + 4);
    const group = IpAddress.v4(word);
    if (type === REPORT2) reports.heard(device, group);
    if (type !== QUERY || (word !== 0 && !group.isMulticast)) return;
    const isOld = length < QUERY3_SIZE;
    const withinUs = isOld ? (code === 0 ? V1_WITHIN_US : code * TENTH_US) : codeOf(code) * TENTH_US;
    reports.queried(device, word === 0 ? null : group, withinUs, isOld);
  }

  isSilent({ w3 }: IpAddress): boolean {
    return w3 === ALL_HOSTS;
  }

  recordsMax({ mtu }: EthernetDevice): number {
    return Math.max(1, Math.floor((Math.min(mtu, 1500) - IP_HEADER - SIZE) / RECORD));
  }

  report(device: EthernetDevice, kinds: readonly number[], groups: readonly IpAddress[]): void {
    const packet = this.#core.pools.take(IP_HEADER + SIZE + groups.length * RECORD);
    if (packet === null) return;
    const { view, head } = packet;
    const at = head + IP_HEADER;
    packet.end = at + SIZE + groups.length * RECORD;
    packet.bytes.fill(0, head, packet.end);
    view.setUint8(at, REPORT3);
    view.setUint16(at + 6, groups.length);
    for (let i = 0; i < groups.length; i++) {
      view.setUint8(at + SIZE + i * RECORD, kinds[i]!);
      view.setInt32(at + SIZE + i * RECORD + 4, groups[i]!.w3);
    }
    this.#send(packet, device, ALL_IGMP3_ROUTERS);
  }

  reportOld(device: EthernetDevice, { w3 }: IpAddress, isLeft: boolean): void {
    const packet = this.#core.pools.take(IP_HEADER + SIZE);
    if (packet === null) return;
    const { view, head } = packet;
    packet.end = head + IP_HEADER + SIZE;
    packet.bytes.fill(0, head, packet.end);
    view.setUint8(head + IP_HEADER, isLeft ? LEAVE2 : REPORT2);
    view.setInt32(head + IP_HEADER + 4, w3);
    this.#send(packet, device, isLeft ? ALL_ROUTERS : w3);
  }

  #send(packet: Packet, device: EthernetDevice, to: number): void {
    const { view, head, end } = packet;
    const at = head + IP_HEADER;
    const source = selectSource4(this.#core.devices.all, device, to, 253);
    const flow = this.#flow;
    flow.reset(false);
    flow.setSource(0, 0, MAPPED, source?.w3 ?? 0);
    flow.setDestination(0, 0, MAPPED, to);
    flow.nextHopIsDestination();
    flow.device = device;
    flow.type = RTN_MULTICAST;
    view.setUint16(at + 2, ~sumOf(view, at, end - at) & 0xffff);
    view.setUint8(head + Ip4.VERSION_IHL, 0x40 | (IP_HEADER / 4));
    view.setUint8(head + Ip4.TOS, TOS_CONTROL);
    view.setUint16(head + Ip4.FRAGMENT, Ip4.DONT_FRAGMENT);
    view.setUint8(head + Ip4.TTL, 1);
    view.setUint8(head + Ip4.PROTOCOL, IPPROTO_IGMP);
    view.setInt32(head + Ip4.DESTINATION, to);
    view.setUint32(head + Ip4.OPTIONS, ROUTER_ALERT);
    packet.checksum = CHECKSUM_VALID;
    this.#output.sendWhole(packet, flow, false);
  }
}
