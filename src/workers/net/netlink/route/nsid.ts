// Numbers by which a network namespace knows others (RTM_NEWNSID and its relatives, `ip netns list-id`). Messages about
// devices whose other end is elsewhere name that by such a number.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import type { Requester } from "../../caller.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import { BY_FD, BY_PID, type NetworkName } from "../../named_networks.ts";
import type { Network } from "../../network.ts";
import type { Answer } from "../answer.ts";
import { attributesOf, type MessageWriter, numberOf, type Request } from "../message.ts";

/** struct rtgenmsg */
const GENERIC_SIZE = 1;
const NO_ID = -1;

/** The namespace that attributes name, by descriptor or process; null: none. */
export function nameIn(attributes: Map<number, Buffer>, pid: number, fd: number): NetworkName | null {
  const [byPid, byFd] = [numberOf(attributes.get(pid)), numberOf(attributes.get(fd))];
  if (byPid !== null) return { by: BY_PID, value: byPid | 0 };
  return byFd === null ? null : { by: BY_FD, value: byFd | 0 };
}

/** What a request of this kind names. */
export function nameOfNsid({ body }: Request): NetworkName | null {
  return nameIn(attributesOf(body, GENERIC_SIZE), N.NETNSA_PID, N.NETNSA_FD);
}

function write(writer: MessageWriter, flags: number, id: number): void {
  writer.begin(N.RTM_NEWNSID, flags, Buffer.alloc(GENERIC_SIZE)).u32(N.NETNSA_NSID, id).end();
}

/** Which number a namespace has; -1: none. */
export function getNsid(by: Requester, request: Request): Answer | Outcome {
  const { ids } = by.network.devices;
  if ((request.flags & N.NLM_F_DUMP) !== 0)
    return ids.all().map((id) => (writer: MessageWriter) => write(writer, N.NLM_F_MULTI, id));
  const name = nameOfNsid(request);
  if (name !== null) {
    const other = by.named.get(name);
    if (typeof other === "number") return other;
    return (writer) => write(writer, 0, ids.of(other.devices));
  }
  const id = numberOf(attributesOf(request.body, GENERIC_SIZE).get(N.NETNSA_NSID));
  if (id === null) return refuse(E.EINVAL, "Peer netns reference is missing");
  return (writer) => write(writer, 0, ids.has(id | 0) ? id : NO_ID);
}

/** Gives a namespace a number. */
export function newNsid(by: Requester, request: Request): Outcome {
  const { ids } = by.network.devices;
  const wanted = numberOf(attributesOf(request.body, GENERIC_SIZE).get(N.NETNSA_NSID));
  if (wanted === null) return refuse(E.EINVAL, "nsid is missing");
  const name = nameOfNsid(request);
  if (name === null) return refuse(E.EINVAL, "Peer netns reference is missing");
  const other: Network | number = by.named.get(name);
  if (typeof other === "number") return other;
  if (ids.of(other.devices) !== NO_ID) return refuse(E.EEXIST, "Peer netns already has a nsid assigned");
  if ((wanted | 0) >= 0 && ids.has(wanted | 0)) return refuse(E.EEXIST, "The specified nsid is already used");
  ids.set(other.devices, wanted | 0);
  return 0;
}
