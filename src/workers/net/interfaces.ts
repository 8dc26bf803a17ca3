// ioctls about network interfaces (netdevice(7)), which any socket answers.

import { EFAULT, EINVAL, ENODEV, EOPNOTSUPP, EPERM } from "../../shared/abi/errno.ts";
import * as I from "../../shared/abi/ioctl.ts";
import { AF_INET } from "../../shared/abi/socket.ts";
import { readU64 } from "../../shared/abi/struct.ts";
import { WINDOW } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { readGuest } from "../call/guest_copy.ts";
import type { NetCaller } from "./caller.ts";
import type { Devices } from "./devices/devices.ts";
import { errorOf, type Outcome } from "./devices/outcome.ts";
import type { Device } from "./devices/rows.ts";
import type { Network } from "./network.ts";
import { mayConfigure } from "./privileges.ts";

/** struct ifreq: a name, and what is asked or told of it. */
const REQUEST_SIZE = 40;
export const NAME_SIZE = 16;
const ADDRESS_AT = 4; // in struct sockaddr_in
/** Of a device's address, in struct sockaddr. */
const HARDWARE_MAX = 14;
/** struct ifconf: a length and a pointer. */
const CONF_SIZE = 16;

/** Fills in what is told of an interface, behind its name: 0 or a negative errno. */
type Teller = (device: Device, value: DataView) => number;

function number(of: (device: Device) => number): Teller {
  return (device, value) => {
    value.setInt32(0, of(device), true);
    return 0;
  };
}

/** struct sockaddr_in of its first internet address; false: it has none. */
function tellAddress({ inet }: Device, value: DataView): boolean {
  const [own] = inet;
  if (own === undefined) return false;
  value.setUint16(0, AF_INET, true);
  for (const [i, byte] of own.address.entries()) value.setUint8(ADDRESS_AT + i, byte);
  return true;
}

const TELLERS: ReadonlyMap<number, Teller> = new Map([
  [
    I.SIOCGIFFLAGS,
    (device, value) => {
      value.setInt16(0, device.flags, true);
      return 0;
    },
  ],
  [I.SIOCGIFMETRIC, number(() => 0)],
  [I.SIOCGIFMTU, number(({ mtu }) => mtu)],
  [I.SIOCGIFINDEX, number(({ index }) => index)],
  [I.SIOCGIFTXQLEN, number(({ txQueue }) => txQueue)],
  [
    I.SIOCGIFHWADDR,
    ({ type, address }, value) => {
      value.setUint16(0, type, true);
      for (const [i, byte] of address.subarray(0, HARDWARE_MAX).entries()) value.setUint8(2 + i, byte);
      return 0;
    },
  ],
]);

/** Changes an interface as a request asks for it: 0 or an error. */
type Changer = (devices: Devices, device: Device, request: Buffer) => Outcome;

const CHANGERS: ReadonlyMap<number, Changer> = new Map([
  [I.SIOCSIFFLAGS, (devices, device, request) => devices.setFlags(device, request.readUInt16LE(NAME_SIZE))],
  [
    I.SIOCSIFMTU,
    (devices, device, request) => {
      const mtu = request.readInt32LE(NAME_SIZE);
      return mtu < 0 ? -EINVAL : devices.setMtu(device, mtu);
    },
  ],
  [
    I.SIOCSIFTXQLEN,
    (devices, device, request) => {
      const length = request.readInt32LE(NAME_SIZE);
      return length < 0 ? -EINVAL : devices.setTxQueue(device, length);
    },
  ],
  [
    I.SIOCSIFHWADDR,
    (devices, device, request) => {
      if (request.readUInt16LE(NAME_SIZE) !== device.type) return -EINVAL;
      const at = NAME_SIZE + 2;
      return devices.setAddress(device, request.subarray(at, at + device.address.length));
    },
  ],
  [
    I.SIOCSIFNAME,
    (devices, device, request) => {
      const name = request.toString("latin1", NAME_SIZE, 2 * NAME_SIZE - 1);
      return devices.setName(device, name.split("\0")[0]!);
    },
  ],
]);

/** The request in guest memory, which what is told goes back to. */
export function* readRequest(
  task: NetCaller,
  address: number,
  size = REQUEST_SIZE,
): Generator<void, Buffer | number, void> {
  const { call } = task;
  call.outAt(address, size, WINDOW);
  if ((yield* call.copyInRound()) < size) return -EFAULT;
  const at = call.base + WINDOW;
  return Buffer.from(call.bytes.subarray(at, at + size));
}

export function tell(task: NetCaller, address: number, request: Buffer): number {
  task.call.bytes.set(request, task.call.out(address, request.length));
  return 0;
}

/** Its name, with that of an alias (`eth0:1`). */
export function labelIn(request: Buffer): string {
  return request.toString("latin1", 0, NAME_SIZE - 1).split("\0")[0]!;
}

/** An alias is its interface. */
export function deviceIn(devices: Devices, request: Buffer): Device | undefined {
  return devices.byName(labelIn(request).split(":")[0]!);
}

function* told(task: NetCaller, { devices }: Network, address: number, teller: Teller): Coroutine {
  const request = yield* readRequest(task, address);
  if (typeof request === "number") return request;
  const device = deviceIn(devices, request);
  if (device === undefined) return -ENODEV;
  request.fill(0, NAME_SIZE);
  const value = new DataView(request.buffer, request.byteOffset + NAME_SIZE, REQUEST_SIZE - NAME_SIZE);
  const error = teller(device, value);
  return error < 0 ? error : tell(task, address, request);
}

function* changed(task: NetCaller, network: Network, address: number, changer: Changer): Coroutine {
  const { devices } = network;
  const request = yield* readRequest(task, address);
  if (typeof request === "number") return request;
  if (!mayConfigure(task, network)) return -EPERM;
  const device = deviceIn(devices, request);
  return device === undefined ? -ENODEV : errorOf(changer(devices, device, request));
}

/** SIOCGIFNAME: the name of a number. */
function* nameOf(task: NetCaller, { devices }: Network, address: number): Coroutine {
  const request = yield* readRequest(task, address);
  if (typeof request === "number") return request;
  const device = devices.byIndex(request.readInt32LE(NAME_SIZE));
  if (device === undefined) return -ENODEV;
  request.fill(0, 0, NAME_SIZE);
  request.write(device.name, 0, "latin1");
  return tell(task, address, request);
}

/** SIOCGIFCONF: interfaces with an internet address, as many as there is room for; without a place, how much it takes. */
function* list(task: NetCaller, { devices }: Network, address: number): Coroutine {
  const { call } = task;
  call.outAt(address, CONF_SIZE, WINDOW);
  if ((yield* call.copyInRound()) < CONF_SIZE) return -EFAULT;
  const room = call.view.getInt32(call.base + WINDOW, true);
  const to =
    call.view.getUint32(call.base + WINDOW + 12, true) * 2 ** 32 +
    call.view.getUint32(call.base + WINDOW + 8, true);
  if (room < 0) return -EINVAL;
  let length = 0;
  for (const device of devices.all) {
    if (to !== 0 && length + REQUEST_SIZE > room) break;
    const request = Buffer.alloc(REQUEST_SIZE);
    request.write(device.name, 0, "latin1");
    if (!tellAddress(device, new DataView(request.buffer, request.byteOffset + NAME_SIZE))) continue;
    if (to !== 0) call.bytes.set(request, call.out(to + length, REQUEST_SIZE));
    length += REQUEST_SIZE;
  }
  call.view.setInt32(call.out(address, 4), length, true);
  return 0;
}

/** A kernel thread that has the interfaces. */
export interface InterfaceOwner {
  /** Passes the task's ioctl, on a socket of a network namespace that is this thread's; NO_RESULT. */
  passInterfaceIoctl(task: NetCaller, network: number): number;
}

/** SIOCETHTOOL: none of its commands has an answer. */
function* noEthtool(task: NetCaller, { devices }: Network, address: number): Coroutine {
  const request = yield* readRequest(task, address);
  if (typeof request === "number") return request;
  // The command is read before the device is looked for.
  const command = yield* readGuest(
    task,
    readU64(new DataView(request.buffer, request.byteOffset), NAME_SIZE),
    4,
  );
  if (typeof command === "number") return command;
  return deviceIn(devices, request) === undefined ? -ENODEV : -EOPNOTSUPP;
}

function isOfInterfaces(request: number): boolean {
  return (
    request === I.SIOCGIFCONF ||
    request === I.SIOCGIFNAME ||
    request === I.SIOCETHTOOL ||
    TELLERS.has(request) ||
    CHANGERS.has(request)
  );
}

/** Null: another request. */
export function interfaceIoctl(
  task: NetCaller,
  network: Network,
  request: number,
  argument: number,
): number | null {
  const { netThread } = task.kernel;
  if (netThread !== null && isOfInterfaces(request))
    return netThread.passInterfaceIoctl(task, network.number);
  if (request === I.SIOCGIFCONF) return task.call.start(list(task, network, argument));
  if (request === I.SIOCETHTOOL) return task.call.start(noEthtool(task, network, argument));
  if (request === I.SIOCGIFNAME) return task.call.start(nameOf(task, network, argument));
  const teller = TELLERS.get(request);
  if (teller !== undefined) return task.call.start(told(task, network, argument, teller));
  const changer = CHANGERS.get(request);
  return changer === undefined ? null : task.call.start(changed(task, network, argument, changer));
}
