// A data thread takes what stubs post to it, once, and passes what is not its to thread 0 with the slot
// (pool/data_requests.ts).

import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordWord } from "../../src/shared/ring/claims.ts";
import { GuestMemory } from "../../src/shared/ring/guest_memory.ts";
import { CHUNK_SIZE, GUEST_CHUNKS, SEQUENCE_STEP } from "../../src/shared/ring/layout.ts";
import { Mailbox, RECORD_PAYLOAD_WORDS } from "../../src/shared/ring/mailbox.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Request } from "../../src/shared/ring/slot_states.ts";
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

function make() {
  const scratchView = new DataView(new ArrayBuffer(64));
  const native = new Proxy({ scratchView } as Record<string | symbol, unknown>, {
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
  return { kernel, supervisor, received, take };
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

test.run();
