// What reads of streams keep for a fault: it comes back as it was, or not at all.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeptReads } from "../../src/workers/net/inet/kept_reads.ts";
import { seededRandom } from "../../src/workers/net/stack/link/pair_link.ts";

const WINDOW = 32768;

/** Goes on with another call at once, unless it is late. */
function keep(kept: KeptReads, length: number, byte: number, reader = { serial: 0 }): number {
  const isLate = reader.serial > 0;
  const place = kept.place(length, reader);
  if (!isLate) reader.serial++;
  const at = kept.at(place);
  assert.ok(at + length <= kept.bytes.length, "it lies in one piece");
  kept.bytes.fill(byte, at, at + length);
  return place;
}

test("what was kept comes back until it is overwritten, and then nothing does", () => {
  const kept = new KeptReads();
  const random = seededRandom(5);
  const reads: { place: number; length: number; byte: number }[] = [];
  for (let i = 0; i < 600; i++) {
    const length = 1 + Math.floor(random() * (i % 3 === 0 ? WINDOW : 200));
    const byte = i & 255;
    reads.push({ place: keep(kept, length, byte), length, byte });
    for (const read of reads.slice(-12)) {
      const copy = kept.copyOf(read.place, read.length);
      if (copy === null) continue;
      assert.is(copy.length, read.length);
      assert.ok(Buffer.alloc(read.length, read.byte).equals(copy), `read ${i}`);
    }
    // The last ones are there.
    for (const read of reads.slice(-6)) assert.ok(kept.copyOf(read.place, read.length) !== null);
    if (i > 300) assert.is(kept.copyOf(reads[0]!.place, reads[0]!.length), null);
  }
});

test("a copy is not the memory that goes on being used", () => {
  const kept = new KeptReads();
  const place = keep(kept, 100, 1);
  const copy = kept.copyOf(place, 100)!;
  for (let i = 0; i < 20; i++) keep(kept, WINDOW, 2);
  assert.equal(copy, new Uint8Array(100).fill(1));
  assert.is(kept.copyOf(place, 100), null);
});

test("what a late reader was given comes back however much others read, and no more when it has gone on", () => {
  const kept = new KeptReads();
  const late = { serial: 7 };
  const place = keep(kept, 5000, 1, late);
  for (let i = 0; i < 100; i++) keep(kept, WINDOW, 2);
  assert.equal(kept.copyOf(place, 5000), new Uint8Array(5000).fill(1));
  // Of so many nobody can be sure that they have arrived.
  const others = Array.from({ length: 1000 }, () => ({ serial: 1 }));
  const places = others.map((other) => keep(kept, 20_000, 3, other));
  const there = places.filter((each) => kept.copyOf(each, 20_000) !== null);
  assert.ok(there.length > 200 && there.length < 240, `${there.length}`);
  for (const other of others) other.serial++;
  late.serial++;
  const another = keep(kept, 20_000, 4, { serial: 1 });
  for (let i = 0; i < 40; i++) keep(kept, WINDOW, 2);
  assert.equal(kept.copyOf(another, 20_000), new Uint8Array(20_000).fill(4));
  assert.is(kept.copyOf(place, 5000), null);
});

test.run();
