// How the time of a call is split by what is seen of it, and what counts as a call; kernel and calls are made up, and the
// clock is the real one, so that only the order of times is looked at.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { recordWord } from "../../src/shared/ring/claims.ts";
import { POSTED_AT } from "../../src/shared/ring/layout.ts";
import { Request } from "../../src/shared/ring/slot_states.ts";
import type { Call } from "../../src/workers/call/call.ts";
import { Recorder, type Subject } from "../../src/workers/profile/recorder.ts";
import { addressText } from "../../src/workers/profile/socket_names.ts";

const MONOTONIC_NS = () => Number(process.hrtime.bigint());

interface FakeCall {
  slot: number;
  nr: number;
  sequence: number;
  asked: object | null;
  owned: boolean;
  mayHaveReturned: boolean;
  frame: { argumentLow(index: number): number };
}

/** What reads ask for. */
const SIZE = 4096;

function world(of: () => Subject = () => ({ kind: "paths", name: "/x" })) {
  const stamps = new Map<number, number>();
  const words = new Int32Array(1 << 19);
  const kernel = {
    native: { monotonicNs: MONOTONIC_NS },
    slots: { unsigned: (_slot: number, offset: number) => stamps.get(offset) ?? 0 },
    memory: { words },
  };
  const recorder = new Recorder(kernel as never, { of, socketName: (name) => name }, null);
  const make = (name: string, slot = 0): Call =>
    ({
      slot,
      nr: nr(name),
      sequence: 0,
      asked: null,
      owned: true,
      mayHaveReturned: false,
      frame: { argumentLow: () => SIZE },
    }) satisfies FakeCall as unknown as Call;
  const told = (name: string) => recorder.calls.toRecord().find((entry) => entry.nr === nr(name));
  return { recorder, make, told, stamps, words };
}

/** At least as long. */
function spend(ns: number): void {
  for (const end = MONOTONIC_NS() + ns; MONOTONIC_NS() < end; );
}

const LONG_NS = 300_000;
const sumOf = (packed: number[]) => packed[0] ?? 0;

test("work, and waits for an event, the stub and the host", () => {
  const { recorder, make, told } = world();
  const call = make("read");
  const fake = call as unknown as FakeCall;
  recorder.enter(call);
  for (const how of [{ owned: true }, { owned: false }, { asked: {} }]) {
    Object.assign(fake, { owned: true, asked: null }, how);
    recorder.rests(call);
    spend(LONG_NS);
    recorder.goesOn(call);
  }
  spend(LONG_NS);
  recorder.leave(call, 100);
  const { service, work, waitEvent, waitStub, waitHost, ...entry } = told("read")!;
  for (const part of [work, waitEvent, waitStub, waitHost])
    assert.ok(sumOf(part) >= LONG_NS * 0.9, String(part));
  const parts = [work, waitEvent, waitStub, waitHost].reduce((sum, part) => sum + sumOf(part), 0);
  assert.ok(Math.abs(parts - sumOf(service)) < 1);
  assert.equal([entry.count, entry.errors, entry.bytes, entry.small], [1, 0, 100, 1]);
  assert.equal(
    recorder.most("hostWaits").map(({ name, count }) => [name, count]),
    [["/x", 1]],
  );
  assert.is(recorder.end(), 0);
});

test("a size is its program's choice where a read got all it asked for, or a write is to no socket", () => {
  let subject: Subject = { kind: "paths", name: "/x" };
  const { recorder, make, told } = world(() => subject);
  const made = (name: string, asked: number, result: number) => {
    const call = make(name);
    (call as unknown as FakeCall).frame = { argumentLow: (index) => (index === 2 ? asked : 0) };
    recorder.enter(call);
    recorder.leave(call, result);
  };
  const chosen = (name: string) => {
    const { small, chosen, chosenBytes } = told(name)!;
    return [small, chosen, chosenBytes];
  };
  made("read", 100, 100);
  made("read", 65_536, 100); // all that there was
  made("read", 100, 0);
  made("read", 8192, 8192);
  made("read", 100, -4);
  assert.equal(chosen("read"), [3, 1, 100]);
  made("write", 7, 7);
  made("write", 8192, 8192);
  assert.equal(chosen("write"), [1, 1, 7]);
  // How much a readv asks for stands in the guest's memory.
  made("readv", 1, 1);
  assert.equal(chosen("readv"), [1, 0, 0]);
  subject = { kind: "sockets", name: "socket:[1]" };
  made("write", 7, 7);
  made("recvfrom", 4, 4);
  assert.equal(chosen("write"), [2, 1, 7]);
  assert.equal(chosen("recvfrom"), [1, 1, 4]);
  const most = (use: "smallReads" | "smallWrites") =>
    recorder.most(use).map(({ name, count }) => [name, count]);
  assert.equal(most("smallReads"), [
    ["/x", 1],
    ["socket:[1]", 1],
  ]);
  assert.equal(most("smallWrites"), [["/x", 1]]);
  assert.is(recorder.errors, 0);
});

test("names that are looked for are told apart from files that are read, and those that are not there", () => {
  let name = "/read";
  const { recorder, make } = world(() => ({ kind: "paths", name }));
  for (const [call, path, result] of [
    ["read", "/read", 1],
    ["openat", "/a", 3],
    ["newfstatat", "/b", -2],
    ["newfstatat", "/b", -13],
  ] as const) {
    name = path;
    const one = make(call);
    recorder.enter(one);
    recorder.leave(one, result);
  }
  const most = (use: "lookups" | "missing") => recorder.most(use).map(({ name, count }) => [name, count]);
  assert.equal(most("lookups"), [
    ["/b", 2],
    ["/a", 1],
  ]);
  assert.equal(most("missing"), [["/b", 1]]);
});

test("threads that have called are as many as have slots", () => {
  const { recorder, make } = world();
  for (const slot of [3, 70, 3]) {
    const call = make("read", slot);
    recorder.enter(call);
    recorder.leave(call, 1);
  }
  assert.is(recorder.callers, 2);
});

test("errors have their numbers", () => {
  const { recorder, make, told } = world();
  for (const result of [0, -2, -2, -13]) {
    const call = make("access");
    recorder.enter(call);
    recorder.leave(call, result);
  }
  const { count, errors, errnos } = told("access")!;
  assert.equal([count, errors, errnos], [4, 3, { 2: 2, 13: 1 }]);
});

test("a call that never returns counts once, one that is under way does not", () => {
  const { recorder, make, told } = world();
  const [exit, blocked] = [make("exit_group", 1), make("read", 2)];
  recorder.enter(exit);
  recorder.rests(exit);
  recorder.enter(blocked);
  recorder.rests(blocked);
  assert.is(recorder.end(), 1);
  assert.is(told("exit_group")!.count, 1);
  assert.is(told("read"), undefined);
  // Another task has the slot.
  const { recorder: second, make: another, told: toldThen } = world();
  second.enter(another("execve", 3));
  second.enter(another("read", 3));
  assert.is(toldThen("execve")!.count, 1);
});

test("what another thread goes on with is its", () => {
  const { recorder, make, told, words } = world();
  words[recordWord(0, 0)] = Request.SYSCALL;
  const call = make("sendto");
  recorder.enter(call);
  recorder.passed(call);
  recorder.leave(call, 5);
  const { count, passed, trapped } = told("sendto")!;
  assert.equal([count, passed, trapped], [0, 1, 0]);
});

test("a stub that goes back by itself takes no time of its call with it", () => {
  const { recorder, make, told } = world();
  const call = make("mmap");
  recorder.enter(call);
  Object.assign(call as unknown as FakeCall, { owned: false, mayHaveReturned: true });
  recorder.rests(call);
  spend(LONG_NS * 3);
  recorder.leave(call, 4096);
  assert.ok(sumOf(told("mmap")!.service) < LONG_NS * 3);
});

test("a list that failed behind which a stub would have gone back ends nothing", () => {
  const { recorder, make, told } = world();
  const call = make("mmap");
  recorder.enter(call);
  Object.assign(call as unknown as FakeCall, { owned: false, mayHaveReturned: true });
  recorder.rests(call);
  recorder.goesOn(call);
  spend(LONG_NS);
  recorder.leave(call, -12);
  assert.ok(sumOf(told("mmap")!.work) >= LONG_NS);
});

test("when a call was posted says nothing of the next one", () => {
  const { recorder, make, told, stamps } = world();
  spend(10_000);
  const call = make("getppid");
  for (const posted of [MONOTONIC_NS(), 0, 0]) {
    stamps.set(POSTED_AT, posted);
    recorder.enter(call);
    recorder.leave(call, 1);
  }
  const { count, queue } = told("getppid")!;
  // Sum, minimum and maximum, then one bucket with its count.
  assert.equal([count, queue.length, queue[4]], [3, 5, 1]);
});

test("times of a stub count where they can be true", () => {
  for (const [posted, counts] of [
    [() => MONOTONIC_NS(), 1],
    [() => 0, 0],
    [() => MONOTONIC_NS() + 1e9, 0],
    [() => MONOTONIC_NS() - 1e12, 0],
  ] as const) {
    const { recorder, make, told, stamps } = world();
    spend(10_000);
    stamps.set(POSTED_AT, posted());
    const call = make("getppid");
    recorder.enter(call);
    recorder.leave(call, 1);
    assert.is(told("getppid")!.queue.length > 0, counts === 1, String(posted));
  }
});

test("trapped calls are told from others", () => {
  const { recorder, make, told, words } = world();
  for (const kind of [Request.SYSCALL, Request.PATCHED]) {
    words[recordWord(0, 0)] = kind;
    const call = make("getppid");
    recorder.enter(call);
    recorder.leave(call, 1);
  }
  assert.equal([told("getppid")!.count, told("getppid")!.trapped], [2, 1]);
});

test("a call whose subject cannot be found is served", () => {
  const { recorder, make, told } = world(() => {
    throw new Error("a slip");
  });
  const call = make("getppid");
  recorder.enter(call);
  recorder.leave(call, 1);
  assert.equal([told("getppid")!.count, recorder.errors], [1, 1]);
});

test("addresses of sockets", () => {
  const told = (...bytes: number[]) => addressText(String.fromCharCode(...bytes));
  assert.is(told(2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), "127.0.0.1:80");
  assert.is(told(10, 0, 1, 0, 0, 0, 0, 0, ...new Array(15).fill(0), 1, 0, 0, 0, 0), "[0:0:0:0:0:0:0:1]:256");
  assert.is(told(1, 0, 47, 97, 0, 98), "/a");
  assert.is(told(1, 0, 0, 97), "@a");
  for (const bytes of [[], [1], [1, 0], [2, 0, 1], [16, 0, 1, 2]]) assert.is(told(...bytes), "");
});

test.run();
