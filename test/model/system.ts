// The parties of the request protocol for the explorer: a stub as native/stub does it, a kernel
// thread that runs the project's own scan, claim and reply code, and what a hostile guest adds.
// Kernel objects (futex, doorbell) are modelled as what the host kernel guarantees of them.
//
// One chunk, place 0. Kernel thread k has doorbell k.

import { ActiveChunks } from "../../src/shared/ring/active.ts";
import { Claims, GUEST, recordWord } from "../../src/shared/ring/claims.ts";
import { slotWord } from "../../src/shared/ring/guest_memory.ts";
import { KernelPage } from "../../src/shared/ring/kernel_page.ts";
import * as L from "../../src/shared/ring/layout.ts";
import { ACTIVE_WORDS, SEEN_WORDS } from "../../src/shared/ring/private_sab.ts";
import { Scanner } from "../../src/shared/ring/scan.ts";
import { Slots } from "../../src/shared/ring/slot.ts";
import { Reply, Request, SLOT_TRANSITIONS, type SlotEvent } from "../../src/shared/ring/slot_states.ts";
import { type Memory, owned, type Process, type Steps, shared, violation } from "./explorer.ts";

export const guest = shared("guest");
export const claimWords = shared("claim");
/** Each element is one kernel thread's own. */
export const seen = owned("seen");
export const activeBits = shared("active");
export const widths = shared("width");
export const limit = shared("limit");
/** Counts of the doorbell eventfds. */
export const doorbells = shared("doorbell");
/** 1 while the stub of a slot waits on its futex. */
export const waiting = shared("waiting");
/** How often each request was handled, at slot * 64 + sequence. */
export const handled = shared("handled");
/** Kernel threads that believe that they own a slot. */
export const owners = shared("owners");
/** Each slot's state in the table of slot_states.def. */
export const states = shared("state");

const STATES = ["RUNNING", "POSTED", "OWNED", "BLOCKED", "LIST", "DEAD"] as const;

/** The code that a kernel thread runs; a mutant replaces one of them. */
export interface Parts {
  claims: Claims;
  active: ActiveChunks;
  slots: Slots;
  page: KernelPage;
}

/** Makes the parts of kernel thread `thread` of `threads`. */
export type MakeParts = (thread: number, threads: number) => Parts;

export const realParts: MakeParts = (thread, threads) => {
  const claims = new Claims(claimWords, seen, guest, threads);
  const active = new ActiveChunks(claims, activeBits, widths, limit, threads);
  return { claims, active, slots: new Slots(guest, claims, active, thread), page: new KernelPage(guest) };
};

/** The slots of place 0 are open and their threads run. */
export function openSlots(memory: Memory, count: number, threads: number): void {
  memory.set(limit, 0, 1);
  memory.set(widths, 0, count);
  for (let slot = 0; slot < count; slot++) memory.set(claimWords, slot, GUEST);
  for (let thread = 0; thread < threads; thread++) memory.set(activeBits, thread * ACTIVE_WORDS, 1);
}

/** The sequence of the first, second... request that a slot posts to a kernel thread. */
export function sequenceAt(count: number, thread: number): number {
  return count * L.SEQUENCE_STEP + thread;
}

function replyIndex(slot: number): number {
  return slotWord(slot) + (L.REPLY >>> 2);
}

function sleepingIndex(slot: number): number {
  return slotWord(slot) + (L.SLEEPING >>> 2);
}

function kernelSleepingIndex(thread: number): number {
  return slotWord(L.KERNEL_PAGE_CHUNK * L.CHUNK_SLOTS) + ((L.KP_THREAD + thread * L.KP_THREAD_STRIDE) >>> 2);
}

/** Moves a slot along the table, together with the access that makes the event visible. */
function transit(memory: Memory, slot: number, event: SlotEvent): void {
  const from = STATES[memory.get(states, slot)]!;
  const entry = SLOT_TRANSITIONS.find((transition) => transition.from === from && transition.event === event);
  if (entry === undefined) violation(`slot ${slot}: ${event} in state ${from}`);
  memory.set(states, slot, STATES.indexOf(entry!.to));
}

/** Stub: the request's record, doorbell if the kernel thread sleeps. */
export function stubPost(steps: Steps, slot: number, sequence: number, thread: number): void {
  steps.atomic("post: exchange the record", (memory) => {
    transit(memory, slot, "POST");
    memory.set(guest, recordWord(slot, thread), sequence * 16 + Request.SYSCALL);
    return 0;
  });
  if (Atomics.load(guest, kernelSleepingIndex(thread)) !== 0) ring(steps, thread);
}

export function ring(steps: Steps, thread: number): void {
  steps.atomic(`ring doorbell ${thread}`, (memory) => {
    memory.set(doorbells, thread, 1); // more rings add up to the same: it is readable
    return 0;
  });
}

/** Stub: polls once, then sleeps until the reply word answers this sequence for good. Its code. */
export function stubWait(steps: Steps, slot: number, sequence: number): number {
  const reply = Atomics.load(guest, replyIndex(slot));
  if (isFinal(reply, sequence)) return reply & 15;
  Atomics.exchange(guest, sleepingIndex(slot), 1);
  for (;;) {
    const word = Atomics.load(guest, replyIndex(slot));
    if (isFinal(word, sequence)) {
      Atomics.store(guest, sleepingIndex(slot), 0);
      return word & 15;
    }
    futexWait(steps, slot, word);
  }
}

function isFinal(word: number, sequence: number): boolean {
  return word >>> 4 === sequence && (word & 15) !== Reply.BLOCKED;
}

/** FUTEX_WAIT: the host compares and queues in one step, then waits for a wake-up. */
export function futexWait(steps: Steps, slot: number, expected: number): void {
  const queued = steps.atomic("futex wait: compare and queue", (memory) => {
    if (memory.get(guest, replyIndex(slot)) !== expected) return 0;
    memory.set(waiting, slot, 1);
    return 1;
  });
  if (queued === 0) return;
  steps.atomic("futex wait: woken", (memory) => (memory.get(waiting, slot) === 0 ? 0 : undefined));
}

export function futexWake(steps: Steps, slot: number): void {
  steps.atomic("futex wake", (memory) => {
    memory.set(waiting, slot, 0);
    return 0;
  });
}

/** The stub counts on in the line of the kernel thread that it posts to. */
function nextSequence(routes: readonly number[], count: number): number {
  const thread = routes[count - 1]!;
  return sequenceAt(routes.slice(0, count).filter((route) => route === thread).length, thread);
}

/** An honest thread that makes system calls on a slot, each routed to one kernel thread. */
export function honestStub(slot: number, routes: readonly number[]): Process {
  return {
    name: `stub ${slot}`,
    start: 1,
    run(local, steps) {
      const count = local as number;
      const thread = routes[count - 1];
      if (thread === undefined) return undefined;
      const sequence = nextSequence(routes, count);
      stubPost(steps, slot, sequence, thread);
      stubWait(steps, slot, sequence);
      return count + 1;
    },
  };
}

/** As honestStub, but it never sleeps: it polls, and what matters of that is that it sees the reply. */
export function pollingStub(slot: number, routes: readonly number[]): Process {
  return {
    name: `stub ${slot}`,
    start: 1,
    run(local, steps) {
      const count = local as number;
      const thread = routes[count - 1];
      if (thread === undefined) return undefined;
      const sequence = nextSequence(routes, count);
      stubPost(steps, slot, sequence, thread);
      steps.atomic("polls until it is answered", (memory) =>
        isFinal(memory.get(guest, replyIndex(slot)), sequence) ? 0 : undefined,
      );
      return count + 1;
    },
  };
}

/** Handles a request that was taken: checks that nobody else does, and that nobody did before. */
export function own(steps: Steps, slot: number, sequence: number): void {
  steps.note(`handle slot ${slot} request ${sequence}`, (memory) => {
    if (memory.get(owners, slot) !== 0) violation(`slot ${slot} has two owners`);
    memory.set(owners, slot, 1);
    const count = memory.get(handled, slot * 64 + sequence) + 1;
    if (count > 1) violation(`slot ${slot} request ${sequence} was handled twice`);
    memory.set(handled, slot * 64 + sequence, count);
    transit(memory, slot, "CLAIM");
    return 0;
  });
}

/** The owner is about to reply: from here on the slot may have another owner. */
export function disown(steps: Steps, slot: number, event: SlotEvent): void {
  steps.atomic(`slot ${slot}: about to reply`, (memory) => {
    memory.set(owners, slot, 0);
    transit(memory, slot, event);
    return 0;
  });
}

export type Handle = (steps: Steps, parts: Parts, slot: number, request: number) => void;

/** Answers a request at once. */
export const answer: Handle = (steps, parts, slot, request) => {
  const sequence = request >>> 4;
  own(steps, slot, sequence);
  disown(steps, slot, "REPLY_FINAL");
  if (parts.slots.replyFinal(slot, sequence, Reply.RESUME)) futexWake(steps, slot);
};

export interface KernelThread {
  readonly parts?: MakeParts;
  /** Kernel threads in all; 1 by default. */
  readonly threads?: number;
  readonly scanner?: (
    parts: Parts,
    thread: number,
  ) => Pick<Scanner, "begin" | "next" | "request" | "anyRequest">;
  readonly handle?: Handle;
  /** What a mutant does in place of the last look before it blocks: true to stay awake. */
  readonly fallAsleep?: (steps: Steps, parts: Parts, thread: number, look: () => boolean) => boolean;
}

/** The loop of src/workers/host.ts: one pass, and when it found nothing, sleep. */
export function kernelThread(thread: number, options: KernelThread = {}): Process {
  const handle = options.handle ?? answer;
  return {
    name: `kernel thread ${thread}`,
    start: null,
    run(_local, steps) {
      const parts = (options.parts ?? realParts)(thread, options.threads ?? 1);
      const scanner =
        options.scanner?.(parts, thread) ?? new Scanner(guest, parts.claims, parts.active, thread);
      let busy = false;
      scanner.begin();
      for (let slot = scanner.next(); slot >= 0; slot = scanner.next()) {
        handle(steps, parts, slot, scanner.request);
        busy = true;
      }
      if (busy) return null;
      const look = () => scanner.anyRequest();
      const awake =
        options.fallAsleep?.(steps, parts, thread, look) ?? fallAsleep(steps, parts, thread, look);
      if (!awake) blockOnDoorbell(steps, thread);
      parts.page.clearSleeping(thread);
      return null;
    },
  };
}

function fallAsleep(_steps: Steps, parts: Parts, thread: number, look: () => boolean): boolean {
  parts.page.setSleeping(thread);
  return look();
}

export function blockOnDoorbell(steps: Steps, thread: number): void {
  steps.atomic("epoll_wait and read of the doorbell", (memory) => {
    if (memory.get(doorbells, thread) === 0) return undefined;
    memory.set(doorbells, thread, 0);
    return 0;
  });
}

/**
 * A kernel thread that polls the records of slot 0 and never sleeps: what matters about polling is
 * that it sees a request at any time after it was posted.
 */
export function pollingThread(
  thread: number,
  threads: number,
  make: MakeParts,
  handle: Handle = answer,
): Process {
  return {
    name: `kernel thread ${thread}`,
    start: null,
    run(_local, steps) {
      const all = make(thread, threads);
      const scanner = new Scanner(guest, all.claims, all.active, thread);
      steps.atomic("polls until there is something new", (memory) =>
        memory.get(guest, recordWord(0, thread)) === memory.get(seen, thread * SEEN_WORDS) ? undefined : 0,
      );
      const slot = scanner.takeFrom(0);
      if (slot >= 0) handle(steps, all, slot, scanner.request);
      return null;
    },
  };
}

/** At rest: kernel threads sleep for want of requests, so every stub must have ended. */
export function allStubsEnded(
  stubs: number,
): (memory: Memory, ended: readonly boolean[]) => string | undefined {
  return (_memory, ended) => {
    const stuck = ended.slice(0, stubs).indexOf(false);
    return stuck < 0 ? undefined : `stub ${stuck} waits for ever`;
  };
}

/** Every slot is with its guest, and every kernel thread knows where to look, whenever nothing moves. */
export function allMarked(memory: Memory, slots: number, threads: number): string | undefined {
  for (let slot = 0; slot < slots; slot++)
    if (memory.get(claimWords, slot) !== GUEST) return `slot ${slot} is not with its guest at rest`;
  for (let thread = 0; thread < threads; thread++)
    if (memory.get(activeBits, thread * ACTIVE_WORDS) !== 1) return `not marked for thread ${thread} at rest`;
  return undefined;
}
