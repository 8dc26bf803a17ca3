// The ring of a pipe against a model: a list of pages, as pipe(7) and Linux's pipe_write describe it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { PAGE, PipeBuffer } from "../../src/workers/vfs/pipe_buffer.ts";

/** Slots as plain arrays. */
class Model {
  slots: { bytes: number[]; packet: boolean }[] = [];
  lastRead: { bytes: number[]; packet: boolean }[] = [];
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  write(bytes: number[], packets: boolean): number {
    let done = 0;
    const odd = bytes.length % PAGE;
    const last = this.slots.at(-1);
    if (odd > 0 && last !== undefined && !last.packet && this.#end(last) + odd <= PAGE) {
      last.bytes.push(...bytes.slice(0, odd));
      done = odd;
    }
    while (done < bytes.length && this.slots.length < this.limit) {
      const part = bytes.slice(done, done + PAGE);
      this.slots.push({ bytes: part, packet: packets });
      this.#begun.set(this.slots.at(-1)!, 0);
      done += part.length;
    }
    return done;
  }

  /** Where a slot's bytes begin in its page. */
  readonly #begun = new Map<object, number>();

  #end(slot: { bytes: number[] }): number {
    return (this.#begun.get(slot) ?? 0) + slot.bytes.length;
  }

  read(length: number): number[] {
    const out: number[] = [];
    while (out.length < length && this.slots.length > 0) {
      const slot = this.slots[0]!;
      const part = slot.bytes.splice(0, length - out.length);
      this.#begun.set(slot, (this.#begun.get(slot) ?? 0) + part.length);
      out.push(...part);
      if (slot.packet) {
        this.slots.shift();
        break;
      }
      if (slot.bytes.length === 0) this.slots.shift();
    }
    return out;
  }

  get bytes(): number {
    return this.slots.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}

/** Repeatable numbers below `limit`. */
function generator(seed: number) {
  let state = seed;
  return (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * limit);
  };
}

function sizes(random: (limit: number) => number): number {
  const kinds = [1, 10, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 5000, 40000];
  return random(kinds[random(kinds.length)]!) + 1;
}

test("writes and reads as the model does", () => {
  for (let seed = 1; seed <= 9; seed++) {
    const random = generator(seed);
    const limit = 1 << random(6);
    const buffer = new PipeBuffer(limit);
    const model = new Model(limit);
    let next = 0;
    for (let step = 0; step < 300; step++) {
      if (random(2) === 0) {
        const bytes = Array.from({ length: sizes(random) }, () => next++ & 0xff);
        const packets = seed % 3 === 0 && random(2) === 0;
        const n = buffer.write(Uint8Array.from([9, 9, ...bytes]), 2, bytes.length, packets);
        assert.is(n, model.write(bytes, packets));
        next -= bytes.length - n;
      } else {
        const target = new Uint8Array(50000);
        const length = sizes(random);
        const expected = model.read(length);
        assert.is(buffer.read(target, 3, length), expected.length);
        assert.equal([...target.subarray(3, 3 + expected.length)], expected);
      }
      assert.is(buffer.used, model.slots.length);
      assert.is(buffer.bytes, model.bytes);
    }
  }
});

test("what could not be delivered comes back by whole pages", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = generator(seed);
    const buffer = new PipeBuffer(16);
    const all: number[] = [];
    const got: number[] = [];
    let next = 0;
    for (let step = 0; step < 200; step++) {
      const bytes = Array.from({ length: sizes(random) }, () => next++ & 0xff);
      const n = buffer.write(Uint8Array.from(bytes), 0, bytes.length, false);
      next -= bytes.length - n;
      all.push(...bytes.slice(0, n));
      const target = new Uint8Array(50000);
      const read = buffer.read(target, 0, sizes(random));
      let kept = read;
      if (random(2) === 0) {
        // The writer may have come between.
        const more = Array.from({ length: sizes(random) }, () => next++ & 0xff);
        const m = buffer.write(Uint8Array.from(more), 0, more.length, false);
        next -= more.length - m;
        all.push(...more.slice(0, m));
        const delivered = random(read + 1);
        kept = delivered === read ? read : buffer.putBack(delivered);
        assert.ok(kept <= delivered || delivered === read);
      }
      got.push(...target.subarray(0, kept));
      assert.is(buffer.bytes, all.length - got.length);
    }
    for (;;) {
      const target = new Uint8Array(9000);
      const n = buffer.read(target, 0, 9000);
      if (n === 0) break;
      got.push(...target.subarray(0, n));
    }
    assert.is(got.length, all.length);
    assert.ok(got.every((byte, i) => byte === all[i]));
  }
});

test("looking and skipping is reading", () => {
  const buffer = new PipeBuffer(16);
  buffer.write(new Uint8Array(10000).fill(7), 0, 10000, false);
  const target = new Uint8Array(20000);
  assert.is(buffer.peek(target, 0, 20000), 10000);
  assert.is(buffer.peek(target, 0, 5000), 5000);
  assert.is(buffer.bytes, 10000);
  buffer.skip(5000);
  assert.is(buffer.bytes, 5000);
  assert.is(buffer.read(target, 0, 20000), 5000);
  assert.ok(buffer.empty);
});

test.run();
