// Descriptors that a stub is given: one for reading serves the next mapping of the same file, not of another one, not when that
// has changed, not for long. Few stay, none that its list or another's still uses is closed, and no number is two files'.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { DONATED_FD, DOORBELL_FD } from "../../src/shared/ring/layout.ts";
import { Donations, type Given } from "../../src/workers/mem/donations.ts";

const MS = 1e6;

class File {
  changeCount = 0;
  isOpen = true;
  readonly backing = { id: 1, path: "/file", dev: 1, ino: 1 };
}

/** Maps a file: its number, and whether it was to be given. */
function map(
  donations: Donations,
  file: File,
  nowNs = 0,
): { fd: number; isNew: boolean; closed: number | null } {
  const given = donations.begin(file, nowNs)!;
  const isNew = given.kept === null;
  const old = isNew ? donations.closeOldest() : null;
  donations.keep(given, file, file.backing, nowNs);
  donations.end(given);
  if (old !== null) donations.end(old);
  return { fd: given.fd, isNew, closed: old?.fd ?? null };
}

test("a file is given once", () => {
  const donations = new Donations();
  const [file, other] = [new File(), new File()];
  assert.equal(map(donations, file), { fd: DONATED_FD, isNew: true, closed: null });
  assert.equal(map(donations, file, 1), { fd: DONATED_FD, isNew: false, closed: null });
  assert.equal(map(donations, other, 1), { fd: DONATED_FD + 1, isNew: true, closed: null });
  assert.equal(map(donations, file, 2), { fd: DONATED_FD, isNew: false, closed: null });
});

test("two stay: a third has the oldest closed, whose number is free behind that", () => {
  const donations = new Donations();
  const files = Array.from({ length: 4 }, () => new File());
  map(donations, files[0]!);
  map(donations, files[1]!);
  assert.equal(map(donations, files[2]!), { fd: DONATED_FD + 2, isNew: true, closed: DONATED_FD });
  assert.equal(map(donations, files[3]!), { fd: DONATED_FD, isNew: true, closed: DONATED_FD + 1 });
  assert.ok(map(donations, files[0]!).isNew);
});

test("not when the file has changed, and not for long", () => {
  const donations = new Donations();
  const file = new File();
  map(donations, file);
  assert.not.ok(map(donations, file, 99 * MS).isNew);
  assert.ok(map(donations, file, 300 * MS).isNew);
  file.changeCount++;
  assert.ok(map(donations, file, 301 * MS).isNew);
});

test("what a list uses is not closed, and a number that is being closed is nobody's", () => {
  const donations = new Donations();
  const [first, second] = [new File(), new File()];
  map(donations, first);
  map(donations, second);
  const users = [first, second].map((file) => donations.begin(file, 1)!);
  assert.is(donations.closeOldest(), null);
  first.isOpen = false;
  assert.is(donations.closeUnneeded(first.backing), null);
  for (const user of users) donations.end(user);
  const closing = donations.closeUnneeded(first.backing)!;
  assert.is(closing.fd, DONATED_FD);
  assert.is(donations.begin(undefined, 1)!.fd, DONATED_FD + 2);
  donations.end(closing);
  assert.is(donations.begin(undefined, 1)!.fd, DONATED_FD);
});

test("what is open is needed", () => {
  const donations = new Donations();
  const file = new File();
  map(donations, file);
  assert.is(donations.closeUnneeded(file.backing), null);
  assert.is(donations.closeUnneeded(null), null);
  file.isOpen = false;
  assert.is(donations.closeUnneeded(new File().backing), null);
  assert.is(donations.closeUnneeded(file.backing)?.fd, DONATED_FD);
  assert.is(donations.closeUnneeded(file.backing), null);
});

test("a list that failed leaves nothing, and there are as many numbers as there are", () => {
  const donations = new Donations();
  const file = new File();
  map(donations, file);
  const failed = donations.begin(file, 1)!;
  failed.kept = null;
  donations.end(failed);
  assert.ok(donations.begin(file, 1)!.kept === null);
  const all: Given[] = [];
  for (let given = donations.begin(undefined, 1); given !== null; given = donations.begin(undefined, 1))
    all.push(given);
  assert.is(all.length, DOORBELL_FD - DONATED_FD - 1);
  for (const given of all) donations.end(given);
  assert.ok(donations.begin(undefined, 1) !== null);
});

test.run();
