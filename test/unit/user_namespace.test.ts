// Maps of ids: which there are, up to the ends of 32 bits, how they are told, and whom the host's owners are.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { capable, initialCredentials } from "../../src/workers/credentials/credentials.ts";
import { IdMap, NO_ID, OVERFLOW_ID } from "../../src/workers/credentials/id_map.ts";
import { readMap } from "../../src/workers/credentials/map_text.ts";
import { guestNamespace, Owned, UserNamespace } from "../../src/workers/credentials/user_namespace.ts";
import { ownersFit } from "../../src/workers/vfs/mountable.ts";

test("an id is there from a range's first to its last", () => {
  const map = new IdMap([
    [0, 1000, 1],
    [10, 100_000, 5],
    [NO_ID - 2, 5, 2],
  ]);
  const there = [0, 1, 9, 10, 14, 15, NO_ID - 3, NO_ID - 2, NO_ID - 1, NO_ID].filter((id) => map.has(id));
  assert.equal(there, [0, 10, 14, NO_ID - 2, NO_ID - 1]);
  assert.not.ok(new IdMap([]).has(0));
  assert.not.ok(new IdMap([[5, 5, 0]]).has(5));
  const whole = new IdMap([[0, 0, NO_ID]]);
  assert.ok(whole.isWhole && whole.has(NO_ID - 1) && !whole.has(NO_ID));
  // As long, but of other ids.
  const shifted = new IdMap([[0, 1, NO_ID - 1]]);
  assert.ok(!shifted.isWhole && shifted.has(NO_ID - 2) && !shifted.has(NO_ID - 1));
});

test("maps are told in Linux's columns, long ones in order", () => {
  assert.is(new IdMap([[0, 1000, 1]]).text(null), "         0       1000          1\n");
  const ranges = [5, 3, 1, 4, 2, 0].map((id) => [id, id, 1] as const);
  const firsts = (map: IdMap) =>
    map
      .text(null)
      .match(/^ *\d+/gm)!
      .map(Number);
  assert.equal(firsts(new IdMap(ranges)), [0, 1, 2, 3, 4, 5]);
  assert.equal(firsts(new IdMap(ranges.slice(1))), [3, 1, 4, 2, 0]);
});

test("an owner whom nobody can be is none, where that can be told", () => {
  const few = new IdMap([[0, 1000, 1]]);
  assert.equal(
    [0, OVERFLOW_ID].map((id) => few.fromHost(id)),
    [0, NO_ID],
  );
  assert.is(few.told(NO_ID), OVERFLOW_ID);
  assert.is(new IdMap([[0, 1000, 65_536]]).fromHost(OVERFLOW_ID), OVERFLOW_ID);
});

test("what is the whole system's takes the initial namespace", () => {
  const gids = [[0, 1000, 1]] as const;
  const guests = guestNamespace({ uids: [[0, 0, NO_ID]], gids, setgroups: true });
  const root = initialCredentials(0, 0, [], guests);
  assert.ok(capable(root, guests, 0));
  assert.not.ok(capable(root, guests.initial, 0));
  const initial = guestNamespace({ uids: [[0, 0, NO_ID]], gids: [[0, 0, NO_ID]], setgroups: true });
  assert.is(initial.parent, null);
  assert.is(initial.initial, initial);
});

test("an owner among a mount's options is a number, and somebody's", () => {
  const users = guestNamespace({ uids: [[0, 1000, 10]], gids: [[0, 0, NO_ID]], setgroups: true });
  const fits = (word: string) => ownersFit(users, ["size=4k", word]);
  assert.equal(["uid=9", "gid=4294967294", "mode=uid=x"].map(fits), [true, true, true]);
  for (const word of [
    "uid=10",
    "uid=",
    "uid=1.5",
    "uid=0x1",
    "uid=-1",
    "gid=4294967295",
    "gid=4294967296",
    "gid=1e3",
  ])
    assert.not.ok(fits(word), word);
});

test("ids of a namespace below are others for the kernel, and back", () => {
  const map = IdMap.below([
    [0, 1000, 1],
    [1, 100_000, 10],
    [500, 5, 5],
  ]);
  assert.equal(
    [0, 1, 10, 11, 500, 504, 505, NO_ID].map((id) => map.toKernel(id)),
    [1000, 100_000, 100_009, NO_ID, 5, 9, NO_ID, NO_ID],
  );
  assert.equal(
    [1000, 100_000, 100_009, 100_010, 5, 9, 0, NO_ID].map((id) => map.fromKernel(id)),
    [0, 1, 10, NO_ID, 500, 504, NO_ID, NO_ID],
  );
  assert.is(map.told(77), OVERFLOW_ID);
  assert.is(map.toKernelAll(1, 10), 100_000);
  assert.is(map.toKernelAll(0, 2), NO_ID);
  assert.is(map.toKernelAll(2, 10), NO_ID);
  assert.ok(!map.isWhole && IdMap.below([[0, 0, NO_ID]]).told(7) === 7);
  assert.is(map.text(IdMap.below([[7, 1000, 1]])).split("\n")[0], "         0          7          1");
});

test("a text of a map is what Linux takes", () => {
  for (const text of [
    "",
    "\n",
    "1 2",
    "1 2 3 4",
    "1 2 0",
    "a 2 3",
    "4294967295 0 1",
    "0 0 1\n\n",
    "0 0 2\n1 5 1",
  ])
    assert.ok(typeof readMap(text) === "number", JSON.stringify(text));
  assert.equal(readMap(" 1\t2  3 \n4294967296 9 1\n"), [
    [1, 2, 3],
    [0, 9, 1],
  ]);
  const lines = (count: number) => Array.from({ length: count }, (_none, i) => `${i} ${i} 1\n`).join("");
  assert.is((readMap(lines(340)) as unknown[]).length, 340);
  assert.ok(typeof readMap(lines(341)) === "number");
});

test("whoever has made a namespace is mighty in it and below, from the one above", () => {
  const guests = new UserNamespace(null).hold();
  const gone: number[] = [];
  const counters = { userNamespaces: 0, idExtents: 0 };
  const all = { counters, mapped() {}, gone: ({ number }: UserNamespace) => gone.push(number) };
  const made = (parent: UserNamespace, number: number, uid: number) =>
    new UserNamespace(parent, {}, { set: all, number, owner: { uid, gid: uid }, makerMaySetFileCaps: false });
  const below = made(guests, 1, 1000).hold();
  const deeper = made(below, 2, 1000).hold();
  const [root, somebody, other] = [0, 1000, 2000].map((uid) => initialCredentials(uid, uid, [], guests));
  assert.ok(capable(root!, below, 21) && capable(root!, deeper, 21));
  assert.ok(capable(somebody!, below, 21) && capable(somebody!, deeper, 21));
  assert.not.ok(capable(other!, below, 21));
  assert.not.ok(capable(somebody!, guests, 21));
  const inside = { ...initialCredentials(0, 0, [], below) };
  assert.ok(capable(inside, below, 21) && capable(inside, deeper, 21));
  assert.not.ok(capable(inside, guests, 21));
  // What is counted ends with the last holder, of those below first.
  guests.limits.set("user", 2);
  assert.is(guests.mayOwn("user", 1000), -28);
  assert.is(below.mayOwn("user", 5), -28);
  assert.is(guests.mayOwn("user", 2000), 0);
  below.map("uids", [[0, 1000, 1]]);
  assert.equal(counters, { userNamespaces: 2, idExtents: 1 });
  below.release();
  assert.equal(gone, []);
  deeper.release();
  assert.equal(gone, [2, 1]);
  assert.equal(counters, { userNamespaces: 0, idExtents: 0 });
  assert.is(below.uids.told(1000), OVERFLOW_ID);
  assert.is(guests.mayOwn("user", 1000), 0);
  const owned = new Owned(guests, "uts", 7);
  guests.limits.set("uts", 1);
  assert.is(guests.mayOwn("uts", 7), -28);
  owned.release();
  owned.release();
  assert.is(guests.mayOwn("uts", 7), 0);
});

test.run();
