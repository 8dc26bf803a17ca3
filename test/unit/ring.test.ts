// The rings by themselves, on one thread: what each accessor reads and writes. Interleavings are
// the business of test/model, real parallelism of test/stress.

import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { ChunkPlaces } from "../../src/shared/ring/chunk_places.ts";
import { Claims, kindOf, recordWord, sequenceOf } from "../../src/shared/ring/claims.ts";
import { createGuestMemory, GuestMemory, slotNumber } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { Mailbox, RECORD_PAYLOAD_WORDS } from "../../src/shared/ring/mailbox.ts";
import { MAILBOX_RECORDS, PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Passes } from "../../src/shared/ring/quiescence.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { Frame, Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { Turns } from "../../src/shared/ring/turns.ts";

const memory = createGuestMemory();
const guest = new GuestMemory(memory.buffer);

function rig(thread = 0, threads = 4) {
  const sab = new PrivateSab();
  const claims = new Claims(sab.claims, sab.seen, guest.words, threads);
  const active = new ActiveChunks(claims, sab.active, sab.widths, sab.limit, threads);
  return { sab, claims, active, slots: new Slots(guest.words, claims, active, thread) };
}

function wipe(chunk: number): void {
  guest.chunkBytes(chunk).fill(0);
}

/** What the stub does to post a request. */
function post(number: number, sequence: number, kind: number, thread = 0, nr = 0): void {
  guest.words[recordWord(number, thread) + (L.REQUEST_NR >>> 2)] = nr;
  Atomics.exchange(guest.words, recordWord(number, thread), (sequence * 16 + kind) | 0);
}

for (const threads of [1, 2])
  test(`a request is taken once and answered; kernel threads: ${threads}`, () => {
    wipe(3);
    const { claims, active, slots, sab } = rig(0, threads);
    const scanner = new Scanner(guest.words, claims, active, 0);
    const number = slotNumber(3, 5);
    active.include(3);
    claims.open(number);
    active.opened(number);
    scanner.begin();
    assert.is(scanner.next(), -1);
    assert.not(scanner.anyRequest());
    post(number, 1, Request.SYSCALL, 0, 110);
    assert.ok(scanner.anyRequest());
    scanner.begin();
    assert.is(scanner.next(), number);
    assert.is(kindOf(scanner.request), Request.SYSCALL);
    assert.is(sequenceOf(scanner.request), 1);
    assert.is(scanner.nr(number), 110);
    assert.is(claims.owner(number), 0);
    assert.ok(claims.isOwner(number, 0, 1));
    assert.is(scanner.next(), -1);
    post(number, 2, Request.SYSCALL); // while it is owned: nothing
    assert.not(scanner.anyRequest());
    assert.is(scanner.takeFrom(3), -1);
    assert.is(sab.active[0], 8);
    slots.replyBlocked(number, 1);
    assert.is(sab.active[0], 0);
    assert.not(slots.replyResult(number, 1, -38));
    assert.is(sab.active[0], 8);
    assert.is(slots.word(number, L.REPLY), 16 + Reply.RET);
    assert.is(slots.signed(number, L.REP_RESULT), -38);
    assert.is(claims.owner(number), -1);
    assert.is(scanner.takeFrom(3), number); // what was posted meanwhile
    slots.replyResult(number, 2, 0);
    post(number, 2, Request.SYSCALL); // an old request again
    assert.is(scanner.takeFrom(3), -1);
    guest.words[recordWord(number, 0)] = 0; // nothing at all, which is nothing to stay awake for
    assert.is(scanner.takeFrom(3), -1);
    assert.not(scanner.anyRequest());
    assert.is(claims.owner(number), -1);
  });

test("one request a chunk and pass, every slot in turn", () => {
  wipe(0);
  const { claims, active, slots } = rig();
  const scanner = new Scanner(guest.words, claims, active, 2);
  active.include(0);
  for (let slot = 0; slot < 8; slot++) {
    claims.open(slot);
    active.opened(slot);
  }
  const seen = new Set<number>();
  for (let pass = 1; pass <= 8; pass++) {
    for (let slot = 0; slot < 8; slot++) post(slot, pass, Request.SYSCALL, 2);
    scanner.begin();
    const number = scanner.next();
    assert.ok(number >= 0);
    assert.is(scanner.next(), -1);
    seen.add(number);
    slots.replyResult(number, pass, 0);
  }
  assert.is(seen.size, 8);
});

test("a pass visits every active chunk once, wherever it starts", () => {
  const { claims, active, slots } = rig();
  const scanner = new Scanner(guest.words, claims, active, 1);
  const chunks = [0, 1, 31, 32, 63, 64, 95, 97];
  for (const chunk of chunks) {
    wipe(chunk);
    active.include(chunk);
    claims.open(slotNumber(chunk, 0));
    active.opened(slotNumber(chunk, 0));
  }
  for (let pass = 1; pass < 250; pass++) {
    for (const chunk of chunks) post(slotNumber(chunk, 0), pass, Request.SYSCALL, 1);
    const seen: number[] = [];
    scanner.begin();
    for (let number = scanner.next(); number >= 0; number = scanner.next()) {
      seen.push(number >>> 3);
      slots.replyResult(number, pass, 0);
    }
    assert.equal(
      seen.toSorted((a, b) => a - b),
      chunks,
    );
  }
});

test("sequence numbers wrap, and no thread number or sequence makes a claim look like another state", () => {
  wipe(1);
  const { claims } = rig();
  const number = slotNumber(1, 0);
  for (const sequence of [1, 0x7ffffff, 0x8000000, 0xfffffff, 0]) {
    for (let thread = 0; thread < 4; thread++) {
      post(number, (sequence + 1) & 0xfffffff, Request.FAULT, thread); // so that the next one is new
      claims.open(number);
      post(number, sequence, Request.SYSCALL, thread);
      const request = claims.take(number, thread);
      assert.is(sequenceOf(request), sequence);
      assert.is(claims.owner(number), thread);
      assert.is(claims.sequence(number), sequence);
      assert.not(claims.isClosed(number));
      assert.is(claims.take(number, 0), 0);
      assert.ok(claims.pass(number, thread, 3 - thread, sequence));
      assert.not(claims.pass(number, thread, 3 - thread, sequence));
      assert.is(claims.owner(number), 3 - thread);
      assert.ok(claims.release(number, 3 - thread, sequence));
      assert.is(claims.owner(number), -1);
    }
  }
});

test("a closed slot takes no request until it is opened, and what stood in it counts as handled", () => {
  wipe(1);
  const { claims } = rig();
  const number = slotNumber(1, 2);
  post(number, 7, Request.SYSCALL);
  assert.is(claims.close(number), -1);
  assert.is(claims.take(number, 0), 0);
  claims.open(number);
  assert.is(claims.take(number, 0), 0);
  post(number, 8, Request.STARTED, 1);
  assert.is(kindOf(claims.take(number, 1)), Request.STARTED);
  assert.is(claims.close(number), 1);
  assert.ok(claims.isClosed(number));
  assert.is(claims.close(number), -1);
});

test("whoever owned a slot that is closed under its hands neither releases nor passes it", () => {
  wipe(1);
  const { claims, slots } = rig(1);
  const number = slotNumber(1, 3);
  claims.open(number);
  post(number, 5, Request.SYSCALL, 1);
  assert.is(sequenceOf(claims.take(number, 1)), 5);
  assert.is(claims.close(number), 1);
  assert.not(claims.pass(number, 1, 0, 5));
  assert.not(slots.replyResult(number, 5, 0));
  assert.is(slots.word(number, L.REPLY), 0, "no reply was written");
  assert.ok(claims.isClosed(number));
  claims.open(number);
  assert.not(claims.release(number, 1, 5), "it is another's now");
  assert.ok(claims.isWithGuest(number));
});

test("replies say who asks for what is posted next", () => {
  wipe(1);
  const { claims, slots } = rig(1);
  const number = slotNumber(1, 4);
  claims.open(number);
  post(number, 5, Request.SYSCALL, 1);
  claims.take(number, 1);
  slots.replyList(number, 5, Reply.COPY_IN_MORE, 7);
  assert.is(slots.word(number, L.REP_COUNT), 7 | (1 << L.REP_THREAD_SHIFT));
});

test("registers: halves, signs and sizes", () => {
  wipe(2);
  const { slots } = rig();
  const number = slotNumber(2, 1);
  const frame = new Frame();
  frame.setNumber(L.RDI, -1);
  frame.set(L.RSI, -1, 0x7fff);
  frame.setNumber(L.ORIG_RAX, 231);
  frame.set(L.R9, 5, -2147483648);
  frame.setNumber(L.RIP, 0x7fff12345678);
  slots.writeFrame(number, frame);
  const copy = new Frame();
  slots.readArguments(number, copy, 6);
  assert.is(copy.argumentLow(0), -1);
  assert.is(copy.argumentSigned(0), -1);
  assert.is(copy.argumentUnsigned(1), 0x7fffffffffff);
  assert.is(copy.argumentUnsigned(5), 2 ** 63);
  assert.is(copy.argumentSigned(5), -(2 ** 63) + 5);
  assert.is(copy.low(L.ORIG_RAX), 0);
  assert.is(copy.unsigned(L.RIP), 0);
  const fewer = new Frame();
  slots.readArguments(number, fewer, 1);
  assert.is(fewer.argumentLow(0), -1);
  assert.is(fewer.argumentLow(1), 0);
  slots.readFrame(number, copy);
  assert.is(copy.unsigned(L.RIP), 0x7fff12345678);
  slots.setOperation(number, 31, 1, 9);
  slots.setOperationNumber(number, 31, 5, -4096);
  assert.is(slots.signed(number, L.OPS + 31 * 64 + L.OP_ARGS + 40), -4096);
  slots.setPiece(number, 63, 0x7ffffffff000, 9, L.WINDOW);
  assert.is(slots.unsigned(number, L.PIECES + 63 * 16), 0x7ffffffff000);
});

test("a chunk's place is used again only after every kernel thread passed its loop top", () => {
  const { sab, active } = rig();
  const places = new ChunkPlaces(sab.control, 2, active);
  const first = new Passes(sab.control, 0);
  const second = new Passes(sab.control, 1);
  assert.is(places.allot(), 0);
  assert.is(places.allot(), 1);
  assert.is(places.allot(), 2);
  assert.is(active.limit(), 3);
  places.retire(1);
  assert.is(places.allot(), 3);
  first.loopTop();
  assert.is(places.allot(), 4);
  second.toggleAsleep();
  assert.is(places.allot(), 1);
  places.retire(4);
  first.loopTop(); // the second sleeps and holds nothing
  places.retire(0);
  assert.is(places.allot(), 4);
  second.toggleAsleep();
  first.loopTop();
  places.retire(4);
  assert.is(places.allot(), 0);
  first.loopTop();
  assert.is(places.retired, 1);
  assert.is(places.allot(), 5);
  assert.is(places.used, 5);
});

test("mailbox: order, overflow, flush", () => {
  const { sab } = rig();
  const sender = new Mailbox(sab.mailboxes, 0, 3);
  const receiver = new Mailbox(sab.mailboxes, 2, 3);
  const record = new Int32Array(RECORD_PAYLOAD_WORDS);
  const total = MAILBOX_RECORDS + 50;
  for (let n = 0; n < total; n++) {
    record.fill(n);
    assert.is(sender.send(2, record), n < MAILBOX_RECORDS);
  }
  assert.is(sender.unsent, 50);
  let next = 0;
  while (next < total) {
    if (receiver.receive(record) < 0) {
      assert.not(receiver.anyRecord());
      assert.is(sender.flush(), 1 << 2);
      assert.ok(receiver.anyRecord());
      continue;
    }
    assert.ok(record.every((word) => word === next));
    next++;
  }
  assert.is(sender.unsent, 0);
  assert.is(receiver.receive(record), -1);
});

test("turns: due until all that was asked is served", () => {
  const { sab } = rig();
  const main = new Turns(sab.control, 1);
  const thread = new Turns(sab.control, 1);
  assert.not(thread.due());
  main.ask();
  main.ask();
  thread.serve();
  assert.ok(thread.due());
  thread.serve();
  assert.not(thread.due());
});

test("both memories reach a worker by structured clone", async () => {
  const sab = new PrivateSab();
  Atomics.store(guest.words, 1 << 29, 4711);
  const worker = new Worker(
    `const { workerData: [guest, sab], parentPort } = require("node:worker_threads");
     const words = new Int32Array(guest);
     Atomics.add(words, 2 ** 29, 1);
     Atomics.add(new Int32Array(sab), 0, 5);
     parentPort.postMessage(words.length);`,
    { eval: true, workerData: [guest.buffer, sab.buffer] },
  );
  const length = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  assert.is(length, 2 ** 30);
  assert.is(guest.words[1 << 29], 4712);
  assert.is(sab.control[0], 5);
});

test.run();
