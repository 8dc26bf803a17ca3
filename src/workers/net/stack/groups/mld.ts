// MLD (RFC 2710, RFC 3810): the messages, which are ICMPv6's.

import type { EthernetDevice } from "../eth/device.ts";
import { ANY6, IpAddress } from "../ip_address.ts";
import { type LinkMessages, linkLocalOf } from "../ndp/send.ts";
import type { Packet } from "../packet.ts";
import type { GroupProtocol, GroupReports } from "./reports.ts";

const QUERY = 130;
const REPORT1 = 131;
const DONE1 = 132;
const REPORT2 = 143;
const SIZE = 24;
const QUERY2_SIZE = 28;
const WITHIN_MS = 4;
const GROUP = 8;
const REPORT2_HEADER = 8;
const RECORD = 20;
/** The IPv6 header and the option that has routers look at it. */
const IP_HEADERS = 48;
const ALL_ROUTERS = IpAddress.fromWords(0xff020000, 0, 0, 2);
const ALL_MLD2_ROUTERS = IpAddress.fromWords(0xff020000, 0, 0, 0x16);

/** Codes from 32768 on are floating point numbers (RFC 3810 5.1.3). */
function codeOf(code: number): number {
  return code < 32768 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
}

export class Mld implements GroupProtocol {
  readonly #messages: LinkMessages;

  constructor(messages: LinkMessages) {
    this.#messages = messages;
  }

  /** A message whose checksum was looked at; the packet stays the caller's. */
  input(packet: Packet, device: EthernetDevice, reports: GroupReports): void {
    const { view, bytes, head, length } = packet;
    // Only neighbours speak it (RFC 3810 5).
    if (length < SIZE || packet.hopLimit !== 1 || !packet.sourceAddress.isLinkLocal) return;
    const type = view.getUint8(head);
    const group = IpAddress.fromBytes(bytes, head + GROUP, 16);
    if (type === REPORT1) reports.heard(device, group);
    if (type !== QUERY || !(group.isAny || group.isMulticast)) return;
    const isOld = length < QUERY2_SIZE;
    const code = view.getUint16(head + WITHIN_MS);
    const withinUs = (isOld ? code : codeOf(code)) * 1000;
    reports.queried(device, group.isAny ? null : group, withinUs, isOld);
  }

  isSilent({ w0, w1, w2, w3 }: IpAddress): boolean {
    const scope = (w0 >>> 16) & 0xf;
    return scope < 2 || (w0 === (0xff020000 | 0) && w1 === 0 && w2 === 0 && w3 === 1);
  }

  recordsMax({ mtu }: EthernetDevice): number {
    return Math.max(1, Math.floor((Math.min(mtu, 1500) - IP_HEADERS - REPORT2_HEADER) / RECORD));
  }

  report(device: EthernetDevice, kinds: readonly number[], groups: readonly IpAddress[]): void {
    const packet = this.#messages.begin(REPORT2, REPORT2_HEADER + groups.length * RECORD);
    if (packet === null) return;
    const { view, bytes, head } = packet;
    view.setUint16(head + 6, groups.length);
    for (let i = 0; i < groups.length; i++) {
      const at = head + REPORT2_HEADER + i * RECORD;
      view.setUint8(at, kinds[i]!);
      bytes.set(groups[i]!.toMappedBytes(), at + 4);
    }
    this.#send(packet, device, ALL_MLD2_ROUTERS);
  }

  reportOld(device: EthernetDevice, group: IpAddress, isLeft: boolean): void {
    const packet = this.#messages.begin(isLeft ? DONE1 : REPORT1, SIZE);
    if (packet === null) return;
    packet.bytes.set(group.toMappedBytes(), packet.head + GROUP);
    this.#send(packet, device, isLeft ? ALL_ROUTERS : group);
  }

  #send(packet: Packet, device: EthernetDevice, to: IpAddress): void {
    // From nobody's address while the device has none (RFC 3810 5.2.13).
    this.#messages.send(packet, device, linkLocalOf(device) ?? ANY6, to, 1, true);
  }
}
