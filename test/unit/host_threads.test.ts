// Which host threads the stubs have: those that wait for their next guest thread are among them.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Stubs } from "../../src/workers/platform/stubs.ts";

test("threads without a guest thread are host threads still", () => {
  const kernel = { native: { monotonicNs: () => 0 }, timers: { add: () => {} } };
  const stubs = new Stubs(kernel as never);
  assert.equal([...stubs.hostThreads()], []);
  const home = { pid: 7, isAlive: true, parked: [] };
  stubs.parked.add(home, { slot: 1, hostTid: 8, sequence: 4 });
  stubs.parked.add(home, { slot: 2, hostTid: 9, sequence: 4 });
  assert.equal([...stubs.hostThreads()], [8, 9]);
  stubs.parked.take(home);
  assert.equal([...stubs.hostThreads()], [8]);
});

test.run();
