// Range locks: never two holders of one page, first come first served, nobody forgotten.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type RangeLock, RangeLocks, WHOLE_SPACE } from "../../src/workers/mem/range_lock.ts";

type Lock = RangeLock<number>;

function overlap(a: Lock, b: Lock): boolean {
  return a.end === WHOLE_SPACE || b.end === WHOLE_SPACE || (a.start < b.end && b.start < a.end);
}

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("request" as const),
      start: fc.nat(15),
      length: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("all" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("unplaced" as const) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("release" as const), which: fc.nat(100) }) },
);

test("any sequence of requests, releases and cancellations", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const order: Lock[] = []; // arrival order of what is alive
      const granted = new Set<Lock>();
      const locks = new RangeLocks<number>((lock) => {
        assert.is(lock.state, "held");
        assert.not(granted.has(lock), "granted twice");
        granted.add(lock);
      });
      const add = (lock: Lock) => {
        order.push(lock);
        if (lock.state === "held") granted.add(lock);
      };
      const check = () => {
        for (const [i, lock] of order.entries()) {
          // Held exactly if nothing that came earlier overlaps: exclusion, fairness and no lost wake-up.
          const blocked = order.slice(0, i).some((earlier) => overlap(earlier, lock));
          assert.is(lock.state, blocked ? "waiting" : "held");
          assert.is(granted.has(lock), !blocked);
        }
        assert.is(locks.size, order.length);
      };
      for (const [id, c] of commands.entries()) {
        if (c.op === "request") add(locks.request(c.start, c.start + c.length, id));
        else if (c.op === "all") add(locks.requestAll(id));
        else if (c.op === "unplaced") add(locks.requestUnplaced(id));
        else if (order.length > 0) {
          const [lock] = order.splice(c.which % order.length, 1);
          locks.release(lock!);
          assert.is(lock!.state, "done");
        }
        check();
      }
    }),
    { numRuns: 1000 },
  );
});

test("an unplaced lock waits for whole-space locks alone, then takes a range that nobody wants", () => {
  const told: string[] = [];
  const locks = new RangeLocks<string>((lock) => told.push(lock.waiter));
  const fork = locks.requestAll("fork");
  const mmap = locks.requestUnplaced("mmap");
  assert.is(mmap.state, "waiting");
  const munmap = locks.request(0x1000, 0x2000, "munmap");
  locks.release(fork);
  assert.equal(told, ["mmap", "munmap"]);
  assert.equal(
    locks.busy().map(({ start, end }) => ({ start, end })),
    [{ start: 0x1000, end: 0x2000 }],
  );
  assert.throws(() => locks.place(mmap, 0x1000, 0x2000));
  locks.place(mmap, 0x2000, 0x3000);
  const later = locks.request(0x2000, 0x3000, "later");
  assert.is(later.state, "waiting");
  locks.release(mmap);
  assert.is(later.state, "held");
  locks.release(munmap);
});

test("a whole-space request that waits does not forbid placing what is held already", () => {
  const locks = new RangeLocks<string>(() => {});
  const mmap = locks.requestUnplaced("mmap");
  const exit = locks.requestAll("exit");
  assert.is(exit.state, "waiting");
  locks.place(mmap, 0x1000, 0x2000);
  locks.release(mmap);
  assert.is(exit.state, "held");
});

test("who is told may release and request at once", () => {
  let depth = 0;
  const locks: RangeLocks<number> = new RangeLocks<number>((lock) => {
    if (++depth < 50) locks.request(0, 10, lock.waiter + 1);
    locks.release(lock);
  });
  const first = locks.request(0, 10, 0);
  locks.request(0, 10, 1);
  locks.release(first);
  assert.is(depth, 50);
  assert.is(locks.size, 0);
});

test("releasing twice is an error of ours", () => {
  const locks = new RangeLocks<number>(() => {});
  const lock = locks.request(0, 1, 0);
  locks.release(lock);
  assert.throws(() => locks.release(lock));
});

// Where each end looked at all pairs of locks, this would take minutes.
test("thousands that hold and wait end one by one", () => {
  const count = 4000;
  let granted = 0;
  const locks = new RangeLocks<number>(() => granted++);
  const held = Array.from({ length: count }, (_, i) => locks.request(2 * i, 2 * i + 1, i));
  const waiting = Array.from({ length: count }, (_, i) => locks.request(2 * count - 2, 2 * count - 1, i));
  for (const lock of waiting) {
    assert.is(lock.state, "waiting");
    locks.release(lock);
  }
  for (const lock of held) locks.release(lock);
  assert.is(locks.size, 0);
  assert.is(granted, 0);
});

test.run();
