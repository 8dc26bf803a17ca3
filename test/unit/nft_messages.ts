// Batches for nf_tables as programs send them, for tests: messages of attributes, and expressions by their fields.

import * as N from "../../src/shared/abi/netlink.ts";
import * as A from "../../src/shared/abi/nftables.ts";
import type { Requester } from "../../src/workers/net/caller.ts";
import { errorOf } from "../../src/workers/net/devices/outcome.ts";
import { requestsIn } from "../../src/workers/net/netlink/message.ts";
import { serveBatch } from "../../src/workers/net/netlink/netfilter/batch.ts";
import { attribute, number32, number64, text } from "../../src/workers/net/stack/filter/nft/attributes.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";

export const [INET, IPV4, IPV6] = [A.NFPROTO_INET, A.NFPROTO_IPV4, A.NFPROTO_IPV6];
const CREATE = N.NLM_F_CREATE | N.NLM_F_APPEND;

export function message(type: number, flags: number, family: number, ...attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  const bytes = Buffer.alloc(N.NLMSG_HDRLEN + A.NFGENMSG_SIZE + body.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(N.NLM_F_REQUEST | flags, 6);
  bytes[16] = family;
  body.copy(bytes, 20);
  return bytes;
}

export function nft(number: number, flags: number, family: number, ...attributes: Buffer[]): Buffer {
  return message((A.NFNL_SUBSYS_NFTABLES << 8) | number, flags, family, ...attributes);
}

export function batch(...messages: readonly Buffer[]): Buffer {
  const begin = message(A.NFNL_MSG_BATCH_BEGIN, 0, 0);
  begin.writeUInt16BE(A.NFNL_SUBSYS_NFTABLES, 18);
  return Buffer.concat([begin, ...messages, message(A.NFNL_MSG_BATCH_END, 0, 0)]);
}

/** What a stack's owner would be asked. */
export function requester(stack: Stack): Requester {
  const counters = { unsupportedCalls: 0, filterRefusals: 0 };
  const network = { inet: { stack } };
  return { kernel: { counters, log: () => {} }, credentials: null, network } as unknown as Requester;
}

/** Serves what was sent: the errors that were told, each with the number of its message in the batch. */
export function send(stack: Stack, bytes: Buffer): readonly (readonly [message: number, error: number])[] {
  const told: [number, number][] = [];
  const by = requester(stack);
  const { value: first } = requestsIn(bytes).next();
  const places = [...requestsIn(bytes)].map(({ bytes: { byteOffset } }) => byteOffset);
  const work = serveBatch(by, first!, bytes, (request, outcome) =>
    told.push([places.indexOf(request.bytes.byteOffset), errorOf(outcome)]),
  );
  while (work.next().done !== true);
  return told;
}

// ---- Tables, chains, rules, sets ----

export function table(name: string, family = IPV4): Buffer {
  return nft(A.NFT_MSG_NEWTABLE, N.NLM_F_CREATE, family, text(A.TABLE.NAME, name));
}

export interface Hooked {
  readonly hook: number;
  readonly priority?: number;
  readonly type?: string;
  readonly policy?: number;
}

export function chain(tableName: string, name: string, base: Hooked | null = null, family = IPV4): Buffer {
  const parts = [text(A.CHAIN.TABLE, tableName), text(A.CHAIN.NAME, name)];
  if (base !== null) {
    const hook = [number32(A.HOOK.HOOKNUM, base.hook), number32(A.HOOK.PRIORITY, base.priority ?? 0)];
    parts.push(attribute(A.CHAIN.HOOK, ...hook), text(A.CHAIN.TYPE, base.type ?? "filter"));
    parts.push(number32(A.CHAIN.POLICY, base.policy ?? A.NF_ACCEPT));
  }
  return nft(A.NFT_MSG_NEWCHAIN, N.NLM_F_CREATE, family, ...parts);
}

export function rule(
  tableName: string,
  chainName: string,
  expressions: readonly Buffer[],
  family = IPV4,
  ...more: readonly Buffer[]
): Buffer {
  return nft(
    A.NFT_MSG_NEWRULE,
    CREATE,
    family,
    text(A.RULE.TABLE, tableName),
    text(A.RULE.CHAIN, chainName),
    attribute(A.RULE.EXPRESSIONS, ...expressions),
    ...more,
  );
}

export interface SetFields {
  readonly flags?: number;
  readonly keyLength: number;
  /** Of a map: the length of what it has, or verdicts. */
  readonly data?: number | "verdict";
  readonly fields?: readonly number[];
}

export function set(tableName: string, name: string, id: number, of: SetFields, family = IPV4): Buffer {
  const parts = [
    text(A.SET.TABLE, tableName),
    text(A.SET.NAME, name),
    number32(A.SET.KEY_LEN, of.keyLength),
    number32(A.SET.ID, id),
    number32(A.SET.FLAGS, (of.flags ?? 0) | (of.data === undefined ? 0 : A.NFT_SET_MAP)),
  ];
  if (of.data === "verdict") parts.push(number32(A.SET.DATA_TYPE, A.NFT_DATA_VERDICT));
  else if (of.data !== undefined) parts.push(number32(A.SET.DATA_TYPE, 1), number32(A.SET.DATA_LEN, of.data));
  if (of.fields !== undefined) {
    const fields = of.fields.map((length) => attribute(A.LIST_ELEM, number32(A.SET_FIELD_LEN, length)));
    parts.push(attribute(A.SET.DESC, attribute(A.SET_DESC.CONCAT, ...fields)));
  }
  return nft(A.NFT_MSG_NEWSET, N.NLM_F_CREATE, family, ...parts);
}

export interface Element {
  readonly key: Buffer;
  readonly keyEnd?: Buffer;
  readonly isEnd?: boolean;
  readonly data?: Buffer;
}

export function elements(
  tableName: string,
  setName: string,
  all: readonly Element[],
  family = IPV4,
  number: number = A.NFT_MSG_NEWSETELEM,
  ...more: readonly Buffer[]
): Buffer {
  const list = all.map(({ key, keyEnd, isEnd, data }) => {
    const parts = [attribute(A.ELEMENT.KEY, attribute(A.DATA.VALUE, key))];
    if (keyEnd !== undefined) parts.push(attribute(A.ELEMENT.KEY_END, attribute(A.DATA.VALUE, keyEnd)));
    if (isEnd === true) parts.push(number32(A.ELEMENT.FLAGS, A.NFT_SET_ELEM_INTERVAL_END));
    if (data !== undefined) parts.push(attribute(A.ELEMENT.DATA, data));
    return attribute(A.LIST_ELEM, ...parts);
  });
  return nft(
    number,
    N.NLM_F_CREATE,
    family,
    text(A.ELEMENT_LIST.TABLE, tableName),
    text(A.ELEMENT_LIST.SET, setName),
    attribute(A.ELEMENT_LIST.ELEMENTS, ...list),
    ...more,
  );
}

export function remove(number: number, family: number, ...attributes: readonly Buffer[]): Buffer {
  return nft(number, 0, family, ...attributes);
}

export { attribute, number32, number64, text };

// ---- Expressions ----

export function expression(name: string, ...fields: readonly Buffer[]): Buffer {
  return attribute(A.LIST_ELEM, text(A.EXPR.NAME, name), attribute(A.EXPR.DATA, ...fields));
}

export function value(type: number, bytes: Buffer): Buffer {
  return attribute(type, attribute(A.DATA.VALUE, bytes));
}

/** The data of a verdict. */
export function verdictData(code: number, chainName?: string): Buffer {
  const parts = [number32(A.VERDICT.CODE, code)];
  if (chainName !== undefined) parts.push(text(A.VERDICT.CHAIN, chainName));
  return attribute(A.DATA.VERDICT, ...parts);
}

export function verdict(code: number, chainName?: string): Buffer {
  return expression("immediate", number32(1, 0), attribute(2, verdictData(code, chainName)));
}

export function load(register: number, bytes: Buffer): Buffer {
  return expression("immediate", number32(1, register), value(2, bytes));
}

/** base: 1 network, 2 transport. */
export function payload(base: number, offset: number, length: number, register = 1): Buffer {
  return expression(
    "payload",
    number32(1, register),
    number32(2, base),
    number32(3, offset),
    number32(4, length),
  );
}

/** op: 0 equal, 1 not, 2 less, ... */
export function cmp(bytes: Buffer, op = 0, register = 1): Buffer {
  return expression("cmp", number32(1, register), number32(2, op), value(3, bytes));
}

export function meta(key: number, register = 1): Buffer {
  return expression("meta", number32(1, register), number32(2, key));
}

export function lookup(setName: string, id: number, ...more: readonly Buffer[]): Buffer {
  return expression("lookup", text(1, setName), number32(2, 1), number32(4, id), ...more);
}

/** That the packet is for that port, of UDP or TCP. */
export function toPort(port: number): Buffer[] {
  return [payload(2, 2, 2), cmp(Buffer.of(port >> 8, port & 0xff))];
}
