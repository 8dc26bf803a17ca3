// What `ringfence bench` says of samples: intervals that hold as often as they say, ratios round by round, tests that find
// what has changed and nothing else.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { change, correct, leastProbability, rankTest } from "../../bench/rank_test.ts";
import { ascending, medianInterval, pairedRatio } from "../../bench/statistics.ts";

const ROUNDS = 2000;

/** Numbers from 0 to 1 that are the same in each run of the test (Park and Miller). */
function source(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Samples around 100 as measurements are: most are close, some far above. */
function skewed(random: () => number, count: number): number[] {
  return Array.from({ length: count }, () => 100 / (0.1 + 0.9 * random()) ** 0.5);
}

const counted = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

test("the interval of a median goes between the samples that the binomial distribution says", () => {
  const ends = (count: number) => {
    const { low, high, confidence } = medianInterval(counted(count));
    return [low, high, Number(confidence.toFixed(4))];
  };
  // Of tables of the sign test.
  assert.equal(ends(1), [1, 1, 0]);
  assert.equal(ends(2), [1, 2, 0.5]);
  assert.equal(ends(5), [1, 5, 0.9375]);
  assert.equal(ends(6), [1, 6, 0.9688]);
  assert.equal(ends(9), [2, 8, 0.9609]);
  assert.equal(ends(10), [2, 9, 0.9785]);
  assert.equal(ends(20), [6, 15, 0.9586]);
});

test("it ends with any number of samples, as the normal distribution says", () => {
  for (const count of [1074, 1075, 1076, 5000]) {
    const { low, high, confidence } = medianInterval(counted(count));
    assert.ok(confidence >= 0.95 && confidence < 0.96, `${count}: ${confidence}`);
    const expected = (count - 1.96 * Math.sqrt(count)) / 2;
    assert.ok(Math.abs(low - expected) <= 2, `${count}: ${low} for ${expected}`);
    assert.is(low + high, count + 1);
  }
});

test("it has the median in it as often as it says, whatever samples are drawn from", () => {
  const random = source(1);
  const median = 100 / 0.55 ** 0.5;
  for (const count of [6, 11]) {
    let held = 0;
    let promised = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const { low, high, confidence } = medianInterval(ascending(skewed(random, count)));
      promised = confidence;
      if (low <= median && median <= high) held++;
    }
    assert.ok(Math.abs(held / ROUNDS - promised) < 0.02, `${count}: ${held / ROUNDS} for ${promised}`);
  }
});

test("ratios are taken round by round: what slows both down is in neither", () => {
  const slow = [1, 1, 1, 5, 1, 9];
  const native = slow.map((factor) => 10 * factor);
  const here = slow.map((factor) => 30 * factor);
  assert.equal(pairedRatio(here, native), { ratio: 3, low: 3, high: 3, confidence: 0.96875 });
  assert.is(pairedRatio([], native), undefined);
  assert.is(pairedRatio([1, 2], [0, 0]), undefined);
  assert.is(pairedRatio([0, 0], [0, 0]), undefined);
  // A round in which the other took no time is above all others, and counts.
  const { ratio, low, high } = pairedRatio([1, 2, 3], [1, 1, 0])!;
  assert.equal([ratio, low, high], [2, 1, Number.POSITIVE_INFINITY]);
  // One way was given up after two rounds.
  assert.is(pairedRatio([30, 40], [10, 10, 99])!.ratio, 3.5);
});

test("the rank test has the probabilities of tables", () => {
  assert.is(rankTest(counted(5), [6, 7, 8, 9, 10]), 2 / 252);
  assert.is(leastProbability(5, 5), 2 / 252);
  assert.is(leastProbability(8, 8), 2 / 12_870);
  assert.is(leastProbability(1, 1), 1);
  // U = 2 of 4 and 5: (1 + 1 + 2) of 126 on each side.
  assert.ok(Math.abs(rankTest([1, 2, 3, 6], [4, 5, 7, 8, 9]) - 8 / 126) < 1e-12);
  assert.is(rankTest([3, 3, 3], [3, 3, 3]), 1);
  assert.is(rankTest([1, 2, 2], [2, 2, 3]), rankTest([2, 2, 3], [1, 2, 2]));
});

test("of many samples the probability is that of the normal distribution", () => {
  const random = source(2);
  let found = 0;
  for (let round = 0; round < ROUNDS; round++)
    if (rankTest(skewed(random, 25), skewed(random, 25)) < 0.05) found++;
  assert.ok(Math.abs(found / ROUNDS - 0.05) < 0.015, `${found} of ${ROUNDS}`);
  // z = (312.5 - 0.5) / 51.54 = 6.05
  const probability = rankTest(
    counted(25),
    counted(25).map((value) => value + 25),
  );
  assert.ok(probability > 1e-9 && probability < 2e-9, `${probability}`);
  assert.is(rankTest(new Array(25).fill(1), new Array(25).fill(1)), 1);
});

test("of unequal sides the test can say the least that is said of it", () => {
  for (const [few, many] of [
    [1, 60],
    [3, 60],
    [5, 50],
    [10, 100],
    [12, 60],
    [1, 1000],
  ] as const) {
    const [a, b] = [counted(few), counted(many).map((value) => value + few)];
    const least = leastProbability(few, many);
    for (const probability of [rankTest(a, b), rankTest(b, a)])
      assert.ok(Math.abs(probability / least - 1) < 1e-6, `${few}, ${many}: ${probability} for ${least}`);
    assert.is(leastProbability(many, few), least);
  }
  assert.ok(Math.abs(leastProbability(3, 60) / (2 / 39_711) - 1) < 1e-9);
  assert.equal(change(counted(60), counted(5)).confidence, change(counted(5), counted(60)).confidence);
});

test("a median between infinite factors is a figure", () => {
  assert.is(change([0, 1], [5]).factor, Number.POSITIVE_INFINITY);
  assert.is(change([0, 1, 1], [5]).factor, 5);
});

test("noise passes the rank test as often as it may, and the interval of a change holds", () => {
  const random = source(3);
  let found = 0;
  let held = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [old, now] = [skewed(random, 7), skewed(random, 7)];
    if (rankTest(old, now) < 0.05) found++;
    const { low, high } = change(old, now);
    if (low <= 1 && 1 <= high) held++;
  }
  assert.ok(found / ROUNDS < 0.05, `${found} of ${ROUNDS}`);
  assert.ok(held / ROUNDS > 0.95, `${held} of ${ROUNDS}`);
});

test("a change is told by how much", () => {
  const random = source(4);
  const old = skewed(random, 15);
  const now = skewed(random, 15).map((sample) => sample * 1.5);
  const { factor, low, high, confidence } = change(old, now);
  assert.ok(low < factor && factor < high && 1 < low && low < 1.5 && 1.5 < high);
  assert.ok(confidence >= 0.95);
  // Of tables of the rank sum test: at 5 and 5 two pairs on each side are left out.
  assert.equal(change([10, 10, 10, 10, 10], counted(5)).confidence, 1 - 8 / 252);
  assert.equal(change([0, 0], [0, 0]).factor, 1);
  assert.is(change([0], [5]).factor, Number.POSITIVE_INFINITY);
});

test("several tests are corrected for being several", () => {
  assert.equal(correct([0.01, 0.04, 0.03, 0.5]), [0.04, 0.09, 0.09, 0.5]);
  assert.equal(correct([]), []);
  assert.equal(correct([0.9, 0.8]), [1, 1]);
});

test.run();
