// What profiles are made of: histograms, the sketch of the heaviest keys, names that guests choose.

import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bucketOf, bucketStart, DurationHistogram } from "../../src/shared/histogram.ts";
import { NAME_MAX } from "../../src/shared/profile.ts";
import { HeavyHitters } from "../../src/workers/profile/heavy_hitters.ts";
import { escaped } from "../../src/workers/profile/names.ts";

const duration = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.double({ min: 0, max: 2 ** 41, noNaN: true }),
  fc.integer({ min: 0, max: 2 ** 33 }),
);

test("a bucket holds what falls into it, and is an eighth as wide at most", () => {
  fc.assert(
    fc.property(duration, (value) => {
      const bucket = bucketOf(value);
      const [from, to] = [bucketStart(bucket), bucketStart(bucket + 1)];
      assert.ok(from <= value && value < to, `${value} in ${from} to ${to}`);
      assert.ok(to - from <= Math.max(1, from / 8), `${from} to ${to}`);
    }),
  );
  assert.is(bucketOf(2 ** 50), bucketOf(2 ** 42));
});

test("quantiles are right within 7 %", () => {
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (values) => {
      const histogram = new DurationHistogram();
      for (const value of values) histogram.add(value);
      const sorted = values.toSorted((a, b) => a - b);
      for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
        const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
        const told = histogram.quantile(share);
        assert.ok(Math.abs(told - exact) <= Math.max(1, exact * 0.07), `${told} for ${exact}`);
      }
      assert.is(histogram.count, values.length);
      assert.is(histogram.min, sorted[0]);
      assert.is(histogram.max, sorted.at(-1));
    }),
  );
  assert.is(new DurationHistogram().quantile(0.5), 0);
});

test("what a thread packs is added up with what another has", () => {
  fc.assert(
    fc.property(fc.array(duration, { maxLength: 50 }), fc.array(duration, { maxLength: 50 }), (a, b) => {
      const [of, one, other] = [new DurationHistogram(), new DurationHistogram(), new DurationHistogram()];
      for (const value of a) one.add(value);
      for (const value of b) other.add(value);
      for (const value of [...a, ...b]) of.add(value);
      const sum = new DurationHistogram();
      for (const part of [one, other]) sum.addPacked(JSON.parse(JSON.stringify(part.pack())));
      assert.equal(sum.buckets(), of.buckets());
      assert.equal([sum.count, sum.min, sum.max], [of.count, of.min, of.max]);
      assert.ok(Math.abs(sum.sum - of.sum) <= of.sum * 1e-9);
    }),
  );
  // What no thread of ours packs does no harm.
  const odd = new DurationHistogram();
  odd.addPacked([1, 1, 1, 1e9, 5, 3]);
  assert.is(odd.count, 0);
});

test("of many keys those that come often are kept, and no count is too low", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 2000 }), (drawn) => {
      // Low numbers come most often.
      const keys = drawn.map((n) => String(n * n < 200 ? n % 3 : n));
      const places = 10;
      const sketch = new HeavyHitters(places);
      const exact = new Map<string, number>();
      for (const key of keys) {
        sketch.add(key, 2, 1);
        exact.set(key, (exact.get(key) ?? 0) + 1);
      }
      const told = new Map(sketch.most(places).map((entry) => [entry.name, entry]));
      assert.ok(told.size <= places);
      for (const [key, { count, error, sumNs, bytes }] of told) {
        const times = exact.get(key)!;
        assert.ok(count >= times && count - error <= times, `${key}: ${count} - ${error}, ${times}`);
        assert.equal([sumNs, bytes], [2 * (count - error), count - error]);
      }
      for (const [key, times] of exact) if (times > keys.length / places) assert.ok(told.has(key), key);
      if (exact.size <= places)
        for (const { name, count, error } of told.values())
          assert.equal([count, error], [exact.get(name), 0]);
    }),
  );
});

test("names of guests are printable, and of bounded length", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 600 }), (bytes) => {
      const name = escaped(String.fromCharCode(...bytes));
      assert.match(name, /^[ -~]*$/);
      assert.ok(name.length <= NAME_MAX);
    }),
  );
  assert.is(escaped("/tmp/\x1b[31m\n\\x"), "/tmp/\\x1b[31m\\x0a\\x5cx");
  assert.is(escaped("a".repeat(NAME_MAX)), "a".repeat(NAME_MAX));
  assert.match(escaped("a".repeat(5000)), /^a+\.\.\.$/);
});

test.run();
