// nf_tables on a stack: what rules, sets and maps do to datagrams, that packets see all of a batch or nothing of it, and that
// what is forged, too much or too deep is refused, with nothing left behind.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as E from "../../src/shared/abi/errno.ts";
import * as N from "../../src/shared/abi/netlink.ts";
import * as A from "../../src/shared/abi/nftables.ts";
import type { Told } from "../../src/workers/net/netlink/answer.ts";
import { requestsIn } from "../../src/workers/net/netlink/message.ts";
import { serveBatch } from "../../src/workers/net/netlink/netfilter/batch.ts";
import { serveNetfilter } from "../../src/workers/net/netlink/netfilter/netfilter.ts";
import type { Charges } from "../../src/workers/net/stack/filter/nft/nft.ts";
import { validate } from "../../src/workers/net/stack/filter/nft/validate.ts";
import { HOOK_CHAINS_MAX, RULES_A_PACKET, SET_ELEMENTS_MAX } from "../../src/workers/net/stack/limits.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import type { Stack } from "../../src/workers/net/stack/stack.ts";
import {
  attribute,
  batch,
  chain,
  cmp,
  type Element,
  elements,
  expression,
  IPV4,
  load,
  lookup,
  meta,
  nft,
  number32,
  number64,
  payload,
  remove,
  requester,
  rule,
  send,
  set,
  table,
  text,
  toPort,
  value,
  verdict,
  verdictData,
} from "./nft_messages.ts";
import { bound, drain, endpointOf, makeStack, sendTo, take } from "./stack_world.ts";

const HERE = "127.0.0.1";
const [INPUT, OUTPUT] = [1, 3];
const { NF_ACCEPT, NF_DROP, NFT_GOTO, NFT_JUMP, NFT_RETURN } = A;

/** What tables are charged. */
class Account implements Charges {
  used = 0;
  max = Number.POSITIVE_INFINITY;

  take(bytes: number): boolean {
    if (this.used + bytes > this.max) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}

function charged(stack: Stack): Account {
  const account = new Account();
  stack.filter.nft.charges = account;
  return account;
}

/** A stack with table t, which has those chains. */
function stackWith(...messages: readonly Buffer[]): Stack {
  const stack = makeStack();
  assert.equal(send(stack, batch(table("t"), ...messages)), []);
  return stack;
}

/** A stack whose chain i is asked in INPUT. */
function withInput(policy: number, ...messages: readonly Buffer[]): Stack {
  return stackWith(chain("t", "i", { hook: INPUT, policy }), ...messages);
}

/** Which of the ports a datagram reaches. */
function reached(stack: Stack, ...ports: readonly number[]): number[] {
  return ports.filter((port) => {
    const server = bound(stack, HERE, port);
    sendTo(endpointOf(stack), "x", HERE, port);
    drain(stack);
    const isThere = take(server) !== null;
    server.close();
    drain(stack);
    return isThere;
  });
}

function flush(stack: Stack): void {
  assert.equal(send(stack, batch(remove(A.NFT_MSG_DELTABLE, 0))), []);
}

function key16(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

function key32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

// ---- What packets meet ----

test("without a base chain nobody looks", () => {
  const stack = stackWith(chain("t", "c"), rule("t", "c", [verdict(NF_DROP)]));
  assert.is(stack.core.hooks, null);
  assert.equal(reached(stack, 5000), [5000]);
  assert.equal(send(stack, batch(chain("t", "i", { hook: INPUT }))), []);
  assert.is.not(stack.core.hooks, null);
  flush(stack);
  assert.is(stack.core.hooks, null);
});

test("chains that are jumped to, gone to and come back from", () => {
  const stack = withInput(
    NF_DROP,
    ...["a", "b", "c"].map((name) => chain("t", name)),
    rule("t", "a", [...toPort(5000), verdict(NFT_RETURN)]),
    rule("t", "a", [...toPort(5001), verdict(NFT_JUMP, "b")]),
    rule("t", "a", [...toPort(5002), verdict(NFT_GOTO, "c")]),
    rule("t", "a", [...toPort(5003), verdict(NF_DROP)]),
    rule("t", "a", [...toPort(5004), verdict(NFT_JUMP, "c")]),
    rule("t", "a", [...toPort(5004), verdict(NF_ACCEPT)]),
    rule("t", "b", [...toPort(5001), verdict(NF_ACCEPT)]),
    rule("t", "i", [verdict(NFT_JUMP, "a")]),
    rule("t", "i", [...toPort(5000), verdict(NF_ACCEPT)]),
    rule("t", "i", [...toPort(5003), verdict(NF_ACCEPT)]),
  );
  assert.equal(reached(stack, 5000, 5001, 5002, 5003, 5004, 5005), [5000, 5001, 5004]);
});

test("chains of a hook are asked by priority, and the newer one first", () => {
  const stack = withInput(
    NF_ACCEPT,
    chain("t", "late", { hook: INPUT, priority: 10 }),
    chain("t", "newer", { hook: INPUT }),
    chain("t", "early", { hook: INPUT, priority: -10 }),
    ...["late", "i", "newer", "early"].map((name, i) => rule("t", name, marks(4 - i))),
    rule("t", "late", [meta(3), cmp(little(4)), verdict(NF_DROP)]),
  );
  assert.equal(reached(stack, 5000), []);
});

/** A mark, for what has the one before. */
function marks(to: number): Buffer[] {
  const sets = expression("meta", number32(2, 3), number32(3, 1));
  return [meta(3), cmp(little(to - 1)), load(1, little(to)), sets];
}

function little(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

test("policies, and OUTPUT's EPERM", () => {
  const stack = stackWith(chain("t", "o", { hook: OUTPUT, policy: NF_DROP }));
  assert.is(sendTo(endpointOf(stack), "x", HERE, 5000), -E.EPERM);
  assert.equal(send(stack, batch(rule("t", "o", [...toPort(5000), verdict(NF_ACCEPT)]))), []);
  assert.equal(reached(stack, 5000), [5000]);
  assert.is(sendTo(endpointOf(stack), "x", HERE, 5001), -E.EPERM);
  assert.is(stack.core.pools.used, 0);
});

const PORT = payload(2, 2, 2);

test("sets, intervals, maps and ranges of two fields", () => {
  const stack = withInput(
    NF_DROP,
    set("t", "some", 1, { keyLength: 2 }),
    elements("t", "some", [{ key: key16(5000) }, { key: key16(5002) }]),
    set("t", "spans", 2, { keyLength: 2, flags: A.NFT_SET_INTERVAL }),
    elements("t", "spans", [
      { key: key16(5100) },
      { key: key16(5105), isEnd: true },
      { key: key16(5105) },
      { key: key16(5107), isEnd: true },
      { key: key16(0), isEnd: true },
    ]),
    set("t", "map", 3, { keyLength: 2, data: "verdict" }),
    elements("t", "map", [
      { key: key16(5200), data: verdictData(NF_ACCEPT) },
      { key: key16(5201), data: verdictData(NF_DROP) },
    ]),
    set("t", "pairs", 4, { keyLength: 8, flags: A.NFT_SET_INTERVAL | A.NFT_SET_CONCAT, fields: [4, 2] }),
    elements("t", "pairs", [
      {
        key: Buffer.concat([key32(0x7f000000), key16(5300), Buffer.alloc(2)]),
        keyEnd: Buffer.concat([key32(0x7f0000ff), key16(5301), Buffer.alloc(2)]),
      },
    ]),
    rule("t", "i", [PORT, lookup("some", 1), verdict(NF_ACCEPT)]),
    rule("t", "i", [PORT, lookup("spans", 2), verdict(NF_ACCEPT)]),
    rule("t", "i", [PORT, lookup("map", 3, number32(3, 0))]),
    rule("t", "i", [payload(1, 16, 4), payload(2, 2, 2, 9), lookup("pairs", 4), verdict(NF_ACCEPT)]),
  );
  assert.equal(reached(stack, 5000, 5001, 5002), [5000, 5002]);
  assert.equal(reached(stack, 5099, 5100, 5104, 5105, 5106, 5107), [5100, 5104, 5105, 5106]);
  assert.equal(reached(stack, 5200, 5201), [5200]);
  assert.equal(reached(stack, 5299, 5300, 5301, 5302), [5300, 5301]);
  const gone = elements("t", "some", [{ key: key16(5000) }], A.NFPROTO_IPV4, A.NFT_MSG_DELSETELEM);
  assert.equal(send(stack, batch(gone)), []);
  assert.equal(reached(stack, 5000, 5002), [5002]);
});

test("a map's value is what a rule goes on with", () => {
  const stack = withInput(
    NF_DROP,
    set("t", "m", 1, { keyLength: 2, data: 4 }),
    elements("t", "m", [
      { key: key16(5000), data: valueData(little(7)) },
      { key: key16(5001), data: valueData(little(8)) },
    ]),
    rule("t", "i", [PORT, lookup("m", 1, number32(3, 1)), cmp(little(8)), verdict(NF_ACCEPT)]),
  );
  assert.equal(reached(stack, 5000, 5001, 5002), [5001]);
});

function valueData(bytes: Buffer): Buffer {
  // Without what value() puts around it.
  return value(2, bytes).subarray(4);
}

test("a range of several fields ends where its own element says", () => {
  const stack = withInput(NF_ACCEPT);
  const pairs = { keyLength: 8, flags: A.NFT_SET_INTERVAL | A.NFT_SET_CONCAT, data: 4, fields: [4, 2] };
  const key = Buffer.concat([key32(0x7f000000), key16(5300), Buffer.alloc(2)]);
  const end = elements("t", "p", [{ key, isEnd: true }]);
  assert.equal(send(stack, batch(set("t", "p", 1, pairs), end)), [[2, -E.EINVAL]]);
});

test("comparisons, ranges, masks and shifts", () => {
  const low = key16(5010);
  const stack = withInput(
    NF_DROP,
    rule("t", "i", [PORT, cmp(low, 2), cmp(key16(5008), 5), verdict(NF_ACCEPT)]),
    rule("t", "i", [
      PORT,
      expression("range", number32(1, 1), number32(2, 0), value(3, key16(5020)), value(4, key16(5021))),
      verdict(NF_ACCEPT),
    ]),
    rule("t", "i", [
      PORT,
      expression(
        "bitwise",
        number32(1, 1),
        number32(2, 2),
        number32(3, 2),
        value(4, Buffer.of(0xff, 0xfe)),
        value(5, Buffer.of(0, 1)),
      ),
      cmp(key16(5031), 0, 2),
      verdict(NF_ACCEPT),
    ]),
    rule("t", "i", [
      payload(2, 0, 4),
      expression("byteorder", number32(1, 1), number32(2, 2), number32(3, 0), number32(4, 4), number32(5, 4)),
      expression(
        "bitwise",
        number32(1, 2),
        number32(2, 3),
        number32(3, 4),
        number32(6, 1),
        value(7, little(16)),
      ),
      cmp(little(5040 << 16), 0, 3),
      verdict(NF_ACCEPT),
    ]),
  );
  assert.equal(reached(stack, 5007, 5008, 5009, 5010), [5008, 5009]);
  assert.equal(reached(stack, 5019, 5020, 5021, 5022), [5020, 5021]);
  assert.equal(reached(stack, 5029, 5030, 5031, 5032), [5030, 5031]);
  assert.equal(reached(stack, 5039, 5040, 5041), [5040]);
});

test("limits and quotas let so much by", () => {
  const stack = withInput(
    NF_DROP,
    rule("t", "i", [
      ...toPort(5000),
      expression("limit", number64(1, 1), number64(2, 3600), number32(3, 2)),
      verdict(NF_ACCEPT),
    ]),
    rule("t", "i", [...toPort(5001), expression("quota", number64(1, 60)), verdict(NF_ACCEPT)]),
  );
  assert.equal(reached(stack, 5000, 5000, 5000, 5001, 5001, 5001), [5000, 5000, 5001, 5001]);
});

test("chains that call each other twice and twice again cost a packet no more than it may", () => {
  const names = Array.from({ length: 15 }, (_, i) => `c${i}`);
  const stack = withInput(
    NF_ACCEPT,
    ...names.map((name) => chain("t", name)),
    ...names.slice(1).flatMap((name, i) => [1, 2].map(() => rule("t", names[i]!, [verdict(NFT_JUMP, name)]))),
    rule("t", "c14", [expression("counter")]),
    rule("t", "i", [verdict(NFT_JUMP, "c0")]),
  );
  assert.equal(reached(stack, 5000), []);
  assert.is(stack.core.counters.filter.tooManyRules, 1);
  assert.ok(2 ** 14 * 2 > RULES_A_PACKET);
});

// ---- Batches ----

test("packets see all of a batch or nothing of it, whenever they come", () => {
  const stack = withInput(NF_DROP, rule("t", "i", [...toPort(5000), verdict(NF_ACCEPT)]));
  const bytes = batch(
    nft(A.NFT_MSG_DELRULE, 0, A.NFPROTO_IPV4, text(A.RULE.TABLE, "t"), text(A.RULE.CHAIN, "i")),
    rule("t", "i", [...toPort(5001), verdict(NF_ACCEPT)]),
    set("t", "s", 1, { keyLength: 2 }),
    elements("t", "s", [{ key: key16(5002) }]),
    rule("t", "i", [PORT, lookup("s", 1), verdict(NF_ACCEPT)]),
  );
  const { value: first } = requestsIn(bytes).next();
  const work = serveBatch(requester(stack), first!, bytes, () => assert.unreachable());
  let steps = 0;
  while (work.next().done !== true) {
    steps++;
    assert.equal(reached(stack, 5000, 5001, 5002), [5000]);
    assert.is(stack.filter.nft.editor, first);
  }
  assert.ok(steps > 3);
  assert.is(stack.filter.nft.editor, null);
  assert.equal(reached(stack, 5000, 5001, 5002), [5001, 5002]);
});

const BAD = rule("t", "nowhere", []);

test("of a batch with an error nothing is left, and all errors are told", () => {
  const stack = withInput(NF_ACCEPT, set("t", "s", 1, { keyLength: 2 }));
  const { nft: tables } = stack.filter;
  const account = charged(stack);
  const { generation } = tables;
  const told = send(
    stack,
    batch(
      table("u"),
      chain("u", "x"),
      rule("t", "i", [verdict(NF_DROP)]),
      BAD,
      elements("t", "s", [{ key: key16(1) }]),
      remove(A.NFT_MSG_DELCHAIN, A.NFPROTO_IPV4, text(A.CHAIN.TABLE, "t"), text(A.CHAIN.NAME, "i")),
      BAD,
      remove(A.NFT_MSG_DELTABLE, A.NFPROTO_IPV4, text(A.TABLE.NAME, "t")),
    ),
  );
  assert.equal(told, [
    [4, -E.ENOENT],
    [7, -E.ENOENT],
  ]);
  assert.equal(
    [...tables.tables].map(({ name }) => name),
    ["t"],
  );
  const left = tables.table(A.NFPROTO_IPV4, "t")!;
  assert.equal([...left.chains.keys()], ["i"]);
  assert.is(left.chains.get("i")!.length, 0);
  assert.is(left.sets.get("s")!.elements.size, 0);
  assert.is(tables.baseCounts[INPUT], 1);
  assert.is(account.used, 0);
  assert.is(tables.generation, generation);
  assert.equal(reached(stack, 5000), [5000]);
});

test("a batch that has no end, begins twice or is of another generation changes nothing", () => {
  const stack = makeStack();
  const whole = batch(table("t"));
  const begin = whole.subarray(0, 20);
  const noEnd = whole.subarray(0, whole.length - 20);
  assert.equal(send(stack, noEnd), []);
  assert.equal(send(stack, Buffer.concat([noEnd, whole])), []);
  const other = Buffer.concat([begin, number32(A.NFNL_BATCH_GENID, 77), whole.subarray(20)]);
  other.writeUInt32LE(28, 0);
  assert.equal(send(stack, other), [[0, -E.ERESTART]]);
  const elsewhere = Buffer.from(whole);
  elsewhere.writeUInt16BE(1, 18);
  assert.equal(send(stack, elsewhere), [[0, -E.EOPNOTSUPP]]);
  elsewhere.writeUInt16BE(200, 18);
  assert.equal(send(stack, elsewhere), [[0, -E.EINVAL]]);
  assert.is(stack.filter.nft.count, 0);
});

test("rings, and chains deeper than the stack of returns, are refused, and it is told of which rule", () => {
  const names = Array.from({ length: 17 }, (_, i) => `c${i}`);
  const chains = names.map((name) => chain("t", name));
  const jumps = names.slice(1).map((name, i) => rule("t", names[i]!, [verdict(NFT_JUMP, name)]));
  const stack = withInput(NF_ACCEPT, ...chains, ...jumps);
  // Nothing leads there yet.
  assert.equal(send(stack, batch(rule("t", "i", [verdict(NFT_JUMP, "c2")]))), []);
  assert.equal(send(stack, batch(rule("t", "i", []), rule("t", "i", [verdict(NFT_JUMP, "c1")]))), [
    [2, -E.EMLINK],
  ]);
  assert.equal(send(stack, batch(rule("t", "c16", [verdict(NFT_GOTO, "c2")]))), [[1, -E.EMLINK]]);
  const ring = set("t", "m", 1, { keyLength: 2, data: "verdict" });
  const element: Element = { key: key16(1), data: verdictData(NFT_JUMP, "c2") };
  const asks = rule("t", "c16", [PORT, lookup("m", 1, number32(3, 0))]);
  assert.equal(send(stack, batch(ring, asks, elements("t", "m", [element]))), [[3, -E.EMLINK]]);
  assert.equal(send(stack, batch(ring, elements("t", "m", [element]), asks)), [[3, -E.EMLINK]]);
});

test("what leads to a chain or looks into a set keeps it", () => {
  const stack = withInput(
    NF_ACCEPT,
    chain("t", "a"),
    set("t", "s", 1, { keyLength: 2 }),
    rule("t", "i", [verdict(NFT_JUMP, "a")]),
    rule("t", "i", [PORT, lookup("s", 1)]),
  );
  const noChain = remove(
    A.NFT_MSG_DELCHAIN,
    A.NFPROTO_IPV4,
    text(A.CHAIN.TABLE, "t"),
    text(A.CHAIN.NAME, "a"),
  );
  const noSet = remove(A.NFT_MSG_DELSET, A.NFPROTO_IPV4, text(A.SET.TABLE, "t"), text(A.SET.NAME, "s"));
  const noRules = remove(A.NFT_MSG_DELRULE, A.NFPROTO_IPV4, text(A.RULE.TABLE, "t"), text(A.RULE.CHAIN, "i"));
  assert.equal(send(stack, batch(noChain, noSet)), [
    [1, -E.EBUSY],
    [2, -E.EBUSY],
  ]);
  assert.equal(send(stack, batch(noRules, noChain, noSet)), []);
});

test("a set without a name goes with its rule, and one that no rule has is refused", () => {
  const stack = withInput(NF_ACCEPT);
  const anonymous = set("t", "__set%d", 1, { keyLength: 2, flags: A.NFT_SET_ANONYMOUS });
  assert.equal(send(stack, batch(anonymous)), [[0, -E.EINVAL]]);
  assert.equal(send(stack, batch(anonymous, rule("t", "i", [PORT, lookup("__set%d", 1)]))), []);
  const { sets } = stack.filter.nft.table(A.NFPROTO_IPV4, "t")!;
  assert.is(sets.size, 1);
  const noRules = remove(A.NFT_MSG_DELRULE, A.NFPROTO_IPV4, text(A.RULE.TABLE, "t"));
  assert.equal(send(stack, batch(noRules)), []);
  assert.is(sets.size, 0);
});

test("a set without a name is looked into by one rule alone, and once", () => {
  const stack = withInput(NF_ACCEPT);
  const account = charged(stack);
  const anonymous = set("t", "__set%d", 1, { keyLength: 2, flags: A.NFT_SET_ANONYMOUS });
  const [looks, twice] = [1, 2].map((count) =>
    rule("t", "i", [PORT, ...Array.from({ length: count }, () => lookup("__set%d", 1))]),
  );
  assert.equal(send(stack, batch(anonymous, looks!, looks!)), [[3, -E.EBUSY]]);
  assert.equal(send(stack, batch(anonymous, twice!)), [[2, -E.EBUSY]]);
  assert.equal(send(stack, batch(anonymous, looks!)), []);
  const { sets } = stack.filter.nft.table(A.NFPROTO_IPV4, "t")!;
  const [name] = sets.keys();
  assert.equal(send(stack, batch(rule("t", "i", [PORT, lookup(name!, 9)]))), [[1, -E.EBUSY]]);
  assert.equal(send(stack, batch(remove(A.NFT_MSG_DELRULE, A.NFPROTO_IPV4, text(A.RULE.TABLE, "t")))), []);
  assert.is(account.used, 0);
});

test("who lists tables lets go of them when a batch changes some", () => {
  const stack = withInput(NF_ACCEPT);
  const { nft: tables } = stack.filter;
  const keys = Array.from({ length: 200 }, (_, i) => ({ key: key16(i) }));
  assert.equal(send(stack, batch(set("t", "s", 1, { keyLength: 2 }), elements("t", "s", keys))), []);
  const listed = () => {
    const names = [text(A.ELEMENT_LIST.TABLE, "t"), text(A.ELEMENT_LIST.SET, "s")];
    const { value: asked } = requestsIn(nft(A.NFT_MSG_GETSETELEM, N.NLM_F_DUMP, IPV4, ...names)).next();
    const answer = serveNetfilter(requester(stack), asked!) as Iterable<Told, number>;
    return answer[Symbol.iterator]();
  };
  const [whole, left, aborted, committed] = Array.from({ length: 4 }, listed);
  for (const one of [left, aborted, committed]) assert.is(typeof one!.next().value, "function");
  assert.is(tables.dumps.size, 4);
  let count = 0;
  for (let next = whole!.next(); next.done !== true; next = whole!.next()) count++;
  assert.is(count, 4);
  left!.return!();
  assert.is(tables.dumps.size, 2);
  const change = elements("t", "s", [{ key: key16(300) }]);
  assert.equal(send(stack, batch(change, rule("t", "i", [expression("nothing")]))), [[2, -E.ENOENT]]);
  assert.equal(aborted!.next(), { done: true, value: N.NLM_F_DUMP_INTR });
  const another = listed();
  flush(stack);
  assert.is(tables.dumps.size, 0);
  for (const one of [committed, another]) assert.equal(one!.next(), { done: true, value: N.NLM_F_DUMP_INTR });
});

test("many jumps of a few rules are looked at in pieces", () => {
  const jumps = rule(
    "t",
    "i",
    Array.from({ length: 128 }, () => verdict(NFT_JUMP, "a")),
  );
  const stack = withInput(NF_ACCEPT, chain("t", "a"), ...Array.from({ length: 40 }, () => jumps));
  const work = validate(stack.filter.nft.table(IPV4, "t")!);
  let pieces = 1;
  while (work.next().done !== true) pieces++;
  assert.ok(pieces > 2);
});

test("expressions that read what was not loaded, or beyond the registers, are refused", () => {
  const stack = withInput(NF_ACCEPT);
  const error = (...parts: readonly Buffer[]) => send(stack, batch(rule("t", "i", parts)))[0]?.[1];
  assert.is(error(cmp(key16(1))), -E.ENODATA);
  assert.is(error(payload(2, 2, 2), cmp(Buffer.alloc(8))), -E.ENODATA);
  assert.is(error(payload(2, 2, 64), cmp(Buffer.alloc(64))), undefined);
  assert.is(error(payload(2, 2, 64, 2)), -E.ERANGE);
  assert.is(error(payload(2, 2, 65)), -E.EINVAL);
  assert.is(error(payload(2, 2, 0)), -E.EINVAL);
  assert.is(error(payload(2, 2, 2, 0)), -E.EINVAL);
  assert.is(error(payload(2, 2, 2, 99)), -E.ERANGE);
  assert.is(error(payload(0, 2, 2)), -E.EOPNOTSUPP);
  assert.is(error(expression("nothing")), -E.ENOENT);
  assert.is(error(...Array.from({ length: 129 }, () => expression("counter"))), -E.EINVAL);
});

// ---- Bounds ----

test("what there is no memory for is refused, and nothing of the batch stays", () => {
  const stack = makeStack();
  const account = charged(stack);
  account.max = 20_000;
  const rules = Array.from({ length: 100 }, () => rule("t", "i", [verdict(NF_ACCEPT)]));
  assert.equal(send(stack, batch(table("t"), chain("t", "i", { hook: INPUT }), ...rules)), [[0, -E.ENOMEM]]);
  assert.is(account.used, 0);
  assert.is(stack.filter.nft.count, 0);
  assert.equal(send(stack, batch(table("t"), chain("t", "i", { hook: INPUT }), ...rules.slice(0, 3))), []);
  assert.ok(account.used > 0);
  flush(stack);
  assert.is(account.used, 0);
});

test("more errors than are told are one", () => {
  const stack = makeStack();
  const account = charged(stack);
  assert.equal(send(stack, batch(...Array.from({ length: 20_000 }, () => BAD))), [[0, -E.ENOMEM]]);
  assert.is(account.used, 0);
});

test("base chains of a hook, and elements of a set, are bounded", () => {
  const stack = withInput(NF_ACCEPT, set("t", "s", 1, { keyLength: 4 }));
  const chains = Array.from({ length: HOOK_CHAINS_MAX }, (_, i) => chain("t", `c${i}`, { hook: INPUT }));
  assert.equal(send(stack, batch(...chains)), [[HOOK_CHAINS_MAX, -E.E2BIG]]);
  const some = Array.from({ length: 65 }, (_, i) =>
    elements(
      "t",
      "s",
      Array.from({ length: 1024 }, (_, j) => ({ key: key32(i * 1024 + j) })),
    ),
  );
  assert.equal(send(stack, batch(...some)), [[65, -E.ENFILE]]);
  assert.equal(send(stack, batch(...some.slice(0, 64))), []);
  assert.is(stack.filter.nft.table(A.NFPROTO_IPV4, "t")!.sets.get("s")!.elements.size, SET_ELEMENTS_MAX);
});

// ---- Forged ----

/** A batch with a bit of everything. */
const EVERYTHING: readonly Buffer[] = [
  table("t"),
  chain("t", "i", { hook: INPUT }),
  chain("t", "o", { hook: OUTPUT, type: "route", priority: -150 }),
  chain("t", "n", { hook: 4, type: "nat", priority: 100 }),
  chain("t", "u"),
  set("t", "s", 1, { keyLength: 2, flags: A.NFT_SET_INTERVAL }),
  elements("t", "s", [{ key: key16(5000) }, { key: key16(5002), isEnd: true }]),
  set("t", "m", 2, { keyLength: 2, data: "verdict" }),
  elements("t", "m", [{ key: key16(5003), data: verdictData(NFT_JUMP, "u") }]),
  set("t", "v", 3, { keyLength: 2, data: 4 }),
  elements("t", "v", [{ key: key16(5004), data: valueData(little(9)) }]),
  set("t", "p", 4, { keyLength: 8, flags: A.NFT_SET_INTERVAL | A.NFT_SET_CONCAT, fields: [4, 2] }),
  elements("t", "p", [{ key: Buffer.alloc(8), keyEnd: Buffer.alloc(8, 0xff) }]),
  rule("t", "u", [expression("counter"), expression("log", text(2, "x")), verdict(NFT_RETURN)]),
  rule("t", "i", [PORT, lookup("s", 1), verdict(NF_ACCEPT)]),
  rule("t", "i", [PORT, lookup("m", 2, number32(3, 0))]),
  rule("t", "i", [PORT, lookup("v", 3, number32(3, 1)), expression("meta", number32(2, 3), number32(3, 1))]),
  rule("t", "i", [payload(1, 12, 4), payload(2, 2, 2, 9), lookup("p", 4), expression("counter")]),
  rule("t", "i", [expression("ct", number32(1, 1), number32(2, 0)), cmp(little(8)), verdict(NF_ACCEPT)]),
  rule("t", "i", [
    expression("limit", number64(1, 5), number64(2, 1)),
    expression("quota", number64(1, 999)),
  ]),
  rule("t", "i", [expression("fib", number32(1, 1), number32(2, 3), number32(3, 2)), cmp(little(2))]),
  rule("t", "i", [...toPort(5009), expression("reject", number32(1, 0), attribute(2, Buffer.of(3)))]),
  rule("t", "n", [load(1, key32(0x7f000001)), load(2, key16(7000)), translation()]),
  rule("t", "n", [expression("masq")]),
  rule("t", "o", [expression("numgen", number32(1, 1), number32(2, 5), number32(3, 0)), cmp(little(3), 2)]),
  remove(A.NFT_MSG_DELRULE, A.NFPROTO_IPV4, text(A.RULE.TABLE, "t"), text(A.RULE.CHAIN, "u")),
  elements("t", "s", [{ key: key16(5000) }], A.NFPROTO_IPV4, A.NFT_MSG_DELSETELEM),
];

function translation(): Buffer {
  return expression("nat", number32(1, 0), number32(2, 2), number32(3, 1), number32(5, 2));
}

test("a batch with a bit of everything is taken", () => {
  const stack = makeStack();
  assert.equal(send(stack, batch(...EVERYTHING)), []);
  assert.equal(reached(stack, 5001, 5003, 5004, 5009), [5001, 5003, 5004, 5009]);
});

test("forged batches throw nothing, and nothing is left of them", () => {
  const next = seededRandom(7);
  const random = (): number => Math.floor(next() * 2 ** 31);
  const whole = batch(...EVERYTHING);
  const places = [...requestsIn(whole)].map(({ bytes: { byteOffset } }) => byteOffset - whole.byteOffset);
  for (let round = 0; round < 1500; round++) {
    const stack = makeStack(round);
    const account = charged(stack);
    const bytes = Buffer.from(whole);
    const changes = 1 + (random() % 6);
    for (let i = 0; i < changes; i++) {
      // Headers of messages stay, so that most of the rest is looked at.
      const place = places[random() % places.length]!;
      const length = bytes.readUInt32LE(place);
      const at = place + 16 + (random() % Math.max(1, length - 16));
      if (at >= bytes.length) continue;
      bytes[at] = [random() & 0xff, bytes[at]! ^ (1 << (random() & 7)), 0, 0xff, 1, 4][random() % 6]!;
    }
    send(stack, bytes);
    reached(stack, 5001, 5003, 5009);
    assert.is(stack.filter.nft.editor, null);
    // Each by itself, on top of what is there.
    for (const { bytes: one, type } of requestsIn(bytes))
      if (type >= A.NFNL_SUBSYS_NFTABLES << 8) send(stack, batch(one));
    reached(stack, 5001, 5003, 5009);
    flush(stack);
    assert.is(account.used, 0, `round ${round}`);
    assert.is(stack.filter.nft.baseCounts[INPUT], 0);
    assert.is(stack.core.pools.used, 0);
  }
});

test.run();
