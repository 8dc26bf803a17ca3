// The options by which iptables and ip6tables read and set rules (Linux's ip_tables.c, ip6_tables.c), and SO_ORIGINAL_DST.
// Tables are the stack's (stack/filter/); here is what crosses the border to a guest: structs, sizes, privileges, errnos.
//
// What a guest gives is copied first and looked at then. How much of it there may be is bounded and charged (F25), and
// what takes long goes in pieces (F26).

import {
  EAGAIN,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOPROTOOPT,
  EPERM,
  EPROTONOSUPPORT,
} from "../../../shared/abi/errno.ts";
import { SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE } from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import { readU64, write64 } from "../../../shared/abi/struct.ts";
import { breatheOn } from "../../call/breathe.ts";
import type { Coroutine } from "../../call/call.ts";
import { readGuest, writeGuest } from "../../call/guest_copy.ts";
import type { NetCaller } from "../caller.ts";
import type { LongOption } from "../option_table.ts";
import { mayAdminister } from "../privileges.ts";
import { compile, counterPlaces, type Replacement, revisionsOf } from "../stack/filter/blob.ts";
import { HOOKS } from "../stack/filter/evaluation.ts";
import { LAYOUT4, LAYOUT6 } from "../stack/filter/rule.ts";
import type { RuleTable } from "../stack/filter/rule_table.ts";
import type { InstalledTable } from "../stack/filter/tables.ts";
import { Tuple } from "../stack/filter/tuple.ts";
import { RULES_BYTES_MAX } from "../stack/limits.ts";
import type { InetOption, InetOptions } from "./inet_options.ts";

// IPT_SO_*, IP6T_SO_*: what is asked by a number and what is set by it have nothing to do with each other.
const GET_INFO_SET_REPLACE = 64;
const GET_ENTRIES_SET_ADD_COUNTERS = 65;
const [GET_REVISION_MATCH4, GET_REVISION_TARGET4] = [66, 67];
const [GET_REVISION_MATCH6, GET_REVISION_TARGET6] = [68, 69];
export const SO_ORIGINAL_DST = 80;

const NAME_SIZE = 32;
/** struct ipt_getinfo, ipt_get_entries, ipt_replace, xt_counters_info, xt_get_revision, as far as they are fixed. */
const INFO_SIZE = 84;
const ENTRIES_HEAD = 40;
const REPLACE_HEAD = 96;
const COUNTERS_HEAD = 40;
const REVISION_SIZE = 30;
const COUNTER_SIZE = 16;
const COUNTERS_MAX = 2 ** 27;
const COUNTERS_ROUND = 16384;
/** Heap that a byte of rules makes, with itself: measured, 2 to 6; the first ones of a table are free. */
const CHARGE = 6;
const FREE = 4096;

function textIn(bytes: Buffer, size: number): string {
  return bytes.toString("latin1", 0, size).split("\0")[0]!;
}

/** A name of a table, which ends before its last byte whatever stands there. */
function tableName(bytes: Buffer): string {
  return textIn(bytes, NAME_SIZE - 1);
}

function tableOf(options: InetOptions, isV6: boolean, name: string): InstalledTable | null {
  return options.inet.network.inet.stack.filter.tables(isV6).table(name);
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Does what holds so many bytes for as long as the guest takes to copy them. */
function* charged(options: InetOptions, bytes: number, work: () => Coroutine): Coroutine {
  const { heap, counters } = options.inet.kernel;
  if (!heap.hasRoom("socketMemory", bytes)) return -ENOMEM;
  counters.socketMemory += bytes;
  try {
    return yield* work();
  } finally {
    counters.socketMemory -= bytes;
  }
}

/** Copies an answer out, and tells its length. */
function* answer(task: NetCaller, address: number, roomAt: number, bytes: Buffer): Coroutine {
  const error = yield* writeGuest(task, address, bytes);
  if (error < 0) return error;
  task.call.view.setInt32(task.call.out(roomAt, 4), bytes.length, true);
  return 0;
}

// ---- What is asked ----

function* getInfo(
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  room: number,
  roomAt: number,
): Coroutine {
  if (room !== INFO_SIZE) return -EINVAL;
  const asked = yield* readGuest(task, address, INFO_SIZE);
  if (typeof asked === "number") return asked;
  const name = tableName(asked);
  const table = tableOf(options, isV6, name);
  if (table === null) return -ENOENT;
  const { hooks, hookEntries, underflows, count } = table.replacement;
  const bytes = Buffer.alloc(INFO_SIZE);
  bytes.write(name, "latin1");
  bytes.writeUInt32LE(hooks, 32);
  for (let hook = 0; hook < HOOKS; hook++) {
    const has = (hooks & (1 << hook)) !== 0;
    bytes.writeUInt32LE(has ? hookEntries[hook]! : 0, 36 + hook * 4);
    bytes.writeUInt32LE(has ? underflows[hook]! : 0, 56 + hook * 4);
  }
  bytes.writeUInt32LE(count, 76);
  bytes.writeUInt32LE(table.bytes.length, 80);
  return yield* answer(task, address, roomAt, bytes);
}

/** The entries as they were given, with what has been counted, behind the head that asked for them. */
function entriesWithCounters(head: Buffer, { bytes, rules: { counters }, isV6 }: InstalledTable): Buffer {
  const all = Buffer.concat([head, bytes]);
  const entries = all.subarray(head.length);
  const view = viewOf(entries);
  let index = 0;
  for (const at of counterPlaces(entries, isV6 ? LAYOUT6 : LAYOUT4)) {
    write64(view, at, counters[index * 2]!);
    write64(view, at + 8, counters[index * 2 + 1]!);
    index++;
  }
  return all;
}

function* getEntries(
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  room: number,
  roomAt: number,
): Coroutine {
  if (room < ENTRIES_HEAD) return -EINVAL;
  const asked = yield* readGuest(task, address, ENTRIES_HEAD);
  if (typeof asked === "number") return asked;
  const size = asked.readUInt32LE(NAME_SIZE);
  if (room !== ENTRIES_HEAD + size) return -EINVAL;
  const table = tableOf(options, isV6, tableName(asked));
  if (table === null) return -ENOENT;
  if (size !== table.bytes.length) return -EAGAIN;
  return yield* charged(options, size, () =>
    answer(task, address, roomAt, entriesWithCounters(asked, table)),
  );
}

function* getRevision(
  isTarget: boolean,
  isV6: boolean,
  task: NetCaller,
  address: number,
  room: number,
): Coroutine {
  if (room !== REVISION_SIZE) return -EINVAL;
  const asked = yield* readGuest(task, address, REVISION_SIZE);
  if (typeof asked === "number") return asked;
  const revisions = revisionsOf(isTarget, textIn(asked, REVISION_SIZE - 2), isV6);
  if (revisions.length === 0) return -ENOENT;
  return revisions.includes(asked[REVISION_SIZE - 1]!) ? Math.max(...revisions) : -EPROTONOSUPPORT;
}

type Getter = (
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  room: number,
  roomAt: number,
) => Coroutine;

// ---- What is set ----

/** Counts of rules that are no more, to whoever replaced them; that they do not get there changes nothing. */
function* tellCounters(
  task: NetCaller,
  address: number,
  { counters }: RuleTable,
): Generator<void, void, void> {
  const bytes = Buffer.alloc((counters.length / 2) * COUNTER_SIZE);
  const view = viewOf(bytes);
  for (let i = 0; i < counters.length; i++) write64(view, i * 8, counters[i]!);
  for (let done = 0; done < bytes.length; ) {
    const round = Math.min(bytes.length - done, COUNTERS_ROUND);
    task.call.bytes.set(bytes.subarray(done, done + round), task.call.out(address + done, round));
    if ((yield* task.call.copyOutRound()) < round) return;
    done += round;
  }
}

function* replace(
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  length: number,
): Coroutine {
  if (length < REPLACE_HEAD) return -EINVAL;
  const head = yield* readGuest(task, address, REPLACE_HEAD);
  if (typeof head === "number") return head;
  const size = head.readUInt32LE(40);
  const oldCount = head.readUInt32LE(84);
  if (oldCount >= COUNTERS_MAX) return -ENOMEM;
  if (oldCount === 0 || length < size + REPLACE_HEAD) return -EINVAL;
  const { heap, counters } = options.inet.kernel;
  const charge = Math.max(0, size - FREE) * CHARGE;
  if (size > RULES_BYTES_MAX || !heap.hasRoom("socketMemory", charge)) {
    counters.filterRefusals++;
    return -ENOMEM;
  }
  counters.socketMemory += charge;
  // Of the old rules, too, as long as their counts are told.
  let held = charge;
  try {
    const bytes = yield* readGuest(task, address + REPLACE_HEAD, size);
    if (typeof bytes === "number") return bytes;
    const words = (at: number): number[] =>
      Array.from({ length: HOOKS }, (_, hook) => head.readUInt32LE(at + hook * 4));
    const replacement: Replacement = {
      hooks: head.readUInt32LE(32) & ((1 << HOOKS) - 1),
      count: head.readUInt32LE(36),
      hookEntries: words(44),
      underflows: words(64),
    };
    const name = tableName(head);
    const rules = yield* compiled(task, bytes, isV6, name, replacement);
    if (typeof rules === "number") {
      counters.filterRefusals++;
      return rules;
    }
    const table = tableOf(options, isV6, name);
    if (table === null) return -ENOENT;
    if (head.readUInt32LE(32) !== table.hooks) return -EINVAL;
    if (oldCount !== table.replacement.count) return -EAGAIN;
    const old = table.rules;
    options.inet.network.inet.stack.filter.tables(isV6).replace(table, bytes, rules, replacement);
    held = table.charge;
    table.charge = charge;
    yield* tellCounters(task, readU64(viewOf(head), 88), old);
    return 0;
  } finally {
    counters.socketMemory -= held;
  }
}

function* compiled(
  task: NetCaller,
  bytes: Buffer,
  isV6: boolean,
  name: string,
  replacement: Replacement,
): Generator<void, RuleTable | number, void> {
  const pieces = compile(bytes, isV6 ? LAYOUT6 : LAYOUT4, name, replacement);
  for (;;) {
    const { done, value } = pieces.next();
    if (done === true) return value;
    if (task.kernel.longTurns.isFull) yield* breatheOn(task);
  }
}

function* addCounters(
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  length: number,
): Coroutine {
  if (length <= COUNTERS_HEAD) return -EINVAL;
  const head = yield* readGuest(task, address, COUNTERS_HEAD);
  if (typeof head === "number") return head;
  const count = head.readUInt32LE(NAME_SIZE);
  if (length !== COUNTERS_HEAD + count * COUNTER_SIZE) return -EINVAL;
  const table = tableOf(options, isV6, tableName(head));
  if (table === null) return -ENOENT;
  if (count !== table.replacement.count) return -EINVAL;
  return yield* charged(options, count * COUNTER_SIZE, () =>
    addTo(table, task, address + COUNTERS_HEAD, count),
  );
}

function* addTo(table: InstalledTable, task: NetCaller, address: number, count: number): Coroutine {
  const added = yield* readGuest(task, address, count * COUNTER_SIZE);
  if (typeof added === "number") return added;
  const { rules } = table;
  if (rules.rules.length !== count) return -EINVAL;
  const view = viewOf(added);
  for (let i = 0; i < count * 2; i++) rules.counters[i]! += readU64(view, i * 8);
  return 0;
}

type Setter = (
  options: InetOptions,
  isV6: boolean,
  task: NetCaller,
  address: number,
  length: number,
) => Coroutine;

// ---- The tables of options ----

function option(isV6: boolean, get: Getter | null, set: Setter | null): LongOption<InetOptions> {
  return {
    get: (options, task, address, room, roomAt) => {
      if (get === null) return -ENOPROTOOPT;
      if (!mayAdminister(task, options.inet.network)) return -EPERM;
      return task.call.start(get(options, isV6, task, address, room, roomAt));
    },
    set: (options, task, address, length) => {
      if (set === null) return -ENOPROTOOPT;
      if (!mayAdminister(task, options.inet.network)) return -EPERM;
      return task.call.start(set(options, isV6, task, address, length));
    },
  };
}

function revision(isTarget: boolean): Getter {
  return (_options, isV6, task, address, room) => getRevision(isTarget, isV6, task, address, room);
}

function optionsOf(isV6: boolean): ReadonlyMap<number, LongOption<InetOptions>> {
  return new Map([
    [GET_INFO_SET_REPLACE, option(isV6, getInfo, replace)],
    [GET_ENTRIES_SET_ADD_COUNTERS, option(isV6, getEntries, addCounters)],
    [isV6 ? GET_REVISION_MATCH6 : GET_REVISION_MATCH4, option(isV6, revision(false), null)],
    [isV6 ? GET_REVISION_TARGET6 : GET_REVISION_TARGET4, option(isV6, revision(true), null)],
  ]);
}

export const FILTER_OPTIONS4 = optionsOf(false);
export const FILTER_OPTIONS6 = optionsOf(true);

// ---- SO_ORIGINAL_DST ----

/** Where the peer had wanted to go before its connection was led here (getorigdst, ipv6_getorigdst). */
function originalDestination(isV6: boolean): InetOption {
  return {
    get: ({ inet, endpoint }, _task, room) => {
      if (endpoint.protocol !== S.IPPROTO_TCP) return -ENOPROTOOPT;
      if (room < (isV6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE)) return -EINVAL;
      const { local, localPort, remote, remotePort } = endpoint;
      if (remote === null || remote.isV4 === isV6) return -ENOENT;
      const tuple = new Tuple();
      tuple.setSource(local.w0, local.w1, local.w2, local.w3);
      tuple.setDestination(remote.w0, remote.w1, remote.w2, remote.w3);
      tuple.protocol = S.IPPROTO_TCP;
      tuple.sourcePort = localPort;
      tuple.destinationPort = remotePort;
      const found = inet.network.inet.stack.filter.conntrack.find(tuple);
      if (found === null) return -ENOENT;
      const { destination0, destination1, destination2, destination3, destinationPort } = found.flow.original;
      const name = Buffer.alloc(isV6 ? SOCKADDR_IN6_SIZE : SOCKADDR_IN_SIZE);
      name.writeUInt16LE(isV6 ? S.AF_INET6 : S.AF_INET, 0);
      name.writeUInt16BE(destinationPort, 2);
      if (isV6)
        for (const [i, word] of [destination0, destination1, destination2, destination3].entries())
          name.writeInt32BE(word, 8 + i * 4);
      else name.writeInt32BE(destination3, 4);
      return name;
    },
  };
}

export const ORIGINAL_DESTINATION4 = originalDestination(false);
export const ORIGINAL_DESTINATION6 = originalDestination(true);
