// poll(2) and ppoll(2).

import { EFAULT, EINVAL, ERESTART_RESTARTBLOCK, ERESTARTNOHAND } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { POLLERR, POLLHUP, POLLNVAL } from "../../shared/abi/poll.ts";
import { RLIMIT_NOFILE } from "../../shared/abi/resource.ts";
import { pollfd } from "../../shared/abi/structs.ts";
import { WINDOW, WINDOW_SECOND, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import type { Coroutine } from "../call/call.ts";
import { NEVER, readTimespec, TIMESPEC_SIZE, writeTimespec } from "../call/clocks.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest, writeGuest } from "../call/guest_copy.ts";
import type { RestartBlock } from "../call/restart.ts";
import { leaveTemporaryMask, setTemporaryMask } from "../call/temporary_mask.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { type Watched, waitForAny } from "./poll.ts";
import { PollCrowd } from "./poll_crowd.ts";
import { finishTimeout } from "./timeout.ts";

const ALWAYS = POLLERR | POLLHUP;
const MS_NS = 1e6;
/** More are looked at in pieces. */
const MANY = 4096;
/** So many are looked at in the window, without a copy. */
const FEW = 64;
const { fd: FD, events: EVENTS, revents: REVENTS } = pollfd.offset;

/** The array of pollfds, as far as the stub has copied it in advance, or by rounds. */
function* readPollfds(
  task: VfsCaller,
  address: number,
  count: number,
): Generator<void, Buffer | number, void> {
  const length = count * pollfd.size;
  if (task.call.inComplete(0, length)) {
    const at = task.call.base + WINDOW;
    return Buffer.from(task.call.bytes.subarray(at, at + length));
  }
  return length <= WINDOW_SIZE / 2 ? -EFAULT : yield* readGuest(task, address, length);
}

/** The set that a copy of pollfds names, by its descriptors now: closing one later does not matter. */
class PollSet {
  readonly watched: Watched[] = [];
  readonly #bytes: Buffer;
  readonly #task: VfsCaller;
  readonly #files: (OpenFile | null)[] = [];

  constructor(task: VfsCaller, bytes: Buffer) {
    this.#task = task;
    this.#bytes = bytes;
    for (let at = 0; at < bytes.length; at += pollfd.size) {
      const file = task.files.get(bytes.readInt32LE(at + FD)) ?? null;
      const usable = file !== null && (file.flags & O_PATH) === 0 ? file : null;
      this.#files.push(usable);
      if (usable !== null) this.watched.push({ file: usable, events: this.#eventsAt(at) });
    }
  }

  #eventsAt(at: number): number {
    return this.#bytes.readUInt16LE(at + EVENTS) | ALWAYS;
  }

  /** Fills in what holds; the number of entries with something. */
  scan(): number {
    let count = 0;
    for (let i = 0; i < this.#files.length; i++) {
      const at = i * pollfd.size;
      const file = this.#files[i]!;
      let revents = 0;
      if (file !== null) revents = file.poll(this.#task) & this.#eventsAt(at);
      else if (this.#bytes.readInt32LE(at + FD) >= 0) revents = POLLNVAL;
      this.#bytes.writeUInt16LE(revents, at + REVENTS);
      if (revents !== 0) count++;
    }
    return count;
  }
}

/** Polls the pollfds at `fds`: their number, 0, a negative errno, or -ERESTARTNOHAND. */
function* pollAt(
  task: VfsCaller,
  fds: number,
  bytes: Buffer,
  deadlineNs: number,
): Generator<void, number, void> {
  const set = new PollSet(task, bytes);
  const result = yield* waitForAny(task, set.watched, () => set.scan(), deadlineNs);
  if (result < 0) return result;
  const error = yield* writeGuest(task, fds, bytes);
  return error < 0 ? error : result;
}

/**
 * Looks at the pollfds in the window, of which the stub has copied all: how many have something, which goes out with
 * them. Each field is read once, and what it names is written back.
 */
function pollInWindow(task: VfsCaller, count: number): number {
  const { view } = task.call;
  let found = 0;
  for (let i = 0, at = task.call.base + WINDOW; i < count; i++, at += pollfd.size) {
    const fd = view.getInt32(at + FD, true);
    const file = fd < 0 ? undefined : task.files.get(fd);
    let revents = 0;
    if (file !== undefined && (file.flags & O_PATH) === 0)
      revents = file.poll(task) & (view.getUint16(at + EVENTS, true) | ALWAYS);
    else if (fd >= 0) revents = POLLNVAL;
    view.setUint16(at + REVENTS, revents, true);
    if (revents !== 0) found++;
  }
  return found;
}

function tooMany(task: VfsCaller, count: number): boolean {
  return count >>> 0 > task.limit(RLIMIT_NOFILE);
}

type ReadPollfds = typeof readPollfds;

const readAgain: ReadPollfds = (task, address, count) => readGuest(task, address, count * pollfd.size);

function* poll(
  task: VfsCaller,
  fds: number,
  count: number,
  deadlineNs: number,
  read: ReadPollfds,
): Coroutine {
  const polling = count > MANY ? pollMany : pollFew;
  const result = yield* polling(task, fds, count, deadlineNs, read);
  if (result !== -ERESTARTNOHAND) return result;
  task.call.restartBlock = { kind: "poll", deadlineNs, fds, count };
  return -ERESTART_RESTARTBLOCK;
}

function* pollFew(
  task: VfsCaller,
  fds: number,
  count: number,
  deadlineNs: number,
  read: ReadPollfds,
): Generator<void, number, void> {
  const bytes = yield* read(task, fds, count);
  return typeof bytes === "number" ? bytes : yield* pollAt(task, fds, bytes, deadlineNs);
}

/** Others are served in between. */
function* pollMany(
  task: VfsCaller,
  fds: number,
  count: number,
  deadlineNs: number,
): Generator<void, number, void> {
  const crowd = PollCrowd.withRoom(task, count);
  if (typeof crowd === "number") return crowd;
  try {
    let error = yield* crowd.read(fds);
    if (error < 0) return error;
    const result = yield* waitForAny(task, crowd.watched, () => crowd.scan(), deadlineNs);
    if (result < 0) return result;
    error = yield* writeGuest(task, fds, crowd.bytes);
    return error < 0 ? error : result;
  } finally {
    crowd.release();
  }
}

export type PollBlock = Extract<RestartBlock, { kind: "poll" }>;

/** Goes on with a poll that a signal without handler interrupted. */
export function restartPoll(task: VfsCaller, { fds, count, deadlineNs }: PollBlock): number {
  return task.call.start(poll(task, fds, count, deadlineNs, readAgain));
}

function* ppoll(
  task: VfsCaller,
  fds: number,
  count: number,
  timeout: number,
  mask: number,
  maskSize: number,
): Coroutine {
  let deadlineNs = NEVER;
  if (timeout !== 0) {
    if (!task.call.inComplete(1, TIMESPEC_SIZE)) return -EFAULT;
    const ns = readTimespec(task.call.view, task.call.base + WINDOW_SECOND);
    if (ns < 0) return ns;
    deadlineNs = ns === 0 ? 0 : task.kernel.native.monotonicNs() + ns;
  }
  const isCrowd = count >>> 0 > MANY;
  const bytes = tooMany(task, count) ? -EINVAL : isCrowd ? null : yield* readPollfds(task, fds, count >>> 0);
  const error = yield* setTemporaryMask(task, mask, maskSize);
  if (error < 0) return error;
  let result: number;
  if (typeof bytes === "number") result = bytes;
  else if (bytes === null) result = yield* pollMany(task, fds, count >>> 0, deadlineNs);
  else result = yield* pollAt(task, fds, bytes, deadlineNs);
  leaveTemporaryMask(task, result === -ERESTARTNOHAND);
  return finishTimeout(task, timeout, deadlineNs, result, writeTimespec);
}

export const POLL_HANDLERS: Handlers<VfsCaller> = {
  poll: (task, fds, count, timeoutMs) => {
    if (tooMany(task, count)) return -EINVAL;
    const deadline =
      timeoutMs < 0 ? NEVER : timeoutMs === 0 ? 0 : task.kernel.native.monotonicNs() + timeoutMs * MS_NS;
    if (count > 0 && count <= FEW && task.call.inComplete(0, count * pollfd.size)) {
      const found = pollInWindow(task, count);
      if (found > 0 || (deadline === 0 && !task.interruptPending)) {
        task.call.outAt(fds, count * pollfd.size, WINDOW);
        return found;
      }
    }
    return task.call.start(poll(task, fds, count >>> 0, deadline, readPollfds));
  },

  ppoll: (task, fds, count, timeout, mask, maskSize) =>
    task.call.start(ppoll(task, fds, count, timeout, mask, maskSize)),
};
