// What TCP's numbers are made of: SipHash, initial sequence numbers, SYN cookies, round-trip times.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";
import { SipHash } from "../../src/workers/net/stack/siphash.ts";
import { InitialNumbers } from "../../src/workers/net/stack/tcp/isn.ts";
import { RoundTrips, RTO_MAX_US, RTO_MIN_US } from "../../src/workers/net/stack/tcp/rtt.ts";
import { optionsOf, SynCookies, timestampOf } from "../../src/workers/net/stack/tcp/syn_cookies.ts";

function words(seed: number): () => number {
  const random = seededRandom(seed);
  return () => (random() * 2 ** 32) | 0;
}

function ends(remotePort: number, local3 = 0x7f000001) {
  return {
    local0: 0,
    local1: 0,
    local2: 0xffff,
    local3,
    remote0: 0,
    remote1: 0,
    remote2: 0xffff,
    remote3: 0x0a000001,
    localPort: 80,
    remotePort,
  };
}

test("SipHash has its authors' digests", () => {
  const key = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];
  const hash = new SipHash(() => key.shift()!);
  const digest = (...words: number[]) => {
    hash.begin();
    for (const word of words) hash.word(word);
    const low = hash.end() >>> 0;
    return [hash.high >>> 0, low].map((word) => word.toString(16).padStart(8, "0")).join("");
  };
  assert.is(digest(), "726fdb47dd0e0e31");
  assert.is(digest(0x03020100), "cf2794e0277187b7");
  assert.is(digest(0x03020100, 0x07060504), "93f5f5799a932462");
});

test("initial numbers differ from connection to connection, and go on with time for one", () => {
  const numbers = new InitialNumbers(words(1));
  const seen = new Set<number>();
  for (let port = 1; port <= 2000; port++) seen.add(numbers.sequence(ends(port), 1e6) >>> 12);
  assert.ok(seen.size > 1980);
  const first = numbers.sequence(ends(5), 0);
  assert.is((numbers.sequence(ends(5), 64) - first) | 0, 1000);
  assert.is((numbers.sequence(ends(5), 300e6) - first) >>> 0, (300e6 * 15.625) % 2 ** 32);
  assert.is(numbers.timestampOffset(ends(5)), numbers.timestampOffset(ends(6)));
  assert.is.not(numbers.timestampOffset(ends(5)), numbers.timestampOffset(ends(5, 1)));
  const others = new InitialNumbers(words(2));
  assert.is.not(others.sequence(ends(5), 0), first);
});

test("a cookie brings the MSS back, for its ends, its number and its two minutes", () => {
  const cookies = new SynCookies(words(3));
  for (const [mss, found] of [
    [536, 536],
    [1459, 1440],
    [1460, 1460],
    [65495, 65495],
    [100, 536],
  ])
    for (const nowUs of [0, 59e6, 255 * 60e6 + 3, 300 * 60e6]) {
      const cookie = cookies.make(ends(9), -77, mss!, nowUs);
      assert.is(cookies.check(ends(9), -77, cookie, nowUs), found);
      assert.is(cookies.check(ends(9), -77, cookie, nowUs + 59e6), found);
      assert.is(cookies.check(ends(9), -77, cookie, nowUs + 121e6), 0);
      assert.is(cookies.check(ends(10), -77, cookie, nowUs), 0);
      assert.is(cookies.check(ends(9), -7700, cookie, nowUs), 0);
    }
});

test("nobody finds cookies by trying", () => {
  const cookies = new SynCookies(words(4));
  const random = words(5);
  let found = 0;
  for (let i = 0; i < 100_000; i++) if (cookies.check(ends(9), 1, random(), 1e9) !== 0) found++;
  assert.is(found, 0);
});

test("the options of a SYN come back by the timestamp, which never runs ahead", () => {
  for (const timestamp of [0, 1, 63, 64, 0x7fffffff, -2147483648, -1, 12345678])
    for (const windowScale of [-1, 0, 7, 14])
      for (const sack of [true, false])
        for (const ecn of [true, false]) {
          const sent = timestampOf(timestamp, { windowScale, sack, ecn });
          const behind = (timestamp - sent) | 0;
          assert.ok(behind >= 0 && behind < 64);
          assert.equal(optionsOf(sent), { windowScale, sack, ecn });
        }
});

test("the retransmission time: 1 s before anything is known, then the round trip and 200 ms at least", () => {
  const times = new RoundTrips();
  assert.is(times.rtoUs, 1_000_000);
  let next = 0;
  for (let i = 0; i < 100; i++) {
    times.sample(10_000, i * 10_000, next, next + 1000);
    next += 1000;
  }
  assert.is(times.srttUs, 10_000);
  assert.is(times.rtoUs, 10_000 + RTO_MIN_US);
  assert.is(times.minUs, 10_000);
  for (let i = 0; i < 300; i++) {
    times.sample(i % 2 === 0 ? 100_000 : 900_000, 1e6 + i, next, next + 1000);
    next += 1000;
  }
  assert.ok(times.rtoUs > 1_200_000 && times.rtoUs < 3_000_000);
  times.sample(500e6, 2e6, next, next);
  times.sample(500e6, 2e6, next, next);
  assert.is(times.rtoUs, RTO_MAX_US);
});

test("times that get better do not make the deviation grow as times that get worse do", () => {
  const [better, worse] = [new RoundTrips(), new RoundTrips()];
  for (const times of [better, worse]) for (let i = 0; i < 50; i++) times.sample(1_000_000, i, i, i + 1);
  better.sample(100_000, 60, 60, 61);
  worse.sample(1_900_000, 60, 60, 61);
  assert.ok(worse.deviationUs > 4 * better.deviationUs);
});

test("the least time counts for five minutes", () => {
  const times = new RoundTrips();
  times.sample(5_000, 0, 0, 1);
  for (let s = 1; s <= 299; s++) times.sample(s < 200 ? 30_000 : 20_000, s * 1e6, s, s + 1);
  assert.is(times.minUs, 5_000);
  times.sample(25_000, 301e6, 301, 302);
  assert.is(times.minUs, 20_000);
});

test("the least time does not count for ever where a connection idles for weeks", () => {
  for (const days of [1, 20, 30, 45]) {
    const times = new RoundTrips();
    times.sample(5_000, 1e6, 0, 1);
    times.sample(30_000, 200e6, 1, 2);
    times.sample(40_000, days * 86_400e6, 2, 3);
    assert.is(times.minUs, 40_000, `${days} days`);
  }
});

test.run();
