// Rules of NETLINK_ROUTE (RTM_NEWRULE and its relatives), told and changed.

import * as E from "../../../../shared/abi/errno.ts";
import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { Requester } from "../../caller.ts";
import { type Outcome, refuse } from "../../devices/outcome.ts";
import { sizeOf } from "../../devices/prefixes.ts";
import type { InternetFamily, PortRange, Rule } from "../../devices/rows.ts";
import { ANY } from "../../devices/rules.ts";
import { attributesOf, numberOf, type Request, textOf } from "../message.ts";
import { type Changer, header, type Kind } from "./kind.ts";

/** struct fib_rule_hdr */
export const RULE_SIZE = 12;
const TABLE_MAX = 255;
const TABLE_COMPAT = 252;
const NAME_SIZE = 16;

function words(first: number, last: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(first, 0);
  bytes.writeUInt32LE(last, 4);
  return bytes;
}

function ports({ first, last }: PortRange): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16LE(first, 0);
  bytes.writeUInt16LE(last, 2);
  return bytes;
}

export const RULE: Kind<Rule> = {
  told: N.RTM_NEWRULE,
  gone: N.RTM_DELRULE,
  size: RULE_SIZE,
  *all({ rules }, family) {
    if (family !== AF_INET6) yield* rules.of(AF_INET);
    if (family !== AF_INET) yield* rules.of(AF_INET6);
  },
  familyOf: ({ family }) => family,
  deviceOf: () => 0,
  find: () => -E.EOPNOTSUPP,
  write: (writer, type, flags, rule, devices) => {
    const { family, priority, table, target, input, output } = rule;
    const isLost = (name: string): boolean => name !== "" && devices.byName(name) === undefined;
    const about =
      (rule.isInverted ? N.FIB_RULE_INVERT : 0) |
      (target !== 0 && devices.rules.find(family, { priority: target }) === undefined
        ? N.FIB_RULE_UNRESOLVED
        : 0) |
      (isLost(input) ? N.FIB_RULE_IIF_DETACHED : 0) |
      (isLost(output) ? N.FIB_RULE_OIF_DETACHED : 0);
    writer
      .begin(
        type,
        flags,
        header(RULE_SIZE, (bytes) => {
          bytes.set([family, rule.destinationLength, rule.sourceLength, rule.tos]);
          bytes.set([table > TABLE_MAX ? TABLE_COMPAT : table, 0, 0, rule.action], 4);
          bytes.writeUInt32LE(about, 8);
        }),
      )
      .u32(N.FRA_TABLE, table)
      .u32(N.FRA_SUPPRESS_PREFIXLEN, rule.suppressLength)
      .u8(N.FRA_PROTOCOL, rule.protocol);
    if (input !== "") writer.text(N.FRA_IIFNAME, input);
    if (output !== "") writer.text(N.FRA_OIFNAME, output);
    if (priority !== 0) writer.u32(N.FRA_PRIORITY, priority);
    if (rule.mark !== 0) writer.u32(N.FRA_FWMARK, rule.mark);
    if (rule.mask !== 0 || rule.mark !== 0) writer.u32(N.FRA_FWMASK, rule.mask);
    if (target !== 0) writer.u32(N.FRA_GOTO, target);
    if (rule.users !== null) writer.attribute(N.FRA_UID_RANGE, words(rule.users.first, rule.users.last));
    if (rule.sourcePorts !== null) writer.attribute(N.FRA_SPORT_RANGE, ports(rule.sourcePorts));
    if (rule.destinationPorts !== null) writer.attribute(N.FRA_DPORT_RANGE, ports(rule.destinationPorts));
    if (rule.ipProtocol !== 0) writer.u8(N.FRA_IP_PROTO, rule.ipProtocol);
    if (rule.suppressGroup !== -1) writer.u32(N.FRA_SUPPRESS_IFGROUP, rule.suppressGroup);
    if (rule.destination !== null) writer.attribute(N.FRA_DST, rule.destination);
    if (rule.source !== null) writer.attribute(N.FRA_SRC, rule.source);
    writer.end();
  },
};

// ---- Changing ----

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A prefix of so many bits; an error where it is missing or too long. */
function prefixIn(
  family: InternetFamily,
  length: number,
  value: Buffer | undefined,
): Uint8Array | null | number {
  if (length === 0) return null;
  const size = sizeOf(family);
  if (value === undefined || value.length < size || length > size * 8) return -E.EINVAL;
  return Uint8Array.from(value.subarray(0, size));
}

function portsIn(value: Buffer): PortRange | number {
  if (value.length < 4) return -E.EINVAL;
  const [first, last] = [value.readUInt16LE(0), value.readUInt16LE(2)];
  return first === 0 || last === 0xffff || first > last ? -E.EINVAL : { first, last };
}

/** What a request says of a rule, and of which family; or an error. What it does not say is missing. */
function readRule(
  { kernel }: Requester,
  { body }: Request,
): { family: InternetFamily; said: Mutable<Partial<Rule>> } | Outcome {
  if (body.length < RULE_SIZE) return refuse(E.EINVAL, "Invalid msg length");
  const family = body[0] === AF_INET6 ? AF_INET6 : AF_INET;
  if (body[0] !== family) return -E.EAFNOSUPPORT;
  const attributes = attributesOf(body, RULE_SIZE);
  if (attributes.has(N.FRA_L3MDEV)) {
    kernel.counters.unsupportedCalls++;
    return -E.EOPNOTSUPP;
  }
  const said: Mutable<Partial<Rule>> = {};
  const destination = prefixIn(family, body[1]!, attributes.get(N.FRA_DST));
  const source = prefixIn(family, body[2]!, attributes.get(N.FRA_SRC));
  if (typeof source === "number") return refuse(E.EINVAL, "Invalid source address");
  if (typeof destination === "number") return refuse(E.EINVAL, "Invalid dst address");
  if (destination !== null) Object.assign(said, { destination, destinationLength: body[1]! });
  if (source !== null) Object.assign(said, { source, sourceLength: body[2]! });
  if (body[3] !== 0) said.tos = body[3]!;
  const table = numberOf(attributes.get(N.FRA_TABLE)) ?? body[4]!;
  if (table !== 0) said.table = table;
  if (body[7] !== 0) said.action = body[7]!;
  if ((body.readUInt32LE(8) & N.FIB_RULE_INVERT) !== 0) said.isInverted = true;
  const names = [textOf(attributes.get(N.FRA_IIFNAME)), textOf(attributes.get(N.FRA_OIFNAME))];
  if (names.some((name) => name !== null && name.length >= NAME_SIZE)) return -E.ERANGE;
  if (names[0]) said.input = names[0];
  if (names[1]) said.output = names[1];
  const numbers: readonly (readonly [number, (value: number) => void])[] = [
    [N.FRA_PRIORITY, (value) => (said.priority = value)],
    [N.FRA_GOTO, (value) => (said.target = value)],
    [N.FRA_SUPPRESS_PREFIXLEN, (value) => (said.suppressLength = value | 0)],
    [N.FRA_SUPPRESS_IFGROUP, (value) => (said.suppressGroup = value | 0)],
    [
      N.FRA_FWMARK,
      (value) => {
        said.mark = value;
        if (value !== 0) said.mask = 0xffffffff;
      },
    ],
    [N.FRA_FWMASK, (value) => (said.mask = value)],
  ];
  for (const [name, take] of numbers) {
    const value = numberOf(attributes.get(name));
    if (value !== null) take(value);
  }
  const protocol = attributes.get(N.FRA_PROTOCOL);
  if (protocol !== undefined && protocol.length > 0) said.protocol = protocol[0]!;
  const ipProtocol = attributes.get(N.FRA_IP_PROTO);
  if (ipProtocol !== undefined && ipProtocol.length > 0) said.ipProtocol = ipProtocol[0]!;
  const users = attributes.get(N.FRA_UID_RANGE);
  if (users !== undefined) {
    if (users.length < 8) return -E.EINVAL;
    said.users = { first: users.readUInt32LE(0), last: users.readUInt32LE(4) };
    if (said.users.first > said.users.last) return refuse(E.EINVAL, "Invalid uid range");
  }
  for (const [name, field, words] of [
    [N.FRA_SPORT_RANGE, "sourcePorts", "Invalid sport range"],
    [N.FRA_DPORT_RANGE, "destinationPorts", "Invalid dport range"],
  ] as const) {
    const value = attributes.get(name);
    if (value === undefined) continue;
    const range = portsIn(value);
    if (typeof range === "number") return refuse(E.EINVAL, words);
    said[field] = range;
  }
  return { family, said };
}

export const newRule: Changer = (task, request) => {
  const read = readRule(task, request);
  if (typeof read === "number" || "error" in read) return read;
  const { family, said } = read;
  const { rules } = task.network.devices;
  const rule: Rule = {
    ...ANY,
    protocol: 0,
    table: 0,
    ...said,
    family,
    priority: said.priority ?? rules.priorityFor(family),
  };
  if (rule.action === N.FR_ACT_GOTO) {
    if (rule.target === 0) return refuse(E.EINVAL, "Invalid goto");
    if (rule.target <= rule.priority) return refuse(E.EINVAL, "Backward goto not supported");
  } else if (rule.target !== 0) return refuse(E.EINVAL, "Unexpected goto target without goto action");
  if (rule.action === N.FR_ACT_TO_TBL && rule.table === 0) return refuse(E.EINVAL, "Invalid table");
  return rules.add(rule, (request.flags & N.NLM_F_EXCL) !== 0);
};

export const deleteRule: Changer = (task, request) => {
  const read = readRule(task, request);
  if (typeof read === "number" || "error" in read) return read;
  return task.network.devices.rules.remove(read.family, read.said);
};
