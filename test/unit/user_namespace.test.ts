// Maps of ids: which there are, up to the ends of 32 bits, how they are told, and whom the host's owners are.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { capable, initialCredentials } from "../../src/workers/credentials/credentials.ts";
import {
  guestNamespace,
  IdMap,
  NO_ID,
  OVERFLOW_ID,
  told,
} from "../../src/workers/credentials/user_namespace.ts";
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
  assert.is(new IdMap([[0, 1000, 1]]).text, "         0       1000          1\n");
  const ranges = [5, 3, 1, 4, 2, 0].map((id) => [id, id, 1] as const);
  const firsts = (map: IdMap) => map.text.match(/^ *\d+/gm)!.map(Number);
  assert.equal(firsts(new IdMap(ranges)), [0, 1, 2, 3, 4, 5]);
  assert.equal(firsts(new IdMap(ranges.slice(1))), [3, 1, 4, 2, 0]);
});

test("an owner whom nobody can be is none, where that can be told", () => {
  const few = new IdMap([[0, 1000, 1]]);
  assert.equal(
    [0, OVERFLOW_ID].map((id) => few.fromHost(id)),
    [0, NO_ID],
  );
  assert.is(told(NO_ID), OVERFLOW_ID);
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

test.run();
