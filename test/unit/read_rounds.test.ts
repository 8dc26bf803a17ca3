// A read in several rounds (vfs/read_write.ts) whose last bytes come from a disk.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { EAGAIN } from "../../src/shared/abi/errno.ts";
import { NOT_AT_HAND } from "../../src/workers/call/asked.ts";
import type { VfsCaller } from "../../src/workers/vfs/caller.ts";
import { OWN_OFFSET } from "../../src/workers/vfs/file.ts";
import { readRounds } from "../../src/workers/vfs/read_write.ts";
import { SeekableFile } from "../../src/workers/vfs/seekable_file.ts";
import type { Segments } from "../../src/workers/vfs/segments.ts";

const LENGTH = 100;

/** Nothing is at hand, and another kernel thread has the position when the disk has answered. */
class Cold extends SeekableFile {
  #tries = 0;

  override readCached(): number {
    return -EAGAIN;
  }

  override read(): number {
    return this.#tries++ === 0 ? NOT_AT_HAND : LENGTH;
  }

  release(): void {}
}

test("a position that somebody has for a moment ends no read that has given something", () => {
  const call = { *answer() {}, outFault: null };
  const task = { kernel: { longTurns: { isFull: false } }, call } as unknown as VfsCaller;
  const before = 4096;
  const total = before + LENGTH;
  const segments = { run: LENGTH, address: 0, total, roundLimit: () => LENGTH, round: () => LENGTH };
  const rounds = readRounds(
    task,
    new Cold(null, 0),
    segments as unknown as Segments,
    OWN_OFFSET,
    false,
    before,
  );
  let step = rounds.next();
  while (step.done !== true) step = rounds.next();
  assert.is(step.value, total);
});

test.run();
