// epoll(7): a set of files and the list of those that may be ready. A file's wake-up puts its item on the
// list; a wait looks at the items of the list in turn. Level-triggered items that were reported go back
// to its end, edge-triggered ones wait for the next wake-up, one-shot ones for EPOLL_CTL_MOD.

import { EEXIST, EINVAL, ELOOP, ENOENT, ENOSPC } from "../../../shared/abi/errno.ts";
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLWAKEUP,
  POLLIN,
  POLLRDNORM,
} from "../../../shared/abi/poll.ts";
import type { Word64 } from "../../../shared/abi/struct.ts";
import { epoll_event } from "../../../shared/abi/structs.ts";
import type { Caller } from "../../call/caller.ts";
import type { Steps } from "../../call/steps.ts";
import type { WaitEntry } from "../../call/wait_queue.ts";
import type { OpenFile, SetItem } from "../file.ts";
import { kernelDevice } from "../stat.ts";
import { AnonymousFile } from "./anonymous_file.ts";

/** How deep epoll files may watch each other. */
const NESTS_MAX = 4;
/** How many epoll files may be reached from a file over so many others (Linux's path_limits). */
const PATH_LIMITS = [Number.POSITIVE_INFINITY, 500, 100, 50, 10];
/** Items that leave a set before others are served. */
const FORGOTTEN_AT_ONCE = 512;
const EVENT_SIZE = epoll_event.size;
const DATA_AT = epoll_event.offset.data;
const ALWAYS = EPOLLERR | EPOLLHUP;
/** Bits of an item's events that are not events. */
const PRIVATE = (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE) >>> 0;
const EXCLUSIVE_ALLOWED = (EPOLLIN | EPOLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE) >>> 0;

function has(events: number, bit: number): boolean {
  return (events & bit) !== 0;
}

/** A file in an epoll set, under the descriptor by which it was added. */
export class EpollItem implements WaitEntry, SetItem {
  readonly owner: EpollFile;
  readonly file: OpenFile;
  readonly fd: number;
  /** As given, with POLLERR and POLLHUP; a one-shot item that was reported keeps its private bits alone. */
  mask: number;
  data: Word64;
  /** Its neighbours in the list of those that may be ready, while it is there. */
  before: EpollItem | null = null;
  after: EpollItem | null = null;
  isListed = false;

  constructor(owner: EpollFile, file: OpenFile, fd: number, mask: number, data: Word64) {
    this.owner = owner;
    this.file = file;
    this.fd = fd;
    this.mask = mask;
    this.data = data;
  }

  get events(): number {
    return this.mask & ~PRIVATE;
  }

  get exclusive(): boolean {
    return has(this.mask, EPOLLEXCLUSIVE);
  }

  wake(events: number): boolean {
    if (this.events === 0 || !has(events, this.events)) return false;
    const somebody = !this.owner.waiters.empty;
    this.owner.becameReady(this);
    return !this.exclusive || somebody;
  }

  /** What of the events that matter holds now. */
  leave(): void {
    this.owner.forget(this);
  }

  ready(task: Caller): number {
    return this.file.references > 0 ? this.file.poll(task) & this.events : 0;
  }
}

/** A file has ended: it leaves the sets that it is in. Until it has, its items are never ready. */
export function leaveSets(file: OpenFile, steps: Steps): void {
  const { epollItems } = file;
  if (epollItems === null || epollItems.size === 0) return;
  steps.run(() => {
    let left = FORGOTTEN_AT_ONCE;
    for (const item of epollItems) {
      if (left-- === 0) return false;
      item.leave();
    }
    return true;
  });
}

/** Events as they were reported, to be taken back if they could not be delivered. */
export class Reported {
  readonly items: EpollItem[] = [];
  readonly masksBefore: number[] = [];
}

/** Items that may be ready, in order. A list, as in dentry_cache.ts: they come and go at every wait. */
class ReadyList {
  first: EpollItem | null = null;
  #last: EpollItem | null = null;
  size = 0;

  /** Puts an item at the end, if it is not there yet. */
  push(item: EpollItem): void {
    if (item.isListed) return;
    item.isListed = true;
    item.before = this.#last;
    if (this.#last === null) this.first = item;
    else this.#last.after = item;
    this.#last = item;
    this.size++;
  }

  /** Puts an item at the front, wherever it is. */
  unshift(item: EpollItem): void {
    this.remove(item);
    item.isListed = true;
    item.after = this.first;
    if (this.first === null) this.#last = item;
    else this.first.before = item;
    this.first = item;
    this.size++;
  }

  remove(item: EpollItem): void {
    if (!item.isListed) return;
    const { before, after } = item;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    item.before = null;
    item.after = null;
    item.isListed = false;
    this.size--;
  }
}

export class EpollFile extends AnonymousFile {
  protected readonly kind = "[eventpoll]";
  readonly #items = new Map<OpenFile, Map<number, EpollItem>>();
  readonly #ready = new ReadyList();

  // ---- epoll_ctl ----

  add(task: Caller, file: OpenFile, fd: number, mask: number, data: Word64): number {
    if (has(mask, EPOLLEXCLUSIVE) && (file instanceof EpollFile || has(mask, ~EXCLUSIVE_ALLOWED)))
      return -EINVAL;
    const error = file instanceof EpollFile ? this.#checkNesting(file) : 0;
    if (error < 0) return error;
    if (this.#find(file, fd) !== undefined) return -EEXIST;
    const { counters, heap } = this.kernel;
    if (!heap.hasRoom("epollItems")) return -ENOSPC;
    const item = new EpollItem(this, file, fd, (mask | ALWAYS) >>> 0, data);
    file.epollItems ??= new Set();
    file.epollItems.add(item);
    const nested = (this.epollItems?.size ?? 0) > 0 || file instanceof EpollFile;
    if (nested && tooManyPaths(file)) {
      file.epollItems.delete(item);
      return -EINVAL;
    }
    counters.epollItems++;
    const items = this.#items.get(file);
    if (items === undefined) this.#items.set(file, new Map([[fd, item]]));
    else items.set(fd, item);
    file.waiters.addLasting(item);
    this.#look(task, item);
    return 0;
  }

  modify(task: Caller, file: OpenFile, fd: number, mask: number, data: Word64): number {
    if (has(mask, EPOLLEXCLUSIVE)) return -EINVAL;
    const item = this.#find(file, fd);
    if (item === undefined) return -ENOENT;
    if (item.exclusive) return -EINVAL;
    item.mask = (mask | ALWAYS) >>> 0;
    item.data = data;
    this.#look(task, item);
    return 0;
  }

  remove(file: OpenFile, fd: number): number {
    const item = this.#find(file, fd);
    if (item === undefined) return -ENOENT;
    this.forget(item);
    return 0;
  }

  #find(file: OpenFile, fd: number): EpollItem | undefined {
    return this.#items.get(file)?.get(fd);
  }

  /** Takes an item out of the set; its file may be about to end. */
  forget(item: EpollItem): void {
    const { file } = item;
    file.waiters.remove(item);
    file.epollItems?.delete(item);
    this.#ready.remove(item);
    this.kernel.counters.epollItems--;
    const items = this.#items.get(file)!;
    items.delete(item.fd);
    if (items.size === 0) this.#items.delete(file);
  }

  // An item that is new or has changed may be ready already.
  #look(task: Caller, item: EpollItem): void {
    item.file.watch(item.events, task);
    if (item.ready(task) !== 0) this.becameReady(item);
  }

  // ---- Nesting ----

  #checkNesting(inner: EpollFile): number {
    const seen = new Map<EpollFile, number>();
    const below = depthOf(inner, this, seen, 0);
    return below + 1 + heightOf(this, new Map(), 0) > NESTS_MAX ? -ELOOP : 0;
  }

  /** Epoll files in the set. */
  *inner(): Generator<EpollFile> {
    for (const file of this.#items.keys()) if (file instanceof EpollFile) yield file;
  }

  // ---- Readiness ----

  becameReady(item: EpollItem): void {
    this.#ready.push(item);
    this.waiters.wake(POLLIN | POLLRDNORM);
  }

  get mayBeReady(): boolean {
    return this.#ready.size > 0;
  }

  /**
   * Writes up to `limit` events, which count as reported, to a place in the window; their number. Who they were
   * stands in `reported`, which takes no object for one that is asked again and again.
   */
  collect(task: Caller, limit: number, at: number, reported: Reported): number {
    const { view } = task.call;
    const { items, masksBefore } = reported;
    let count = 0;
    // What becomes ready meanwhile, and what stays so, goes to the end of the list: those are not for this call.
    for (let left = this.#ready.size; left > 0 && count < limit; left--) {
      const item = this.#ready.first;
      if (item === null) break;
      this.#ready.remove(item);
      const events = item.ready(task);
      if (events === 0) {
        if (item.file.references > 0) item.file.watch(item.events, task);
        continue;
      }
      const to = at + count * EVENT_SIZE;
      view.setUint32(to, events, true);
      view.setUint32(to + DATA_AT, item.data.lo, true);
      view.setUint32(to + DATA_AT + 4, item.data.hi, true);
      items[count] = item;
      masksBefore[count] = item.mask;
      count++;
      if (has(item.mask, EPOLLONESHOT)) item.mask = (item.mask & PRIVATE) >>> 0;
      else if (!has(item.mask, EPOLLET)) this.#ready.push(item);
    }
    return count;
  }

  /** How many a wait may find now. */
  get listed(): number {
    return this.#ready.size;
  }

  /** Of so many events all but the first few did not reach the caller's memory: they are reported again, first. */
  takeBack({ items, masksBefore }: Reported, delivered: number, count: number): void {
    for (let i = count - 1; i >= delivered; i--) {
      const item = items[i]!;
      if (item.file.epollItems?.has(item) !== true) continue;
      if (item.events === 0) item.mask = masksBefore[i]!;
      this.#ready.unshift(item);
    }
  }

  override poll(task: Caller): number {
    for (let item = this.#ready.first; item !== null; item = this.#ready.first) {
      if (item.ready(task) !== 0) return POLLIN | POLLRDNORM;
      this.#ready.remove(item);
    }
    return 0;
  }

  override watch(_events: number, task: Caller): void {
    for (const items of this.#items.values())
      for (const item of items.values()) item.file.watch(item.events, task);
  }

  override *info(): Iterable<string> {
    for (const items of this.#items.values())
      for (const { file, fd, mask, data } of items.values()) {
        const hex = (data.hi >>> 0).toString(16) + (data.lo >>> 0).toString(16).padStart(8, "0");
        const value = hex.replace(/^0+(?=.)/, "").padStart(16);
        const events = mask.toString(16).padStart(8);
        const position = "position" in file ? file.position : 0;
        const ino = (file.inode?.ino ?? 0).toString(16);
        const device = kernelDevice(file.inode?.fs.dev ?? 0).toString(16);
        const target = `tfd: ${String(fd).padStart(8)} events: ${events} data: ${value}`;
        yield `${target}  pos:${position} ino:${ino} sdev:${device}\n`;
      }
  }

  override release(): void {
    this.kernel.steps.run(() => {
      let left = FORGOTTEN_AT_ONCE;
      for (const items of this.#items.values())
        for (const item of items.values()) {
          if (left-- === 0) return false;
          this.forget(item);
        }
      return true;
    });
  }
}

/** How many epoll files stand below one another in this one; too many when `avoided` is among them. */
function depthOf(file: EpollFile, avoided: EpollFile, seen: Map<EpollFile, number>, level: number): number {
  if (file === avoided || level > NESTS_MAX) return NESTS_MAX + 1;
  const known = seen.get(file);
  if (known !== undefined) return known;
  let depth = 0;
  for (const inner of file.inner()) depth = Math.max(depth, 1 + depthOf(inner, avoided, seen, level + 1));
  seen.set(file, depth);
  return depth;
}

/** How many epoll files stand above one another over this one. */
function heightOf(file: OpenFile, seen: Map<OpenFile, number>, level: number): number {
  const known = seen.get(file);
  if (known !== undefined || level > NESTS_MAX) return known ?? 0;
  let height = 0;
  for (const { owner } of file.epollItems ?? [])
    height = Math.max(height, 1 + heightOf(owner, seen, level + 1));
  seen.set(file, height);
  return height;
}

// A wake-up must not spread without bound.
function tooManyPaths(file: OpenFile): boolean {
  const counts = PATH_LIMITS.map(() => 0);
  function walk(at: OpenFile, depth: number): boolean {
    if (depth >= PATH_LIMITS.length) return false;
    for (const { owner } of at.epollItems ?? []) {
      if ((owner.epollItems?.size ?? 0) > 0) {
        if (!walk(owner, depth + 1)) return false;
      } else if (++counts[depth]! > PATH_LIMITS[depth]!) return false;
    }
    return true;
  }
  return !walk(file, 0);
}
