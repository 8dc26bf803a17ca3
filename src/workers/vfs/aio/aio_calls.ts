// Asynchronous I/O (io_setup(2), io_submit(2), io_getevents(2), io_pgetevents(2), io_cancel(2), io_destroy(2)). Requests are
// done in the order in which they are submitted, before io_submit is over.

import { EAGAIN, EFAULT, EINTR, EINVAL, ERESTARTNOHAND } from "../../../shared/abi/errno.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../../shared/abi/mman.ts";
import { readI64, readU64, write64 } from "../../../shared/abi/struct.ts";
import { NSEC_PER_SEC } from "../../../shared/abi/time.ts";
import { WINDOW } from "../../../shared/ring/layout.ts";
import { breatheOn } from "../../call/breathe.ts";
import type { Coroutine } from "../../call/call.ts";
import { NEVER, TIMESPEC_SIZE } from "../../call/clocks.ts";
import type { Handlers } from "../../call/dispatch.ts";
import { readGuest } from "../../call/guest_copy.ts";
import { leaveTemporaryMask, setTemporaryMask } from "../../call/temporary_mask.ts";
import { type WaitEnd, waitUntil } from "../../call/timed_wait.ts";
import { ANONYMOUS, map, unmap } from "../../mem/mapping.ts";
import { PAGE_SIZE } from "../../mem/vma.ts";
import type { VfsCaller } from "../caller.ts";
import { holding } from "../file_table.ts";
import { AioContext, AioContexts, type AioEvent } from "./aio_context.ts";
import { type AioRequest, memoryOf, perform, REQUEST_SIZE, requestIn } from "./aio_request.ts";

/** In place of a time-out: it cannot be read. */
const NOT_THERE = Number.NEGATIVE_INFINITY;
const EVENT_SIZE = 32;
const POINTER_SIZE = 8;
/** Where a request's key stands, which is 0 once it is submitted. */
const KEY = 8;
const KEY_SIZE = 4;
/** Events that are copied at once. */
const EVENTS_A_ROUND = 128;
/** More events than that no machine has memory for, says Linux. */
const EVENTS_MOST = 0x10000000 / EVENT_SIZE;
/** As Linux gives more room than was asked for: for two pages of events at least. */
const CAPACITY_MIN = 127;

function contextsOf({ kernel, stub: { space } }: VfsCaller): AioContexts {
  space.aio ??= new AioContexts(kernel.counters);
  return space.aio as AioContexts;
}

function contextAt({ stub: { space } }: VfsCaller, id: number): AioContext | undefined {
  return (space.aio as AioContexts | null)?.get(id);
}

// ---- Contexts ----

/** The page that stands for a context. Programs look there for events by themselves, if it says that it has any: this one never does. */
function mapPage(task: VfsCaller): Coroutine {
  return map(task, {
    address: 0,
    length: PAGE_SIZE,
    prot: PROT_READ | PROT_WRITE,
    maxProt: PROT_READ | PROT_WRITE | PROT_EXEC,
    flags: 0,
    placement: "any",
    source: ANONYMOUS,
    name: "/[aio] (deleted)",
    populate: -1,
  });
}

function* setUp(task: VfsCaller, count: number, at: number): Coroutine {
  const given = yield* readGuest(task, at, POINTER_SIZE);
  if (typeof given === "number") return given;
  if (given.some((byte) => byte !== 0) || count === 0 || count > EVENTS_MOST) return -EINVAL;
  const { counters, heap, sysctls } = task.kernel;
  const capacity = Math.max(count, CAPACITY_MIN);
  if (count > sysctls.get("fs/aio-max-nr") || counters.aioEvents + capacity > sysctls.get("fs/aio-max-nr"))
    return -EAGAIN;
  if (!heap.hasRoom("aioEvents", capacity)) return -EAGAIN;
  const contexts = contextsOf(task);
  const context = new AioContext(capacity);
  contexts.reserve(context);
  let page = -1;
  try {
    page = yield* mapPage(task);
  } finally {
    if (page < 0) contexts.giveUp(context);
  }
  if (page < 0) return page;
  contexts.add(page, context);
  task.call.outAt(at, POINTER_SIZE, WINDOW);
  write64(task.call.view, task.call.base + WINDOW, page);
  if ((yield* task.call.copyOutRound()) === POINTER_SIZE) return 0;
  yield* tearDown(task, page);
  return -EFAULT;
}

function* tearDown(task: VfsCaller, id: number): Coroutine {
  if (!contextsOf(task).remove(id)) return -EINVAL;
  yield* unmap(task, id, id + PAGE_SIZE);
  return 0;
}

// ---- Requests ----

function* submit(task: VfsCaller, id: number, count: number, list: number): Coroutine {
  const context = contextAt(task, id);
  if (context === undefined || count < 0) return -EINVAL;
  const most = Math.min(count, context.capacity);
  for (let done = 0; done < most; done++) {
    if (done > 0 && task.kernel.longTurns.isFull) yield* breatheOn(task);
    const error = yield* submitOne(task, context, list + done * POINTER_SIZE);
    if (error < 0) return done > 0 ? done : error;
  }
  return most;
}

function* submitOne(task: VfsCaller, context: AioContext, at: number): Coroutine {
  const pointer = yield* readGuest(task, at, POINTER_SIZE);
  if (typeof pointer === "number") return pointer;
  const address = readU64(new DataView(pointer.buffer, pointer.byteOffset, POINTER_SIZE), 0);
  const bytes = yield* readGuest(task, address, REQUEST_SIZE);
  if (typeof bytes === "number") return bytes;
  if (context.isGone) return -EINVAL;
  if (!context.hasRoom) return -EAGAIN;
  const request = requestIn(task, bytes);
  if (typeof request === "number") return request;
  context.begin();
  let event: AioEvent | null = null;
  try {
    const result = yield* holding(task, request.file, done(task, request, address, bytes));
    if (typeof result === "number") return result;
    event = result;
  } finally {
    context.end(event);
  }
  request.told?.add(1);
  return 0;
}

/** The event, or the negative errno with which the request is refused. */
function* done(
  task: VfsCaller,
  request: AioRequest,
  address: number,
  bytes: Buffer,
): Generator<void, AioEvent | number, void> {
  const error = yield* withoutKey(task, address, bytes);
  if (error < 0) return error;
  const memory = yield* memoryOf(task, request);
  if (typeof memory === "number") return memory;
  const result = yield* perform(task, request, memory);
  return { data: request.data, request: address, result };
}

/** What has another key than 0 gets that. */
function* withoutKey(task: VfsCaller, address: number, bytes: Buffer): Coroutine {
  if (bytes.readUInt32LE(KEY) === 0) return 0;
  task.call.outAt(address + KEY, KEY_SIZE, WINDOW);
  task.call.view.setUint32(task.call.base + WINDOW, 0, true);
  return (yield* task.call.copyOutRound()) === KEY_SIZE ? 0 : -EFAULT;
}

// ---- Events ----

/** Copies events out, and takes them: their number, or -EFAULT. */
function* take(task: VfsCaller, context: AioContext, at: number, most: number): Coroutine {
  const events = context.first(Math.min(most, EVENTS_A_ROUND));
  if (events.length === 0) return 0;
  const { call } = task;
  call.outAt(at, events.length * EVENT_SIZE, WINDOW);
  let place = call.base + WINDOW;
  // They are taken before they are copied: another thread must not have them as well.
  context.drop(events.length);
  for (const { data, request, result } of events) {
    call.bytes.set(data, place);
    write64(call.view, place + 8, request);
    write64(call.view, place + 16, result);
    write64(call.view, place + 24, 0);
    place += EVENT_SIZE;
  }
  const copied = yield* call.copyOutRound();
  if (copied === events.length * EVENT_SIZE) return events.length;
  context.putBack(events);
  return -EFAULT;
}

/** At least `least` events, which are waited for, and at most `most`: their number, or a negative errno. */
function* events(
  task: VfsCaller,
  id: number,
  least: number,
  most: number,
  at: number,
  waitNs: number,
): Coroutine {
  const context = contextAt(task, id);
  if (context === undefined || least < 0 || least > most) return -EINVAL;
  const deadlineNs = waitNs === NEVER ? NEVER : task.kernel.native.monotonicNs() + waitNs;
  let done = 0;
  for (;;) {
    while (done < most) {
      const taken = yield* take(task, context, at + done * EVENT_SIZE, most - done);
      if (taken < 0) return done > 0 ? done : taken;
      if (taken === 0) break;
      done += taken;
    }
    if (done >= least || waitNs <= 0) return done;
    if (context.isGone) return done > 0 ? done : -EINVAL;
    const ended = yield* sleep(task, context, deadlineNs);
    if (ended !== "woken") return done > 0 || ended === "late" ? done : -EINTR;
  }
}

/** A time-out in nanoseconds, of which Linux takes any; NEVER where there is none; or NOT_THERE. */
function waitIn({ call }: VfsCaller, timeout: number): number {
  if (timeout === 0) return NEVER;
  if (!call.inComplete(0, TIMESPEC_SIZE)) return NOT_THERE;
  const at = call.base + WINDOW;
  return readI64(call.view, at) * NSEC_PER_SEC + readI64(call.view, at + 8);
}

/** Until an event comes, or the context goes. */
function* sleep(task: VfsCaller, context: AioContext, deadlineNs: number): Generator<void, WaitEnd, void> {
  context.sleep(task);
  try {
    return yield* waitUntil(task, deadlineNs);
  } finally {
    context.awake(task);
  }
}

/** struct __aio_sigset: where the mask stands, and its size. */
const MASK_SIZE = 16;

function* eventsMasked(
  task: VfsCaller,
  id: number,
  least: number,
  most: number,
  at: number,
  waitNs: number,
  mask: number,
): Coroutine {
  if (mask !== 0) {
    const given = yield* readGuest(task, mask, MASK_SIZE);
    if (typeof given === "number") return given;
    const view = new DataView(given.buffer, given.byteOffset, MASK_SIZE);
    const error = yield* setTemporaryMask(task, readU64(view, 0), readU64(view, POINTER_SIZE));
    if (error < 0) return error;
  }
  const taken = yield* events(task, id, least, most, at, waitNs);
  const result = taken === -EINTR ? -ERESTARTNOHAND : taken;
  leaveTemporaryMask(task, result === -ERESTARTNOHAND);
  return result;
}

// Nothing is under way when it is asked for.
function* cancel(task: VfsCaller, request: number): Coroutine {
  const key = yield* readGuest(task, request + KEY, KEY_SIZE);
  return typeof key === "number" ? key : -EINVAL;
}

export const AIO_HANDLERS: Handlers<VfsCaller> = {
  io_setup: (task, count, at) => task.call.start(setUp(task, count >>> 0, at)),
  io_destroy: (task, id) => task.call.start(tearDown(task, id)),
  io_submit: (task, id, count, list) => task.call.start(submit(task, id, count, list)),
  io_cancel: (task, _id, request) => task.call.start(cancel(task, request)),

  io_getevents: (task, id, least, most, at, timeout) => {
    const waitNs = waitIn(task, timeout);
    return waitNs === NOT_THERE ? -EFAULT : task.call.start(events(task, id, least, most, at, waitNs));
  },

  io_pgetevents: (task, id, least, most, at, timeout, mask) => {
    const waitNs = waitIn(task, timeout);
    if (waitNs === NOT_THERE) return -EFAULT;
    return task.call.start(eventsMasked(task, id, least, most, at, waitNs, mask));
  },
};
