// Text of a stub that makes the kernel thread wait: what others' turns take does not count, and when all waits together
// are too long, nothing is touched any more.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { TextMemory } from "../../src/workers/patch/text_memory.ts";

interface Fake {
  text: TextMemory;
  space: { textWaitMs: number };
  accesses: number;
  /** What each access takes, and whether it waits. */
  tookMs: number;
  waits: boolean;
  /** Bytes that the host writes at once. */
  most: number;
  written: number[];
}

function fakeText(): Fake {
  let waited = 0;
  const fake = {
    space: { textWaitMs: 0 },
    accesses: 0,
    tookMs: 0,
    waits: false,
    most: 64,
    written: [] as number[],
  };
  const scratch = new Uint8Array(64);
  const access = (_fd: number, length: number, position: number) => {
    fake.accesses++;
    if (fake.waits) waited++;
    const until = performance.now() + fake.tookMs;
    while (performance.now() < until);
    const n = Math.min(length, fake.most);
    for (let i = 0; i < n; i++) fake.written[position + i] = scratch[i]!;
    return n;
  };
  const native = {
    openComponent: () => 3,
    waits: () => waited,
    scratch,
    pwriteScratch: access,
  };
  const context = { native, descriptors: { proc: 1 } } as unknown as ConstructorParameters<
    typeof TextMemory
  >[0];
  const stub = { readablePid: 2, space: fake.space } as unknown as ConstructorParameters<
    typeof TextMemory
  >[1];
  return Object.assign(fake, { text: new TextMemory(context, stub) });
}

test("what the host writes a part of is written on", () => {
  const fake = fakeText();
  fake.most = 2;
  assert.ok(fake.text.write(0, Uint8Array.of(1, 2, 3, 4, 5)));
  assert.equal(fake.written, [1, 2, 3, 4, 5]);
  assert.is(fake.accesses, 3);
  fake.most = 0;
  assert.not.ok(fake.text.write(0, Uint8Array.of(1)));
});

const byte = Uint8Array.of(0xcc);

test("text that costs too much waiting is left alone", () => {
  const fake = fakeText();
  fake.tookMs = 15;
  assert.ok(fake.text.write(4096, byte));
  assert.is(fake.space.textWaitMs, 0, "others ran");
  fake.tookMs = 0;
  fake.waits = true;
  assert.ok(fake.text.write(4096, byte));
  assert.is(fake.space.textWaitMs, 0, "a short wait");
  fake.tookMs = 300;
  // At least 300 ms each: more where others have the processor.
  let writes = 0;
  for (; !fake.text.isTooSlow; writes++) assert.ok(fake.text.write(4096, byte));
  assert.ok(writes <= 4 && fake.space.textWaitMs >= 300 * writes);
  const before = fake.accesses;
  assert.not.ok(fake.text.write(4096, byte));
  assert.is(fake.accesses, before);
});

test.run();
