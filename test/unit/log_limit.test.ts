// Lines of the log that a guest can cause: a burst, then one in a while, with the number of those left out.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { LogLimit } from "../../src/workers/log_limit.ts";

test("a burst, then one in ten seconds, each message for itself", () => {
  const limit = new LogLimit();
  const counts = Array.from({ length: 100 }, () => limit.admit("a", 1000));
  assert.equal(counts, [...Array(20).fill(0), ...Array(80).fill(-1)]);
  assert.is(limit.admit("b", 1000), 0);
  assert.is(limit.admit("a", 10_999), -1);
  assert.is(limit.admit("a", 11_000), 81);
  assert.is(limit.admit("a", 11_001), -1);
  assert.is(limit.admit("a", 21_000), 1);
  // After a long rest there is a burst again, and no more than one.
  const later = Array.from({ length: 50 }, () => limit.admit("a", 1e9));
  assert.is(later.filter((count) => count >= 0).length, 20);
});

test("an hour of a guest that tries costs some hundred lines", () => {
  const limit = new LogLimit();
  let lines = 0;
  for (let ms = 0; ms < 3_600_000; ms += 10) if (limit.admit("a", ms) >= 0) lines++;
  assert.ok(lines < 400);
});

test("messages that are no constants share one limit", () => {
  const limit = new LogLimit();
  let lines = 0;
  for (let i = 0; i < 100_000; i++) if (limit.admit(`message ${i}`, 0) >= 0) lines++;
  assert.ok(lines < 300);
});

test.run();
