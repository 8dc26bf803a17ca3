// NETLINK_ROUTE (rtnetlink(7)): which interfaces, addresses, routes, rules and neighbours there are, and changes of them.
// Kinds of objects are rows of a table: what a request of theirs has in front, how each is told, and who changes it.

import { EOPNOTSUPP, EPERM } from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_UNSPEC } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import type { Devices } from "../../devices/devices.ts";
import type { Outcome } from "../../devices/outcome.ts";
import type { Change } from "../../devices/rows.ts";
import { mayConfigure } from "../../privileges.ts";
import type { Answer, Asker } from "../answer.ts";
import type { MessageWriter, Request } from "../message.ts";
import { ADDRESS, ADDRESS_SIZE, deleteAddress, newAddress } from "./address.ts";
import { deleteRoute, newRoute, ROUTE, ROUTE_SIZE } from "./fib.ts";
import type { Changer, Kind } from "./kind.ts";
import { addName, deleteLink, LINK, newLink, removeName, setLink } from "./link.ts";
import { deleteNeighbour, NEIGHBOUR, newNeighbour } from "./neighbour.ts";
import { getNsid, newNsid } from "./nsid.ts";
import { deleteRule, newRule, RULE } from "./rule.ts";

/** struct rtgenmsg, which each request begins with. */
const GENERIC_SIZE = 1;

/** By the type of the request that asks for them. */
const KINDS: ReadonlyMap<number, Kind<never>> = new Map<number, Kind<never>>([
  [N.RTM_GETLINK, LINK as unknown as Kind<never>],
  [N.RTM_GETADDR, ADDRESS as unknown as Kind<never>],
  [N.RTM_GETROUTE, ROUTE as unknown as Kind<never>],
  [N.RTM_GETNEIGH, NEIGHBOUR as unknown as Kind<never>],
  [N.RTM_GETRULE, RULE as unknown as Kind<never>],
]);

/** What they change, and who does it. */
const CHANGES: ReadonlyMap<number, readonly [Change["kind"], Changer]> = new Map<
  number,
  readonly [Change["kind"], Changer]
>([
  [N.RTM_NEWLINK, ["link", newLink]],
  [N.RTM_SETLINK, ["link", setLink]],
  [N.RTM_DELLINK, ["link", deleteLink]],
  [N.RTM_NEWLINKPROP, ["link", addName]],
  [N.RTM_DELLINKPROP, ["link", removeName]],
  [N.RTM_NEWADDR, ["address", newAddress]],
  [N.RTM_DELADDR, ["address", deleteAddress]],
  [N.RTM_NEWROUTE, ["route", newRoute]],
  [N.RTM_DELROUTE, ["route", deleteRoute]],
  [N.RTM_NEWRULE, ["rule", newRule]],
  [N.RTM_DELRULE, ["rule", deleteRule]],
  [N.RTM_NEWNEIGH, ["neighbour", newNeighbour]],
  [N.RTM_DELNEIGH, ["neighbour", deleteNeighbour]],
]);

/** Types come in fours: new, delete, get, set. */
const GET = 2;

/** Serves a request. */
export function serveRoute(task: Requester, request: Request, asker: Asker): Answer | Outcome {
  const { type, flags, body } = request;
  if (type > N.RTM_MAX) return -EOPNOTSUPP;
  if (((type - N.NLMSG_MIN_TYPE) & 3) !== GET) return change(task, request, asker);
  if (body.length < GENERIC_SIZE) return null;
  if (type === N.RTM_GETNSID) return getNsid(task, request);
  const kind = KINDS.get(type);
  if (kind === undefined) return -EOPNOTSUPP;
  const { devices } = task.network;
  if ((flags & N.NLM_F_DUMP) !== 0) return dump(kind, devices, request, asker.isStrict);
  const found = kind.find(task, request) as Outcome | object;
  if (typeof found === "number" || "error" in found) return found as Outcome;
  return (writer) => kind.write(writer, kind.told, 0, found as never, devices);
}

function change(task: Requester, request: Request, { socket, port }: Asker): Outcome | null {
  if (!mayConfigure(task, task.network)) return -EPERM;
  if (request.body.length < GENERIC_SIZE) return null;
  if (request.type === N.RTM_NEWNSID) return newNsid(task, request);
  const found = CHANGES.get(request.type);
  if (found === undefined) {
    task.kernel.counters.unsupportedCalls++;
    return -EOPNOTSUPP;
  }
  const isEchoed = (request.flags & N.NLM_F_ECHO) !== 0;
  const [kind, changer] = found;
  const cause = { socket, port, sequence: request.sequence, kind, isEchoed };
  return task.network.routeNotifier.because(cause, () => changer(task, request));
}

function* dump<T>(
  kind: Kind<T>,
  devices: Devices,
  { body }: Request,
  isStrict: boolean,
): Generator<(writer: MessageWriter) => void> {
  const family = body[0]!;
  // Of all kinds that say which interface a dump is about, addresses alone are asked so.
  const index =
    isStrict && kind.size === ADDRESS_SIZE && body.length >= ADDRESS_SIZE ? body.readInt32LE(4) : 0;
  const flags = N.NLM_F_MULTI | (index === 0 ? 0 : N.NLM_F_DUMP_FILTERED);
  if (isCached(kind.told, body)) return;
  for (const one of kind.all(devices, family)) {
    const own = kind.familyOf(one);
    if (family !== AF_UNSPEC && own !== AF_UNSPEC && own !== family) continue;
    if (index !== 0 && kind.deviceOf(one) !== index) continue;
    yield (writer) => kind.write(writer, kind.told, flags, one, devices);
  }
}

/** Whether it asks for cached routes, which there are none of. */
function isCached(told: number, body: Buffer): boolean {
  return (
    told === N.RTM_NEWROUTE && body.length >= ROUTE_SIZE && (body.readUInt32LE(8) & N.RTM_F_CLONED) !== 0
  );
}
