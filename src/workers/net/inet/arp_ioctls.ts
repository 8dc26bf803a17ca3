// ioctls about neighbours of IPv4 (arp(7)).

import * as E from "../../../shared/abi/errno.ts";
import { SIOCDARP, SIOCGARP, SIOCSARP } from "../../../shared/abi/ioctl.ts";
import * as N from "../../../shared/abi/netlink.ts";
import { AF_INET } from "../../../shared/abi/socket.ts";
import type { Coroutine } from "../../call/call.ts";
import type { NetCaller } from "../caller.ts";
import type { Devices } from "../devices/devices.ts";
import type { Device } from "../devices/rows.ts";
import { readRequest, tell } from "../interfaces.ts";
import type { Network } from "../network.ts";
import { mayConfigure } from "../privileges.ts";

// struct arpreq: struct sockaddr of the protocol and of the hardware, flags, a netmask, and a name.
const SIZE = 68;
const ADDRESS = 4;
const ADDRESS_SIZE = 4;
const HARDWARE_FAMILY = 16;
const HARDWARE = 18;
const FLAGS = 32;
const NAME = 52;

const ATF_COM = 0x2;
const ATF_PERM = 0x4;
const ATF_PUBL = 0x8;
const ATF_NETMASK = 0x20;
const ATF_DONTPUB = 0x40;

export function isOfArp(request: number): boolean {
  return request === SIOCSARP || request === SIOCGARP || request === SIOCDARP;
}

function nameIn(request: Buffer): string {
  return request.toString("latin1", NAME, SIZE - 1).split("\0")[0]!;
}

/** The device that is named; or by which the address is reached. */
function deviceOf(devices: Devices, request: Buffer, address: Uint8Array): Device | number {
  const name = nameIn(request);
  if (name === "") {
    const route = devices.routes
      .table(AF_INET, N.RT_TABLE_MAIN)
      ?.lookup(address, ({ type }) => type === N.RTN_UNICAST);
    return route?.device ?? -E.ENETUNREACH;
  }
  const device = devices.byName(name);
  if (device === undefined) return -E.ENODEV;
  const family = request.readUInt16LE(HARDWARE_FAMILY);
  const isChecked = family !== 0 && (request.readInt32LE(FLAGS) & ATF_COM) !== 0;
  return isChecked && family !== device.type ? -E.EINVAL : device;
}

function set({ neighbours }: Devices, device: Device, address: Uint8Array, request: Buffer): number {
  const flags = request.readInt32LE(FLAGS);
  const isPermanent = (flags & ATF_PERM) !== 0;
  const isGiven = isPermanent || (flags & ATF_COM) !== 0;
  if (!isGiven && neighbours.find(AF_INET, device, address)?.linkAddress == null) return -E.EINVAL;
  const asked = {
    family: AF_INET,
    device,
    address,
    linkAddress: isGiven
      ? Uint8Array.from(request.subarray(HARDWARE, HARDWARE + device.address.length))
      : null,
    state: isPermanent ? N.NUD_PERMANENT : N.NUD_STALE,
    flags: 0,
    protocol: 0,
  } as const;
  return neighbours.set(asked, N.NLM_F_CREATE | N.NLM_F_REPLACE);
}

function get({ neighbours }: Devices, device: Device, address: Uint8Array, request: Buffer): number {
  const known = neighbours.find(AF_INET, device, address);
  if (known === undefined || (known.state & N.NUD_NOARP) !== 0) return -E.ENXIO;
  const { state, linkAddress } = known;
  const isPermanent = (state & N.NUD_PERMANENT) !== 0;
  const isValid = (state & N.NUD_VALID) !== 0;
  request.writeUInt16LE(device.type, HARDWARE_FAMILY);
  request.fill(0, HARDWARE, HARDWARE + device.address.length);
  if (linkAddress !== null) request.set(linkAddress, HARDWARE);
  request.writeInt32LE(isPermanent ? ATF_PERM | ATF_COM : isValid ? ATF_COM : 0, FLAGS);
  request.fill(0, NAME);
  request.write(device.name, NAME, "latin1");
  return 0;
}

export function* arpIoctl(task: NetCaller, network: Network, kind: number, at: number): Coroutine {
  const { devices } = network;
  if (kind !== SIOCGARP && !mayConfigure(task, network)) return -E.EPERM;
  const request = yield* readRequest(task, at, SIZE);
  if (typeof request === "number") return request;
  const flags = request.readInt32LE(FLAGS);
  if (request.readUInt16LE(0) !== AF_INET) return -E.EPFNOSUPPORT;
  const isPublished = (flags & ATF_PUBL) !== 0;
  if (!isPublished && (flags & (ATF_NETMASK | ATF_DONTPUB)) !== 0) return -E.EINVAL;
  const address = Uint8Array.from(request.subarray(ADDRESS, ADDRESS + ADDRESS_SIZE));
  if (kind === SIOCGARP && nameIn(request) === "") return -E.ENODEV;
  if (isPublished && kind !== SIOCGARP) {
    task.kernel.counters.unsupportedCalls++;
    return -E.EOPNOTSUPP;
  }
  const device = deviceOf(devices, request, address);
  if (typeof device === "number") return device;
  if (kind === SIOCSARP) return set(devices, device, address, request);
  if (kind === SIOCDARP) return devices.neighbours.remove(AF_INET, device, address) < 0 ? -E.ENXIO : 0;
  const error = get(devices, device, address, request);
  return error < 0 ? error : tell(task, at, request);
}
