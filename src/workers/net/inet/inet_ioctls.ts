// ioctls about addresses of interfaces (netdevice(7)), which sockets of AF_INET answer.

import { EADDRNOTAVAIL, EFAULT, EINVAL, ENODEV } from "../../../shared/abi/errno.ts";
import { SIOCGIFADDR, SIOCGIFNETMASK } from "../../../shared/abi/ioctl.ts";
import { AF_INET } from "../../../shared/abi/socket.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import type { Coroutine } from "../../call/call.ts";
import type { NetCaller } from "../caller.ts";
import { prefixOf } from "../devices/prefixes.ts";
import type { DeviceAddress } from "../devices/rows.ts";

/** struct ifreq: a name, and a struct sockaddr_in. */
const REQUEST_SIZE = 40;
const NAME_SIZE = 16;
const ADDRESS_AT = NAME_SIZE + 4;
const SIOCGIFDSTADDR = 0x8917;
const SIOCGIFBRDADDR = 0x8919;

/** What each tells of an address; null: nothing. */
const TELLERS: ReadonlyMap<number, (own: DeviceAddress) => Uint8Array | null> = new Map([
  [SIOCGIFADDR, ({ address }: DeviceAddress) => address],
  [SIOCGIFDSTADDR, ({ peer }: DeviceAddress) => peer],
  [SIOCGIFBRDADDR, ({ broadcast }: DeviceAddress) => broadcast],
  [SIOCGIFNETMASK, ({ prefixLength }: DeviceAddress) => prefixOf(new Uint8Array(4).fill(0xff), prefixLength)],
]);

function* told(
  task: NetCaller,
  domain: number,
  at: number,
  teller: (own: DeviceAddress) => Uint8Array | null,
): Coroutine {
  const { call, kernel } = task;
  call.outAt(at, REQUEST_SIZE, WINDOW);
  if ((yield* call.copyInRound()) < REQUEST_SIZE) return -EFAULT;
  if (domain !== AF_INET) return -EINVAL;
  const from = call.base + WINDOW;
  const request = Buffer.from(call.bytes.subarray(from, from + REQUEST_SIZE));
  const label = request.toString("latin1", 0, NAME_SIZE - 1).split("\0")[0]!;
  const device = kernel.devices.byName(label.split(":")[0]!);
  if (device === undefined) return -ENODEV;
  const own = device.inet.find((one) => one.label === label) ?? device.inet[0];
  if (own === undefined) return -EADDRNOTAVAIL;
  request.fill(0, NAME_SIZE);
  request.writeUInt16LE(AF_INET, NAME_SIZE);
  const address = teller(own);
  if (address !== null) request.set(address, ADDRESS_AT);
  call.bytes.set(request, call.out(at, REQUEST_SIZE));
  return 0;
}

/** Null: another request. */
export function addressIoctl(task: NetCaller, domain: number, request: number, at: number): number | null {
  const teller = TELLERS.get(request);
  return teller === undefined ? null : task.call.start(told(task, domain, at, teller));
}
