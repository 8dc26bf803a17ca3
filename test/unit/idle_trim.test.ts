// An idle thread gives memory back once, after a while, and again only when it has worked meanwhile.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { IdleTrim } from "../../src/workers/idle_trim.ts";
import type { Native } from "../../src/workers/native.ts";

const SECOND_NS = 1e9;

test("twice for each time of work, whatever wakes the thread meanwhile", () => {
  let trims = 0;
  const trim = new IdleTrim({ trim: () => trims++ } as unknown as Native);
  assert.is(trim.bound(-1), 2 * SECOND_NS);
  assert.is(trim.bound(SECOND_NS), SECOND_NS);
  trim.afterSleep(SECOND_NS);
  assert.is(trims, 0);
  assert.is(trim.bound(-1), SECOND_NS);
  trim.afterSleep(SECOND_NS);
  assert.is(trims, 1);
  assert.is(trim.bound(-1), 4 * SECOND_NS);
  trim.afterSleep(4 * SECOND_NS);
  assert.is(trims, 2);
  assert.is(trim.bound(-1), -1);
  trim.afterSleep(9 * SECOND_NS);
  assert.is(trims, 2);
  trim.worked();
  assert.is(trim.bound(-1), 2 * SECOND_NS);
  trim.afterSleep(2 * SECOND_NS);
  assert.is(trims, 3);
});

test.run();
