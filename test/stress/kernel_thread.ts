// A kernel thread of the stress test: the loop of src/workers/host.ts with the project's own ring
// code, and a handler that answers at once, later, or through the other thread's mailbox.

import { parentPort, workerData } from "node:worker_threads";
import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { Claims, sequenceOf } from "../../src/shared/ring/claims.ts";
import { chunkOfSlot, GuestMemory, slotInChunk } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import { RDI, REPLY, SLOT_SIZE } from "../../src/shared/ring/layout.ts";
import { Mailbox, RECORD_PAYLOAD_WORDS } from "../../src/shared/ring/mailbox.ts";
import { PrivateSab } from "../../src/shared/ring/private_sab.ts";
import { Passes } from "../../src/shared/ring/quiescence.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { loadNative } from "../../src/workers/native.ts";

export interface KernelThreadData {
  readonly thread: number;
  readonly threads: number;
  readonly guest: SharedArrayBuffer;
  readonly kernel: SharedArrayBuffer;
  readonly doorbells: readonly number[];
  readonly library: string;
  /** Requests handled of each slot. */
  readonly handled: SharedArrayBuffer;
}

const IDLE_PASSES = 200;
const BLOCKED_PASSES = 50;

const data = workerData as KernelThreadData;
const { thread, threads } = data;
const native = await loadNative(data.library);
const memory = new GuestMemory(data.guest);
const sab = new PrivateSab(data.kernel);
const claims = new Claims(sab.claims, sab.seen, memory.words, threads);
const active = new ActiveChunks(claims, sab.active, sab.widths, sab.limit, threads);
const slots = new Slots(memory.words, claims, active, thread);
const scanner = new Scanner(memory.words, claims, active, thread);
const page = new KernelPage(memory.words);
const mailbox = new Mailbox(sab.mailboxes, thread, threads);
const passes = new Passes(sab.control, thread);
const handled = new Int32Array(data.handled);
const record = new Int32Array(RECORD_PAYLOAD_WORDS);

const epoll = native.epollCreate();
native.epollAddBell(epoll, data.doorbells[thread]!);

/** Requests that were answered with BLOCKED: slot, sequence, passes left. */
const blocked: number[][] = [];
const counts = { requests: 0, blocked: 0, forwarded: 0, wakes: 0, sleeps: 0 };

function reply(slot: number, sequence: number): void {
  const value = slots.unsigned(slot, RDI) * 8 + slotInChunk(slot);
  Atomics.add(handled, slot, 1);
  if (!slots.replyResult(slot, sequence, value)) return;
  counts.wakes++;
  native.futexWake(chunkOfSlot(slot), slotInChunk(slot) * SLOT_SIZE + REPLY);
}

function tell(other: number): void {
  if (page.isSleeping(other)) native.doorbellRing(data.doorbells[other]!);
}

function handle(slot: number, sequence: number): void {
  const choice = counts.requests++ & 15;
  if (choice === 3) {
    counts.blocked++;
    slots.replyBlocked(slot, sequence);
    blocked.push([slot, sequence, BLOCKED_PASSES]);
  } else if (choice === 7 && threads > 1) {
    counts.forwarded++;
    const other = (thread + 1) % threads;
    claims.pass(slot, thread, other, sequence);
    record[0] = slot;
    record[1] = sequence;
    mailbox.send(other, record);
    tell(other);
  } else {
    reply(slot, sequence);
  }
}

function pass(): boolean {
  let busy = false;
  passes.loopTop();
  const told = mailbox.flush();
  for (let other = 0; other < threads; other++) if ((told & (1 << other)) !== 0) tell(other);
  scanner.begin();
  for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) {
    handle(slot, sequenceOf(scanner.request));
    busy = true;
  }
  while (mailbox.receive(record) >= 0) {
    if (!claims.isOwner(record[0]!, thread, record[1]!))
      throw new Error("a forwarded slot has another owner");
    reply(record[0]!, record[1]!);
    busy = true;
  }
  for (const entry of blocked) entry[2]!--;
  while (blocked.length > 0 && blocked[0]![2]! <= 0) {
    const [slot, sequence] = blocked.shift()!;
    reply(slot!, sequence!);
    busy = true;
  }
  return busy || blocked.length > 0 || mailbox.unsent > 0;
}

function sleep(): void {
  page.setSleeping(thread);
  if (!scanner.anyRequest() && !mailbox.anyRecord() && !sab.stopped(thread)) {
    counts.sleeps++;
    passes.toggleAsleep();
    native.epollWait(epoll, 1, -1);
    passes.toggleAsleep();
  }
  page.clearSleeping(thread);
}

parentPort!.postMessage("ready");
let idle = 0;
while (!sab.stopped(thread)) {
  if (pass()) idle = 0;
  else if (++idle > IDLE_PASSES) sleep();
}
parentPort!.postMessage(counts);
