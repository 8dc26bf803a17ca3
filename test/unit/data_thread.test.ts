// A data thread takes what stubs post to it, once, and passes what is not its to thread 0 with the slot
// (pool/data_requests.ts); also in the middle of a call, of which nothing has come then.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { WATCHED } from "../../src/shared/ring/attention.ts";
import { kindOf, recordWord } from "../../src/shared/ring/claims.ts";
import { GuestMemory, slotWord } from "../../src/shared/ring/guest_memory.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { CHUNK_SIZE, GUEST_CHUNKS, SEQUENCE_STEP } from "../../src/shared/ring/layout.ts";
import { Mailbox, RECORD_PAYLOAD_WORDS } from "../../src/shared/ring/mailbox.ts";
import { LENT_WRITE, OpenRecords } from "../../src/shared/ring/open_records.ts";
import { CONTROL_MOVED, CONTROL_WORDS, PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Reply, Request } from "../../src/shared/ring/slot_states.ts";
import { SUPERVISOR } from "../../src/shared/thread_plan.ts";
import { shareOf } from "../../src/workers/host_share.ts";
import { DataKernel } from "../../src/workers/pool/data_kernel.ts";
import * as M from "../../src/workers/pool/messages.ts";
import { Message } from "../../src/workers/pool/messages.ts";
import type { ThreadParts } from "../../src/workers/thread_parts.ts";

const THREADS = 4;
const THREAD = 3;
const SLOT = 2;
const GETPPID = 110;
const SEQUENCE = SEQUENCE_STEP | THREAD;
const REQUEST = SEQUENCE * 16 + Request.SYSCALL;

const FD = 3;
const HOST_FD = 9;
const RECORD = 0;
const STAMPS = 0;
const TABLE = 0;

function make() {
  const scratchView = new DataView(new ArrayBuffer(64));
  const written: unknown[] = [];
  const pwrite = (fd: number, _chunk: number, at: number, length: number, position: number) => {
    const bytes = Buffer.from(new Uint8Array(memory.words.buffer, at, length));
    written.push([fd, bytes.toString("latin1"), position]);
    return length;
  };
  const native = new Proxy({ scratchView, pwrite } as Record<string | symbol, unknown>, {
    get: (own, name) => own[name] ?? (() => 0),
  });
  const sab = new PrivateSab();
  // The kernel page lies at the end: nothing is written in between.
  const memory = new GuestMemory(new SharedArrayBuffer((GUEST_CHUNKS + 1) * CHUNK_SIZE));
  const parts = {
    native,
    memory,
    sab,
    descriptors: {},
    log: () => {},
    share: shareOf(1),
  } as unknown as ThreadParts;
  const kernel = new DataKernel(parts, { thread: THREAD, threads: THREADS }, 0);
  kernel.active.include(0);
  kernel.claims.open(SLOT);
  kernel.active.opened(SLOT);
  memory.words[recordWord(SLOT, THREAD)] = REQUEST;
  memory.words[recordWord(SLOT, THREAD) + 1] = GETPPID;
  const supervisor = new Mailbox(sab.mailboxes, SUPERVISOR, THREADS);
  const received = () => {
    const record = new Int32Array(RECORD_PAYLOAD_WORDS);
    return supervisor.receive(record) === THREAD ? record : null;
  };
  /** A pass over the slots: the slot whose request was taken, or -1. */
  const take = () => {
    kernel.scanner.begin();
    return kernel.scanner.next();
  };
  return { kernel, memory, sab, supervisor, received, take, written };
}

/** Thread 0 has lent a file, and its guest has posted pwritev of "AB" and "CDE" at 7. */
function withVectors() {
  const made = make();
  const { kernel, memory, sab, take } = made;
  const lender = new OpenRecords(sab, SUPERVISOR);
  lender.begin(RECORD, 0);
  lender.beginStamps(STAMPS, true);
  const lent = { hostFd: HOST_FD, modes: LENT_WRITE, stamps: STAMPS, warmEnd: 0 };
  lender.set(RECORD, lent);
  lender.setDescriptor(TABLE, FD, RECORD);
  lender.setCaller(SLOT, TABLE);
  kernel.page.setRoute(nr("pwritev"), L.ROUTE_FD << 8);
  const slot = slotWord(SLOT);
  const set = (field: number, value: number) => {
    memory.words[slot + (field >>> 2)] = value;
  };
  const bytes = new Uint8Array(memory.words.buffer, slot * 4 + L.WINDOW, 32);
  const array = Int32Array.of(0x1000, 0, 2, 0, 0x2000, 0, 3, 0);
  bytes.set(new Uint8Array(array.buffer));
  set(L.REQ_IN_LENGTH, 32);
  for (const [register, value] of [
    [L.RDI, FD],
    [L.RSI, 0x3000],
    [L.RDX, 2],
    [L.R10, 7],
  ] as const)
    set(register, value);
  const post = (sequence: number, kind: number) => {
    memory.words[recordWord(SLOT, THREAD)] = sequence * 16 + kind;
    memory.words[recordWord(SLOT, THREAD) + 1] = nr("pwritev");
    assert.is(take(), SLOT);
    kernel.requests.serve(SLOT, kernel.scanner.request, kernel.scanner.nr(SLOT));
  };
  post(SEQUENCE, Request.PATCHED);
  const reply = () => kindOf(memory.words[slot + (L.REPLY >>> 2)]!);
  assert.is(reply(), Reply.COPY_IN_MORE);
  /** Its stub has copied so many bytes. */
  const copied = (count: number) => {
    bytes.set(Buffer.from("ABCDE".slice(0, count), "latin1"));
    set(L.REQ_VALUE, count);
    post(SEQUENCE + SEQUENCE_STEP, Request.COPY_READY);
  };
  const hasArray = () => Buffer.from(bytes).equals(Buffer.from(array.buffer));
  return {
    ...made,
    lender,
    lent,
    copied,
    post,
    reply,
    hasArray,
    result: () => memory.words[slot + (L.REP_RESULT >>> 2)],
  };
}

test("a request is passed to thread 0, once", () => {
  const { kernel, received, take } = make();
  assert.is(take(), SLOT);
  kernel.requests.serve(SLOT, kernel.scanner.request, kernel.scanner.nr(SLOT));
  const record = received()!;
  assert.equal(
    [record[M.KIND], record[M.SLOT], record[M.REQUEST], record[M.NR]],
    [Message.REQUEST, SLOT, REQUEST, GETPPID],
  );
  assert.ok(kernel.claims.isOwner(SLOT, SUPERVISOR, SEQUENCE));
  assert.equal([kernel.figures.forwards, kernel.figures.passedOut, kernel.counters.requests], [1, 1, 1]);
  assert.is(take(), -1);
  assert.is(received(), null);
});

test("of a slot that was closed meanwhile nothing is said", () => {
  const { kernel, received, take } = make();
  assert.is(take(), SLOT);
  kernel.claims.close(SLOT);
  kernel.requests.serve(SLOT, kernel.scanner.request, kernel.scanner.nr(SLOT));
  assert.is(received(), null);
  assert.ok(kernel.claims.isClosed(SLOT));
  assert.equal([kernel.figures.forwards, kernel.figures.passedOut], [0, 0]);
});

test("what thread 0 says is taken, and waits until then", () => {
  const { kernel, supervisor } = make();
  const record = new Int32Array(RECORD_PAYLOAD_WORDS);
  record[M.KIND] = Message.CLOSED;
  for (const slot of [SLOT, SLOT + 1]) {
    record[M.SLOT] = slot;
    supervisor.send(THREAD, record);
  }
  assert.is(kernel.post.queued, 2);
  kernel.post.exchange();
  assert.equal([kernel.post.queued, kernel.figures.queuedMax], [0, 2]);
});

test("what vectors name is written when the stub has copied it", () => {
  const { copied, reply, result, received, written } = withVectors();
  assert.equal(written, []);
  copied(5);
  assert.equal(written, [[HOST_FD, "ABCDE", 7]]);
  assert.equal([reply(), result(), received()], [Reply.RET, 5, null]);
});

test("a call over which its stub has slept does not count as one that it was woken for", () => {
  for (const sleeping of [0, 1]) {
    const { copied, memory, sab } = withVectors();
    const moved = () => sab.control[THREAD * CONTROL_WORDS + CONTROL_MOVED]!;
    const before = moved();
    memory.words[slotWord(SLOT) + (L.SLEEPING >>> 2)] = sleeping;
    copied(5);
    assert.is(moved() - before, 1 - sleeping);
  }
});

type Vectors = ReturnType<typeof withVectors>;

const MEANWHILE: readonly [string, (made: Vectors) => void][] = [
  ["a signal came", ({ kernel }) => kernel.attention.raise(SLOT, WATCHED)],
  ["files are watched", ({ sab }) => Atomics.store(sab.movers, 0, 1)],
  ["its descriptor was closed", ({ lender }) => lender.forgetDescriptor(TABLE, FD)],
  ["its file was closed", ({ lender }) => lender.end(RECORD)],
  [
    "its descriptor is another file's",
    ({ lender, lent }) => {
      lender.begin(RECORD + 1, 0);
      lender.set(RECORD + 1, lent);
      lender.setDescriptor(TABLE, FD, RECORD + 1);
    },
  ],
  ["its caller has a limit", ({ lender }) => lender.forgetCaller(SLOT)],
  ["it may not be written any more", ({ lender, lent }) => lender.set(RECORD, { ...lent, modes: 1 })],
  ["it has got a set-id bit", ({ lender }) => lender.allowWrites(STAMPS, false)],
  ["nothing is lent", ({ lender, lent }) => lender.set(RECORD, { ...lent, modes: 0 })],
];

for (const [what, happens] of MEANWHILE)
  test(`thread 0 begins with a call on vectors anew if ${what} while its stub copied`, () => {
    const made = withVectors();
    happens(made);
    made.copied(5);
    assert.equal(made.written, []);
    assert.ok(made.hasArray(), "it finds the vectors where they were");
    const record = made.received()!;
    const request = (SEQUENCE + SEQUENCE_STEP) * 16 + Request.PATCHED;
    assert.equal(
      [record[M.KIND], record[M.REQUEST], record[M.NR]],
      [Message.REQUEST, request, nr("pwritev")],
    );
    assert.ok(made.kernel.claims.isOwner(SLOT, SUPERVISOR, SEQUENCE + SEQUENCE_STEP));
  });

test("what no call here waits for is thread 0's to judge", () => {
  const { copied, post, received, written } = withVectors();
  copied(5);
  post(SEQUENCE + 2 * SEQUENCE_STEP, Request.COPY_READY);
  assert.is(kindOf(received()![M.REQUEST]!), Request.COPY_READY);
  assert.is(written.length, 1);
});

test("thread 0 begins with a call on vectors anew if they fault", () => {
  const made = withVectors();
  made.copied(4);
  assert.equal([made.written, made.hasArray()], [[], true]);
  assert.is(made.received()![M.KIND], Message.REQUEST);
});

test.run();
