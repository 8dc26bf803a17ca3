// ioctls about addresses of interfaces (netdevice(7)) and their neighbours (arp_ioctls.ts), which sockets of AF_INET answer.

import { EADDRNOTAVAIL, EINVAL, ENODEV } from "../../../shared/abi/errno.ts";
import { SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFDSTADDR, SIOCGIFNETMASK } from "../../../shared/abi/ioctl.ts";
import { AF_INET } from "../../../shared/abi/socket.ts";
import type { Coroutine } from "../../call/call.ts";
import type { NetCaller } from "../caller.ts";
import { prefixOf } from "../devices/prefixes.ts";
import type { DeviceAddress } from "../devices/rows.ts";
import { deviceIn, labelIn, NAME_SIZE, readRequest, tell } from "../interfaces.ts";
import type { Network } from "../network.ts";
import { arpIoctl, isOfArp } from "./arp_ioctls.ts";

/** Behind the name stands a struct sockaddr_in. */
const ADDRESS_AT = NAME_SIZE + 4;

/** What each tells of an address; null: nothing. */
const TELLERS: ReadonlyMap<number, (own: DeviceAddress) => Uint8Array | null> = new Map([
  [SIOCGIFADDR, ({ address }: DeviceAddress) => address],
  [SIOCGIFDSTADDR, ({ peer }: DeviceAddress) => peer],
  [SIOCGIFBRDADDR, ({ broadcast }: DeviceAddress) => broadcast],
  [SIOCGIFNETMASK, ({ prefixLength }: DeviceAddress) => prefixOf(new Uint8Array(4).fill(0xff), prefixLength)],
]);

function* told(
  task: NetCaller,
  { devices }: Network,
  domain: number,
  at: number,
  teller: (own: DeviceAddress) => Uint8Array | null,
): Coroutine {
  const request = yield* readRequest(task, at);
  if (typeof request === "number") return request;
  if (domain !== AF_INET) return -EINVAL;
  const device = deviceIn(devices, request);
  if (device === undefined) return -ENODEV;
  const label = labelIn(request);
  const own = device.inet.find((one) => one.label === label) ?? device.inet[0];
  if (own === undefined) return -EADDRNOTAVAIL;
  request.fill(0, NAME_SIZE);
  request.writeUInt16LE(AF_INET, NAME_SIZE);
  const address = teller(own);
  if (address !== null) request.set(address, ADDRESS_AT);
  return tell(task, at, request);
}

/** Null: another request. */
export function addressIoctl(
  task: NetCaller,
  network: Network,
  domain: number,
  request: number,
  at: number,
): number | null {
  const teller = TELLERS.get(request);
  const isArp = domain === AF_INET && isOfArp(request);
  if (teller === undefined && !isArp) return null;
  const { netThread } = task.kernel;
  if (netThread !== null && domain === AF_INET) return netThread.passInterfaceIoctl(task, network.number);
  if (teller === undefined) return task.call.start(arpIoctl(task, network, request, at));
  return task.call.start(told(task, network, domain, at, teller));
}
