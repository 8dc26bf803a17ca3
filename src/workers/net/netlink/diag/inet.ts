// Sockets of AF_INET and AF_INET6 as sock_diag(7) tells them: all that pass a filter, one that is named, and its end.

import * as E from "../../../../shared/abi/errno.ts";
import { NLM_F_DUMP, NLM_F_MULTI } from "../../../../shared/abi/netlink.ts";
import * as D from "../../../../shared/abi/sock_diag.ts";
import { AF_INET, AF_INET6, IPPROTO_RAW, IPPROTO_TCP, IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import type { IdMap } from "../../../credentials/id_map.ts";
import type { Requester } from "../../caller.ts";
import type { Outcome } from "../../devices/outcome.ts";
import { InetRows } from "../../inet/rows.ts";
import { mayAdminister } from "../../privileges.ts";
import { IpAddress } from "../../stack/ip_address.ts";
import type { Ends } from "../../stack/tcp/isn.ts";
import { TCP_CLOSE, TCP_LISTEN } from "../../stack/tcp/states.ts";
import type { Answer, Told } from "../answer.ts";
import { attributesOf, type MessageWriter, type Request } from "../message.ts";
import { checkFilter, passes } from "./filter.ts";
import type { SocketRow } from "./row.ts";

const PROTOCOLS: ReadonlySet<number> = new Set([IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW]);
/** There is none: no answer, and ENOENT. */
const IPPROTO_DCCP = 33;
/** Bytes of a filter that are as much work as any other socket that is looked at. */
const FILTER_AT_ONCE = 1024;
/** The root of the control groups. */
const CGROUP_ROOT = 1;

/** struct inet_diag_req_v2. */
interface Asked {
  readonly family: number;
  readonly protocol: number;
  /** Bits of the attributes that are wanted. */
  readonly extensions: number;
  /** Bits of the states that are wanted. */
  readonly states: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly device: number;
  /** Null: of any socket. */
  readonly cookie: number | null;
}

function addressAt(body: Buffer, at: number, family: number): IpAddress {
  return IpAddress.fromBytes(body, at, family === AF_INET ? 4 : 16);
}

function asked(
  body: Buffer,
  family: number,
  protocol: number,
  extensions: number,
  states: number,
  at: number,
): Asked {
  const [low, high] = [body.readUInt32LE(at + 40), body.readUInt32LE(at + 44)];
  return {
    family,
    protocol,
    extensions,
    states,
    localPort: body.readUInt16BE(at),
    remotePort: body.readUInt16BE(at + 2),
    local: addressAt(body, at + 4, family),
    remote: addressAt(body, at + 20, family),
    device: body.readUInt32LE(at + 36),
    cookie: low === 0xffffffff && high === 0xffffffff ? null : high * 2 ** 32 + low,
  };
}

/** A request of today's form, whose family has been looked at. */
export function serveInet(by: Requester, request: Request): Answer | Outcome {
  const { body } = request;
  if (body.length < D.REQUEST_SIZE) return -E.EINVAL;
  const what = asked(body, body[0]!, body[1]!, body[2]!, body.readUInt32LE(4), 8);
  return serve(by, request, what, D.REQUEST_SIZE);
}

/** One of the form before that, whose type says which protocol; the answers are the same. */
export function serveOldInet(by: Requester, request: Request): Answer | Outcome {
  const { body, type } = request;
  if (body.length < D.OLD_REQUEST_SIZE) return -E.EINVAL;
  const protocol = type === D.TCPDIAG_GETSOCK ? IPPROTO_TCP : IPPROTO_DCCP;
  const what = asked(body, body[0]!, protocol, body[3]!, body.readUInt32LE(52), 4);
  return serve(by, request, what, D.OLD_REQUEST_SIZE);
}

function serve(by: Requester, { type, flags, body }: Request, what: Asked, size: number): Answer | Outcome {
  const isAdministrator = mayAdminister(by, by.network);
  if (type !== D.SOCK_DESTROY && (flags & NLM_F_DUMP) !== 0) {
    const filter = attributesOf(body, size).get(D.INET_DIAG_REQ_BYTECODE) ?? null;
    if (filter !== null) {
      const error = checkFilter(filter, isAdministrator);
      if (error < 0) return error;
    }
    return dump(by, what, filter, isAdministrator);
  }
  if (!PROTOCOLS.has(what.protocol)) return -E.ENOENT;
  if (type === D.SOCK_DESTROY && !isAdministrator) return -E.EPERM;
  const row = new InetRows(by.network.inet).find(
    what.protocol,
    what.family === AF_INET6,
    endsOf(what),
    what.device,
  );
  if (typeof row === "number") return row;
  if (row.family !== what.family || (what.cookie !== null && what.cookie !== row.cookie)) return -E.ENOENT;
  if (type === D.SOCK_DESTROY) return row.abort();
  const { uids } = by.credentials.userNamespace;
  return (writer) => write(writer, 0, row, what.extensions, isAdministrator, uids);
}

function* dump(
  { network, credentials }: Requester,
  what: Asked,
  filter: Buffer | null,
  isAdministrator: boolean,
): Generator<Told, number> {
  if (!PROTOCOLS.has(what.protocol)) return -E.ENOENT;
  const { uids } = credentials.userNamespace;
  for (const row of new InetRows(network.inet).all(what.protocol)) {
    const isTold = row !== null && isWanted(row, what) && (filter === null || passes(filter, row));
    // Null: one more was looked at; by a long filter, as if there had been more of them.
    if (filter !== null)
      for (let cost = filter.length; cost > FILTER_AT_ONCE; cost -= FILTER_AT_ONCE) yield null;
    if (!isTold) yield null;
    else yield (writer) => write(writer, NLM_F_MULTI, row, what.extensions, isAdministrator, uids);
  }
  return 0;
}

function endsOf({ local, localPort, remote, remotePort }: Asked): Ends {
  return {
    local0: local.w0,
    local1: local.w1,
    local2: local.w2,
    local3: local.w3,
    localPort,
    remote0: remote.w0,
    remote1: remote.w1,
    remote2: remote.w2,
    remote3: remote.w3,
    remotePort,
  };
}

function isWanted(row: SocketRow, { family, states, localPort, remotePort }: Asked): boolean {
  return (
    row.family === family &&
    (states & (1 << row.state)) !== 0 &&
    (localPort === 0 || localPort === row.localPort) &&
    (remotePort === 0 || remotePort === row.remotePort)
  );
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function setAddress(bytes: Buffer, at: number, family: number, address: IpAddress): void {
  bytes.set(family === AF_INET6 ? address.toMappedBytes() : address.toBytes(), at);
}

/** Attributes in Linux's order: number, who gets it, what it holds (null: nothing of this one). */
const ATTRIBUTES: readonly (readonly [
  attribute: number,
  isGiven: "always" | "asked" | "administrator",
  value: (row: SocketRow) => Uint8Array | null,
])[] = [
  [D.INET_DIAG_SHUTDOWN, "always", ({ shutdown }) => Uint8Array.of(shutdown)],
  [D.INET_DIAG_TOS, "asked", ({ tos }) => Uint8Array.of(tos)],
  [D.INET_DIAG_TCLASS, "asked", (row) => (row.family === AF_INET6 ? Uint8Array.of(row.trafficClass) : null)],
  [
    D.INET_DIAG_SKV6ONLY,
    "always",
    ({ family, state, isV6Only }) =>
      family === AF_INET6 && (state === TCP_LISTEN || state === TCP_CLOSE)
        ? Uint8Array.of(Number(isV6Only))
        : null,
  ],
  [D.INET_DIAG_MARK, "administrator", ({ mark }) => words(mark)],
  [D.INET_DIAG_CLASS_ID, "asked", ({ priority }) => words(priority)],
  [D.INET_DIAG_CGROUP_ID, "always", () => words(CGROUP_ROOT, 0)],
  [D.INET_DIAG_SOCKOPT, "always", ({ optionBits }) => Uint8Array.of(optionBits & 0xff, optionBits >> 8)],
  [D.INET_DIAG_MEMINFO, "asked", (row) => words(row.receiveMemory, row.sendMemory, 0, row.sendMemory)],
  [
    D.INET_DIAG_SKMEMINFO,
    "asked",
    (row) =>
      words(
        row.receiveMemory,
        row.receiveBuffer,
        row.sendMemory,
        row.sendBuffer,
        0,
        row.sendMemory,
        0,
        0,
        row.drops,
      ),
  ],
  [D.INET_DIAG_INFO, "asked", (row) => row.info()],
  [
    D.INET_DIAG_CONG,
    "asked",
    ({ congestion }) => (congestion === null ? null : Buffer.from(`${congestion}\0`, "latin1")),
  ],
];

function isAsked(attribute: number, extensions: number): boolean {
  // What is above the eighth cannot be asked for; who wants the traffic class gets this too.
  if (attribute === D.INET_DIAG_CLASS_ID) return (extensions & (1 << (D.INET_DIAG_TCLASS - 1))) !== 0;
  return (extensions & (1 << (attribute - 1))) !== 0;
}

function write(
  writer: MessageWriter,
  flags: number,
  row: SocketRow,
  extensions: number,
  isAdministrator: boolean,
  uids: IdMap,
): void {
  const bytes = Buffer.alloc(D.MESSAGE_SIZE);
  bytes.set([row.family, row.state, row.timer, row.retransmits]);
  bytes.writeUInt16BE(row.localPort, 4);
  bytes.writeUInt16BE(row.remotePort, 6);
  setAddress(bytes, 8, row.family, row.local);
  setAddress(bytes, 24, row.family, row.remote);
  bytes.writeUInt32LE(row.device, 40);
  bytes.writeUInt32LE(row.cookie % 2 ** 32, 44);
  bytes.writeUInt32LE(Math.floor(row.cookie / 2 ** 32), 48);
  bytes.writeUInt32LE(Math.min(row.expiresMs, 0xffffffff), 52);
  bytes.writeUInt32LE(row.receiveQueue, 56);
  bytes.writeUInt32LE(row.sendQueue, 60);
  bytes.writeUInt32LE(uids.told(row.uid), 64);
  bytes.writeUInt32LE(row.inode, 68);
  writer.begin(D.SOCK_DIAG_BY_FAMILY, flags, bytes);
  for (const [attribute, isGiven, value] of ATTRIBUTES) {
    if (isGiven === "asked" && !isAsked(attribute, extensions)) continue;
    if (isGiven === "administrator" && !isAdministrator) continue;
    const found = value(row);
    if (found !== null) writer.attribute(attribute, found);
  }
  writer.end();
}
