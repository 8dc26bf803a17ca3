// What packet sockets send: frames that are whole, or packets that get the link header of their device (packet_snd).

import * as E from "../../../shared/abi/errno.ts";
import { IFF_UP } from "../../../shared/abi/netlink.ts";
import { ETH_P_8021Q } from "../../../shared/abi/packet.ts";
import { SOCK_DGRAM, SOCK_PACKET } from "../../../shared/abi/socket.ts";
import type { Device } from "../devices/rows.ts";
import type { InetStack } from "../inet/inet_stack.ts";
import type { Address } from "../socket.ts";
import * as Ethernet from "../stack/eth/format.ts";
import * as Virtio from "../stack/offload/virtio.ts";
import { CHECKSUM_PARTIAL, HEADROOM, type Packet } from "../stack/packet.ts";
import * as Names from "./names.ts";
import type { PacketSocket } from "./packet_socket.ts";

/** A frame with a VLAN's tag may be so much longer. */
const TAG = 4;
const NO_ADDRESS = new Uint8Array(0);

/** By which device a message goes, of which type, and to whom. */
export interface Route {
  readonly row: Device;
  /** ETH_P_* */
  readonly type: number;
  readonly to: Uint8Array;
}

/** That of a message; or a negative errno. */
export function routeOf(
  { network, type, device, frameType }: PacketSocket,
  address: Address,
): Route | number {
  const { devices } = network;
  if (type === SOCK_PACKET) {
    if (address === "") return -E.ENOTCONN;
    if (address.length < Names.OLD_BIND_SIZE) return -E.EINVAL;
    const name = Names.oldNameIn(address);
    const row = devices.byName(name.device);
    return row === undefined ? -E.ENODEV : { row, type: name.protocol, to: NO_ADDRESS };
  }
  if (address === "") {
    const row = device > 0 ? devices.byIndex(device) : undefined;
    return row === undefined ? -E.ENXIO : { row, type: frameType, to: NO_ADDRESS };
  }
  const name = Names.nameIn(address);
  if (name === null || address.length < name.length + Names.ADDRESS_AT) return -E.EINVAL;
  const row = devices.byIndex(name.index);
  return row === undefined ? -E.ENXIO : { row, type: name.protocol, to: name.address };
}

/** 0, or what is wrong with so many bytes for a device. */
function check(data: Uint8Array, { row }: Route, isCooked: boolean, virtioSize: number): number {
  if ((row.flags & IFF_UP) === 0) return -E.ENETDOWN;
  if (data.length < virtioSize) return -E.EINVAL;
  const length = data.length - virtioSize;
  const header = isCooked ? 0 : Ethernet.HEADER;
  const typeAt = virtioSize + Ethernet.TYPE;
  const isTagged =
    !isCooked && length >= header && ((data[typeAt]! << 8) | data[typeAt + 1]!) === ETH_P_8021Q;
  const isMany = virtioSize > 0 && data[1] !== 0;
  if (!isMany && length > row.mtu + header + (isTagged ? TAG : 0)) return -E.EMSGSIZE;
  return length < header ? -E.EINVAL : 0;
}

/** Takes a virtio header off a packet: 0 or a negative errno. */
function readVirtio(packet: Packet, size: number): number {
  if (size === 0) return 0;
  // What a longer one has more is a number of buffers, which says nothing here.
  const { head, bytes } = packet;
  packet.head = head + size - Virtio.HEADER;
  bytes.copyWithin(packet.head, head, head + Virtio.HEADER);
  return Virtio.read(packet) ? 0 : -E.EINVAL;
}

export function sendFrame(socket: PacketSocket, inet: InetStack, data: Uint8Array, route: Route): number {
  const isCooked = socket.type === SOCK_DGRAM;
  const { virtioSize } = socket.options;
  const error = check(data, route, isCooked, virtioSize);
  if (error < 0) return error;
  const { stack, packets } = inet;
  const device = stack.core.devices.byIndex(route.row.index);
  if (device === null) return -E.ENXIO;
  const packet = stack.core.pools.take(data.length);
  if (packet === null) return -E.ENOBUFS;
  // Where a packet's header would stand; link header and what the device adds go before it.
  packet.head = packet.base + HEADROOM - (isCooked ? 0 : Ethernet.HEADER) - virtioSize;
  packet.end = packet.head + data.length;
  packet.bytes.set(data, packet.head);
  const broken = readVirtio(packet, virtioSize);
  if (broken < 0) {
    packet.release();
    return broken;
  }
  const { linkAddress } = device;
  if (isCooked) Ethernet.write(packet, route.to.length > 0 ? route.to : linkAddress, linkAddress, route.type);
  packet.network = packet.head + Ethernet.HEADER;
  packet.transport = packet.checksum === CHECKSUM_PARTIAL ? packet.checksumStart : packet.network;
  inet.advance(stack);
  packets.sender = socket;
  device.sendFrame(packet);
  packets.sender = null;
  inet.deliver(stack);
  return data.length;
}
