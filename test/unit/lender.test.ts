// What thread 0 lends to data threads, and takes back (pool/lender.ts), while these are on the way to it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROUTES } from "../../src/shared/ring/layout.ts";
import { OpenRecords } from "../../src/shared/ring/open_records.ts";
import { OPEN_RECORDS, PrivateSab, TABLE_BLOCKS } from "../../src/shared/ring/private_sab.ts";
import { NOT_AT_HAND } from "../../src/workers/call/asked.ts";
import { Counters } from "../../src/workers/counters.ts";
import type { Gofer } from "../../src/workers/gofer/gofer.ts";
import { Lender } from "../../src/workers/pool/lender.ts";
import type { LentFile } from "../../src/workers/pool/lent_file.ts";
import type { Inode } from "../../src/workers/vfs/inode.ts";
import type { LendingCaller, Loan, Offer } from "../../src/workers/vfs/loan.ts";
import { SeekableFile } from "../../src/workers/vfs/seekable_file.ts";

const [FIRST, SECOND] = [2, 3];
const SLOT = 5;
const FD = 3;

class File extends SeekableFile {
  isLendable = true;

  override offer(): Offer | null {
    if (!this.isLendable) return null;
    return { hostFd: 9, tells: true, warmEnd: 0, mayBeWritten: true, keepsAccessTime: false };
  }

  release(): void {
    this.releaseThen(() => {});
  }
}

function make(isEager = true) {
  const sab = new PrivateSab();
  const kernel = {
    counters: new Counters(),
    nowNs: 0,
    page: { isSleeping: () => isAsleep },
    gofer: null as unknown,
  };
  let isAsleep = false;
  const woken: number[] = [];
  const visited: number[] = [];
  const waiting: (() => void)[] = [];
  const others = {
    visit: (_slot: number, thread: number) => visited.push(thread),
    whenPassed: (then: () => void) => waiting.push(then),
  };
  let notified = 0;
  kernel.gofer = { transactionOf: () => ({ notify: () => notified++ }) } as unknown as Gofer;
  const lender = new Lender(
    kernel as never,
    sab,
    [FIRST, SECOND],
    others,
    (thread) => woken.push(thread),
    isEager,
  );
  const inode = {
    lent: null,
    noteMoved: () => {},
    attributes: () => ({ mode: 0o100644 }),
  } as unknown as Inode;
  const task = {
    call: { slot: SLOT, bytes: new Uint8Array(1 << 16) },
    files: { id: 1, get: () => named },
    isWatched: false,
    limit: () => Number.POSITIVE_INFINITY,
  } as unknown as LendingCaller;
  let named = new File(inode, 2);
  const use = (writes = false) => lender.used(task, FD, writes);
  const open = () => {
    named = new File(inode, 2);
    task.call.bytes[ROUTES + FD] = 0;
    use();
    return named;
  };
  const sleep = (value: boolean) => {
    isAsleep = value;
  };
  const mover = new OpenRecords(sab, FIRST);
  return { lender, inode, task, open, use, sleep, mover, visited, woken, waiting, notified: () => notified };
}

test("all that move bytes know of the caller: its routes are what its guest writes there", () => {
  const { open, visited } = make();
  open();
  assert.equal(visited, [FIRST, SECOND]);
});

test("what is used while who would serve it sleeps is not lent, until it is woken", () => {
  const { open, use, sleep, task, woken } = make(false);
  sleep(true);
  const file = open();
  for (let i = 0; i < 31; i++) use();
  assert.is(file.loan, null);
  assert.equal(woken, []);
  use();
  use();
  assert.equal(woken, [FIRST]);
  sleep(false);
  use();
  assert.is.not(file.loan, null);
  assert.is(task.call.bytes[ROUTES + FD], FIRST);
});

test("nobody is woken for what cannot be lent", () => {
  const { open, use, sleep, woken } = make(false);
  sleep(true);
  const file = open();
  file.isLendable = false;
  for (let i = 0; i < 100; i++) use();
  assert.equal(woken, []);
  file.isLendable = true;
  for (let i = 0; i < 32; i++) use();
  assert.equal(woken, [FIRST]);
});

test("a route that leads to nothing keeps no other file from being lent, once it was taken back", () => {
  const { open, use, task, mover } = make();
  open().release();
  task.call.bytes[ROUTES + FD] = FIRST; // its guest writes what it likes there
  use();
  assert.is(mover.find(SLOT, FD), -1);
  const file = open();
  assert.ok(mover.find(SLOT, FD) >= 0 && file.loan !== null);
});

test("another thread of the same process is told of, though the route stands", () => {
  const { open, use, task, mover } = make();
  open();
  const call = task.call as { slot: number };
  call.slot = SLOT - 1;
  use();
  assert.ok(mover.find(SLOT - 1, FD) >= 0);
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

/** Numbers come back when nobody is on the way to them any more. */
function pass(waiting: (() => void)[]): void {
  for (const then of waiting.splice(0)) then();
}

test("of open files no more are lent than there are records, until one was given up and passed", () => {
  const { open, waiting } = make();
  const files = Array.from({ length: OPEN_RECORDS }, open);
  assert.ok(files.every(({ loan }) => loan !== null));
  const records = new Set(files.map(({ loan }) => (loan as unknown as LentFile).record));
  assert.is(records.size, OPEN_RECORDS);
  assert.is(open().loan, null);
  files[7]!.release();
  assert.is(open().loan, null, "somebody is on the way to it");
  pass(waiting);
  assert.is.not(open().loan, null);
  assert.is(open().loan, null);
});

test("of tables of descriptors no more are told of than there are, until one is gone and passed", () => {
  const { open, task, waiting, lender, mover } = make();
  const { files } = task as unknown as { files: { id: number } };
  for (files.id = 1; files.id <= TABLE_BLOCKS; files.id++) {
    open();
    assert.ok(mover.find(SLOT, FD) >= 0, `table ${files.id}`);
    lender.forgetCaller(SLOT);
  }
  open();
  assert.is(mover.find(SLOT, FD), -1);
  assert.is(task.call.bytes[ROUTES + FD], 0);
  lender.forgetDescriptor(3, FD);
  lender.tableGone(3);
  open();
  assert.is(mover.find(SLOT, FD), -1, "somebody is on the way to it");
  pass(waiting);
  open();
  assert.ok(mover.find(SLOT, FD) >= 0);
});

test("a position is never before the beginning", () => {
  const file = make().open();
  file.position = 10;
  (file.loan as Loan).takeBack(100);
  assert.is(file.position, 0);
});

test.run();
