// What thread 0 lends to data threads, and takes back (pool/lender.ts), while these are on the way to it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { OpenRecords } from "../../src/shared/ring/open_records.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { NOT_AT_HAND } from "../../src/workers/call/asked.ts";
import { Counters } from "../../src/workers/counters.ts";
import type { Gofer } from "../../src/workers/gofer/gofer.ts";
import { Lender } from "../../src/workers/pool/lender.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";
import type { LendingCaller, Loan, Offer } from "../../src/workers/vfs/loan.ts";
import { SeekableFile } from "../../src/workers/vfs/seekable_file.ts";

const [FIRST, SECOND] = [2, 3];
const SLOT = 5;
const FD = 3;

class File extends SeekableFile {
  override offer(): Offer {
    return { hostFd: 9, tells: true, warmEnd: 0, mayBeWritten: true, keepsAccessTime: false };
  }

  release(): void {
    this.releaseThen(() => {});
  }
}

function make() {
  const sab = new PrivateSab();
  const kernel = {
    counters: new Counters(),
    nowNs: 0,
    page: { isSleeping: () => false },
    gofer: null as unknown,
  };
  const visited: number[] = [];
  const waiting: (() => void)[] = [];
  const others = {
    visit: (_slot: number, thread: number) => visited.push(thread),
    whenPassed: (then: () => void) => waiting.push(then),
  };
  let notified = 0;
  kernel.gofer = { transactionOf: () => ({ notify: () => notified++ }) } as unknown as Gofer;
  const lender = new Lender(kernel as never, sab, [FIRST, SECOND], others, () => {}, true);
  const inode = {
    lent: null,
    noteMoved: () => {},
    attributes: () => ({ mode: 0o100644 }),
  } as unknown as Inode;
  const task = {
    call: { slot: SLOT, bytes: new Uint8Array(1 << 16) },
    files: { id: 1 },
    isWatched: false,
    limit: () => Number.POSITIVE_INFINITY,
  } as unknown as LendingCaller;
  const open = () => {
    const file = new File(inode, 2);
    lender.used(task, FD, file, false);
    return file;
  };
  const mover = new OpenRecords(sab, FIRST);
  return { lender, inode, task, open, mover, visited, waiting, notified: () => notified };
}

test("all that move bytes know of the caller: its routes are what its guest writes there", () => {
  const { open, visited } = make();
  open();
  assert.equal(visited, [FIRST, SECOND]);
});

test("who waits for a position goes on when the file is closed under it", () => {
  const { open, task, mover, notified } = make();
  const file = open();
  const record = mover.find(SLOT, FD);
  assert.ok(record >= 0 && mover.take(record));
  assert.is((file.loan as Loan).hold(task), NOT_AT_HAND);
  file.release();
  assert.is(notified(), 1);
});

test("stamps last until nobody is on the way to the last file of them", () => {
  const { inode, open, waiting } = make();
  open().release();
  const { lent } = inode;
  open().release();
  assert.is(inode.lent, lent);
  waiting.shift()!();
  assert.is(inode.lent, lent, "the second is on the way still");
  waiting.shift()!();
  assert.is(inode.lent, null);
});

test("a position is never before the beginning", () => {
  const file = make().open();
  file.position = 10;
  (file.loan as Loan).takeBack(100);
  assert.is(file.position, 0);
});

test.run();
