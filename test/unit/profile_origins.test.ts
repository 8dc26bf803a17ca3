// Where calls come from, and what they are about, as guests that mean harm make it: whatever numbers they choose, and however
// many things there are, what is kept is bounded, and files are let go. Kernel and calls are made up.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { S_IFIFO, S_IFREG } from "../../src/shared/abi/stat.ts";
import { RIP } from "../../src/shared/ring/layout.ts";
import type { Call } from "../../src/workers/call/call.ts";
import { GuestOrigins } from "../../src/workers/profile/guest_origins.ts";
import { kept } from "../../src/workers/profile/names.ts";
import { WeakCache } from "../../src/workers/profile/weak_cache.ts";

const SITE = 0x1000;
const FD = 77;

interface World {
  /** What is mapped at the site. */
  readonly vma?: object | null;
  readonly rip?: number;
  /** How long it takes to read a stack. */
  readonly readMs?: number;
}

function world({ vma = null, rip = SITE, readMs = 0 }: World = {}) {
  let nowMs = 0;
  const closed: number[] = [];
  const kernel = {
    native: { close: (fd: number) => closed.push(fd), processRead: () => 0 },
    slots: {
      unsigned: (_slot: number, at: number) => {
        if (at === RIP) nowMs += readMs;
        return at === RIP ? rip : 0;
      },
    },
    steps: { later: () => {} },
    rootCredentials: {},
    vdso: { backing: null },
  };
  const origins = new GuestOrigins(kernel as never, 1e9, () => nowMs);
  const caller = {
    firstPid: 1,
    kernel: { current: null },
    stub: { space: { id: 1, vmas: { find: () => vma }, locks: new Map(), patches: null }, readablePid: 1 },
  };
  const make = (nr: number) => ({ slot: 0, nr, caller }) as unknown as Call;
  return { origins, make, closed, caller };
}

test("numbers that Linux does not know are one, at a site as in a stack", () => {
  const { origins, make } = world();
  let nowNs = 0;
  for (let i = 0; i < 1000; i++)
    for (const nr of [0, 512 + i, -2 - i, 2 ** 31 - 1 - i]) {
      origins.trapped(make(nr));
      assert.is.not(origins.sample(make(nr), ++nowNs), null);
    }
  const [site] = origins.sites();
  assert.equal(site!.calls, { "0": 1000, "-1": 3000 });
  assert.equal(
    origins
      .stacks()
      .stacks.map(({ nr, count }) => [nr, count])
      .sort(([a], [b]) => a! - b!),
    [
      [-1, 3000],
      [0, 1000],
    ],
  );
});

test("whatever a program counter is, what is told of it is a number", () => {
  for (const vma of [null, { backing: null, offset: 0, start: 0, name: "[heap]" }])
    for (const rip of [0, 1, SITE, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64 - 2048]) {
      const { origins, make } = world({ rip, vma });
      origins.trapped(make(0));
      assert.is.not(origins.sample(make(0), 1), null);
      for (const { offset } of [...origins.sites(), ...origins.stacks().frames])
        assert.ok(offset >= 0 && Number.isSafeInteger(offset), `${rip}: ${offset}`);
      assert.is(origins.sites().length, 1);
      assert.is(origins.stacks().samples, 1);
    }
});

test("stacks are told as they were taken, with no work for each of their frames", () => {
  const { origins, make } = world();
  const { frames } = origins.sample(make(0), 1) as { frames: number[] };
  assert.is(origins.stacks().stacks[0]!.frames, frames);
  assert.is(origins.stacks().frames[frames[0]!]!.offset, SITE - 1);
});

test("between stacks that take long there is time for others", () => {
  const { origins, make } = world({ readMs: 1 });
  let taken = 0;
  // A call each 100 microseconds; what a stack takes is in between.
  for (let nowNs = 1; nowNs < 1e8; nowNs += 1e5) if (origins.sample(make(0), nowNs) !== null) taken++;
  assert.is(taken, 50);
});

test("what ends with its kernel has no file open any more, and none is opened that is no file", () => {
  for (const [type, opened] of [
    [S_IFREG, 1],
    [S_IFIFO, 0],
  ] as const) {
    let opens = 0;
    const backing = { id: 5, path: "/" };
    const file = { map: () => ({ hostFd: FD, backing }), release: () => {} };
    const inode = {
      type,
      open: () => {
        opens++;
        return file;
      },
    };
    const root = { inode, mount: {}, dentry: { inode } };
    const { origins, make, closed, caller } = world({ vma: { backing, offset: 0, start: 0 } });
    Object.assign(caller, { fs: { root } });
    origins.trapped(make(0));
    origins.drop();
    origins.drop();
    assert.equal([opens, closed], [opened, opened === 1 ? [FD] : []]);
  }
});

test("a cache is as large as it may be", () => {
  const cache = new WeakCache<object, number>(3);
  const keys = Array.from({ length: 10 }, () => ({}));
  for (const [i, key] of keys.entries()) {
    cache.add(key, i);
    assert.is(cache.get(key), i);
    assert.ok(keys.filter((one) => cache.get(one) !== undefined).length <= 3);
  }
});

test("a name that is kept is the same", () => {
  for (const name of ["", "a", "\xff\x00\x80", "a".repeat(10_000).slice(3, 300)]) assert.is(kept(name), name);
});

test.run();
