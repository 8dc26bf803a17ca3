// A data thread leaves its CPU to the stubs that share it (pool/mover_placement.ts).

import { test } from "uvu";
import * as assert from "uvu/assert";
import { MoverPlacement } from "../../src/workers/pool/mover_placement.ts";

function make() {
  const kernel = { counters: { requests: 100 }, slots: { wakes: 50 } };
  const placement = new MoverPlacement(kernel);
  placement.slept();
  const serve = (requests: number, wakes: number) => {
    kernel.counters.requests += requests;
    kernel.slots.wakes += wakes;
    placement.look();
    return placement.pollNs;
  };
  return { placement, serve };
}

test("it polls while stubs poll for its answers", () => {
  const { placement, serve } = make();
  for (let i = 0; i < 10; i++) assert.ok(serve(16, 4) > 0);
  assert.not.ok(placement.sleepsAtOnce);
});

test("it sleeps at once where they sleep over their calls, until it is woken", () => {
  const { placement, serve } = make();
  assert.ok(serve(10, 10) > 0, "a few say nothing");
  assert.is(serve(6, 6), 0);
  assert.ok(placement.sleepsAtOnce);
  assert.is(serve(2, 2), 0);
  placement.slept();
  assert.ok(placement.pollNs > 0);
});

test("it polls again where they poll again", () => {
  const { serve } = make();
  assert.is(serve(16, 16), 0);
  assert.ok(serve(16, 0) > 0);
});

test.run();
