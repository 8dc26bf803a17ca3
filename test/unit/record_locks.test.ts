// Record locks against a model that knows every byte.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { type RecordLock, RecordLocks, TO_END } from "../../src/workers/vfs/record_locks.ts";

const BYTES = 24;
const OWNERS = [{}, {}, {}];

function lock(owner: object, start: number, end: number, write: boolean): RecordLock {
  return { owner, start, end, write, process: null };
}

function generator(seed: number) {
  let state = seed;
  return (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * limit);
  };
}

test("every byte has the lock that was set last", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = generator(seed);
    const locks = new RecordLocks();
    // Owner and byte -> 0, 1 for a read lock, 2 for a write lock. The last byte stands for all behind.
    const model = OWNERS.map(() => new Array<number>(BYTES).fill(0));
    for (let step = 0; step < 60; step++) {
      const who = random(OWNERS.length);
      const start = random(BYTES);
      const end = random(4) === 0 ? TO_END : Math.min(BYTES - 2, start + random(6));
      if (end < start) continue;
      const last = end === TO_END ? BYTES - 1 : end;
      const kind = random(3);
      const wanted = lock(OWNERS[who]!, start, end, kind === 2);
      const blocked = model.some(
        (bytes, other) =>
          other !== who &&
          bytes.slice(start, last + 1).some((held) => held > 0 && (held === 2 || kind === 2)),
      );
      if (kind === 0) locks.unset(OWNERS[who]!, { start, end });
      else {
        assert.is(locks.conflict(wanted) !== null, blocked);
        if (blocked) continue;
        locks.set(wanted);
      }
      model[who]!.fill(kind, start, last + 1);
      check(locks, model);
    }
  }
});

function check(locks: RecordLocks, model: number[][]): void {
  const seen = model.map(() => new Array<number>(BYTES).fill(0));
  const list = [...locks];
  for (const [i, held] of list.entries()) {
    const last = held.end === TO_END ? BYTES - 1 : held.end;
    seen[OWNERS.indexOf(held.owner)]!.fill(held.write ? 2 : 1, held.start, last + 1);
    const next = list[i + 1];
    if (next === undefined || next.owner !== held.owner) continue;
    assert.ok(held.end < next.start, "in order");
    assert.ok(held.write !== next.write || held.end + 1 < next.start, "merged");
  }
  assert.equal(seen, model);
  // An owner's locks stand together.
  const owners = list.map(({ owner }) => owner).filter((owner, i, all) => owner !== all[i - 1]);
  assert.is(new Set(owners).size, owners.length);
}

test.run();
