// A donated descriptor serves the next mapping of the same file: not of another one, not when that has changed, not for long;
// and it is to be closed when the file is neither mapped by it nor open.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { DONATED_FD } from "../../src/shared/ring/layout.ts";
import { Donations } from "../../src/workers/mem/donations.ts";

const MS = 1e6;
const FD = DONATED_FD + 2;
const BACKING = { id: 1, path: "/file", dev: 1, ino: 1 };

function fileOf() {
  return { changeCount: 0, isOpen: true };
}

test("it is the file's that was given last, under its number alone", () => {
  const donations = new Donations();
  const [file, other] = [fileOf(), fileOf()];
  assert.not.ok(donations.has(FD, file, 0));
  donations.keep(FD, file, BACKING, 0);
  assert.ok(donations.has(FD, file, 1));
  assert.not.ok(donations.has(FD, other, 1));
  assert.not.ok(donations.has(FD + 1, file, 1));
  donations.keep(FD, other, BACKING, 0);
  assert.not.ok(donations.has(FD, file, 1));
  donations.forget(FD);
  donations.forget(FD + 5);
  assert.not.ok(donations.has(FD, other, 1));
});

test("not when the file has changed, and not for long", () => {
  const donations = new Donations();
  const file = fileOf();
  donations.keep(FD, file, BACKING, 0);
  assert.ok(donations.has(FD, file, 99 * MS));
  assert.not.ok(donations.has(FD, file, 100 * MS));
  file.changeCount++;
  assert.not.ok(donations.has(FD, file, 1));
});

test("it is needed for as long as the file is open", () => {
  const donations = new Donations();
  const file = fileOf();
  assert.is(donations.unneeded(FD), null);
  donations.keep(FD, file, BACKING, 0);
  assert.is(donations.unneeded(FD), null);
  file.isOpen = false;
  assert.is(donations.unneeded(FD), BACKING);
  donations.forget(FD);
  assert.is(donations.unneeded(FD), null);
});

test.run();
