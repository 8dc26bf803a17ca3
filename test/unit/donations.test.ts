// No two lists of a stub have the same number for what they are given, and there are as many as there are.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { DONATED_FD, DOORBELL_FD } from "../../src/shared/ring/layout.ts";
import { Donations } from "../../src/workers/mem/donations.ts";

test("the lowest that is free", () => {
  const donations = new Donations();
  assert.is(donations.begin(), DONATED_FD);
  assert.is(donations.begin(), DONATED_FD + 1);
  donations.end(DONATED_FD);
  assert.is(donations.begin(), DONATED_FD);
  assert.is(donations.begin(), DONATED_FD + 2);
});

test("none is a doorbell's", () => {
  const donations = new Donations();
  const all = new Set<number>();
  for (let fd = donations.begin(); fd >= 0; fd = donations.begin()) all.add(fd);
  assert.is(all.size, DOORBELL_FD - DONATED_FD);
  assert.is(Math.max(...all), DOORBELL_FD - 1);
  for (const fd of all) donations.end(fd);
  assert.is(donations.begin(), DONATED_FD);
});

test.run();
