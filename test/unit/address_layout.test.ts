// The layout of an address space: within Linux's bounds, never in the stub window.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { TASK_SIZE, WINDOW_BASE, WINDOW_END } from "../../src/shared/ring/layout.ts";
import { isGuestRange, RESERVED_BASE, RESERVED_END } from "../../src/workers/call/guest_range.ts";
import { brkStart, layoutAddressSpace, mmapRanges } from "../../src/workers/mem/address_layout.ts";
import { PAGE_SIZE } from "../../src/workers/mem/vma.ts";

const MIB = 1 << 20;

test("without randomness, the addresses that Linux gives", () => {
  const layout = layoutAddressSpace({
    random: () => 0,
    randomize: false,
    stackLimit: 8 * MIB,
    vdsoSize: 0x2000,
  });
  assert.is(layout.stackTop, 0x7ffffffff000);
  assert.is(layout.pieBase, 0x555555554000);
  assert.is(layout.mmapBase, 0x7ffff7fff000);
  assert.is(layout.vdso, 0, "no room above a stack that ends at TASK_SIZE");
  assert.is(
    brkStart(0x404123, false, () => 0, false),
    0x405000,
  );
});

test("any randomness and any stack limit", () => {
  // Each draw takes the next fraction: 0 and nearly 1 are the extremes.
  const fractions = fc.array(
    fc.oneof(fc.constant(0), fc.constant(0.9999999999), fc.double({ min: 0, max: 0.999, noNaN: true })),
    {
      minLength: 6,
      maxLength: 6,
    },
  );
  const limit = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    fc.maxSafeInteger().map(Math.abs),
    fc.constant(Infinity),
  );
  fc.assert(
    fc.property(fractions, limit, fc.integer({ min: 1, max: 8 }), (values, stackLimit, vdsoPages) => {
      const queue = [...values];
      const random = (bound: number) => Math.floor((queue.shift() ?? 0) * bound);
      const vdsoSize = vdsoPages * PAGE_SIZE;
      const layout = layoutAddressSpace({ random, randomize: true, stackLimit, vdsoSize });
      for (const address of [layout.stackTop, layout.mmapBase, layout.pieBase, layout.vdso]) {
        assert.is(address % PAGE_SIZE, 0);
      }
      assert.ok(isGuestRange(layout.stackTop - 64 * MIB, 64 * MIB));
      assert.ok(isGuestRange(layout.pieBase, 2 ** 34));
      if (layout.vdso !== 0) {
        assert.ok(layout.vdso >= layout.stackTop);
        assert.ok(isGuestRange(layout.vdso, vdsoSize));
      }
      assert.ok(layout.mmapBase <= WINDOW_BASE || layout.mmapBase > WINDOW_END);
      assert.ok(layout.mmapBase > PAGE_SIZE && layout.mmapBase < TASK_SIZE);
      if (stackLimit <= 64 * MIB) assert.ok(layout.mmapBase <= layout.stackTop - stackLimit);
      for (const range of mmapRanges(layout)) assert.ok(range.start < range.end && range.end <= TASK_SIZE);
      const brk = brkStart(layout.pieBase + 12345, false, random, true);
      assert.ok(isGuestRange(brk, 2 ** 34));
    }),
    { numRuns: 2000 },
  );
});

test("guest ranges end before the window and TASK_SIZE", () => {
  assert.ok(isGuestRange(0, RESERVED_BASE));
  assert.ok(isGuestRange(RESERVED_END, TASK_SIZE - RESERVED_END));
  assert.not(isGuestRange(RESERVED_BASE - 1, 2));
  assert.not(isGuestRange(RESERVED_BASE, 1));
  assert.not(isGuestRange(WINDOW_BASE, 1));
  assert.not(isGuestRange(WINDOW_END - 1, 2));
  assert.not(isGuestRange(0, TASK_SIZE + 1));
  assert.not(isGuestRange(-1, 1));
});

test.run();
