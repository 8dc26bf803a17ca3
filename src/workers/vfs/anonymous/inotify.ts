// An inotify instance (inotify(7)): watches on inodes, and the queue of what they have seen.

import { EAGAIN, EEXIST, EINVAL, ENOSPC } from "../../../shared/abi/errno.ts";
import { O_RDONLY } from "../../../shared/abi/fcntl.ts";
import { FIONREAD } from "../../../shared/abi/ioctl.ts";
import * as IN from "../../../shared/abi/poll.ts";
import type { Call } from "../../call/call.ts";
import type { VfsCaller } from "../caller.ts";
import type { VfsContext } from "../context.ts";
import type { Watch } from "../file_events.ts";
import type { Inode } from "../inode.ts";
import { kernelDevice } from "../stat.ts";
import { AnonymousFile } from "./anonymous_file.ts";

/** struct inotify_event without its name. */
const HEADER = 16;
/** What happens to a file itself, not to one of its names. */
const SELF_EVENTS = IN.IN_DELETE_SELF | IN.IN_MOVE_SELF;

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

/** Bytes of an event: names end in NUL and are padded to whole headers. */
function sizeOf({ name }: Event): number {
  return HEADER + (name === "" ? 0 : Math.ceil((name.length + 1) / HEADER) * HEADER);
}

class InotifyWatch implements Watch {
  readonly wd: number;
  readonly inode: Inode;
  mask: number;
  /** IN_EXCL_UNLINK, IN_ONESHOT */
  flags: number;
  readonly #owner: InotifyFile;

  constructor(owner: InotifyFile, wd: number, inode: Inode, mask: number) {
    this.#owner = owner;
    this.wd = wd;
    this.inode = inode;
    this.mask = mask & IN.IN_ALL_EVENTS;
    this.flags = mask & (IN.IN_EXCL_UNLINK | IN.IN_ONESHOT);
  }

  get owner(): InotifyFile {
    return this.#owner;
  }

  report(event: number, name: string, cookie: number, unlinked: boolean): void {
    if (unlinked && (this.flags & IN.IN_EXCL_UNLINK) !== 0) return;
    // A directory's own end and move were never told with IN_ISDIR.
    const mask = (event & SELF_EVENTS) !== 0 ? event & ~IN.IN_ISDIR : event;
    this.#owner.queue({ wd: this.wd, mask, cookie, name });
    if ((this.flags & IN.IN_ONESHOT) !== 0) this.end();
  }

  end(): void {
    this.#owner.removeWatch(this.wd);
  }
}

export class InotifyFile extends AnonymousFile {
  declare readonly kernel: VfsContext;
  protected readonly kind = "inotify";
  readonly #watches = new Map<number, InotifyWatch>();
  #lastWd = 0;
  readonly #events: Event[] = [];
  #overflown = false;
  readonly #uid: number;

  constructor(kernel: VfsContext, status: number, uid: number) {
    super(kernel, O_RDONLY | status);
    this.#uid = uid;
    kernel.inotify.add(uid, 1);
  }

  // ---- Watches ----

  /** Its descriptor, or a negative errno. `mask` is inotify_add_watch's. */
  addWatch(inode: Inode, mask: number): number {
    const { fileEvents, counters, heap } = this.kernel;
    for (const watch of fileEvents.watchesOf(inode)) {
      if (!(watch instanceof InotifyWatch) || watch.owner !== this) continue;
      if ((mask & IN.IN_MASK_CREATE) !== 0) return -EEXIST;
      const kept = (mask & IN.IN_MASK_ADD) !== 0;
      const flags = mask & (IN.IN_EXCL_UNLINK | IN.IN_ONESHOT);
      watch.mask = (kept ? watch.mask : 0) | (mask & IN.IN_ALL_EVENTS);
      watch.flags = (kept ? watch.flags : 0) | flags;
      return watch.wd;
    }
    const most = this.kernel.sysctls.get("fs/inotify/max_user_watches");
    if (counters.inotifyWatches >= most || !heap.hasRoom("inotifyWatches")) return -ENOSPC;
    counters.inotifyWatches++;
    const watch = new InotifyWatch(this, ++this.#lastWd, inode, mask);
    this.#watches.set(watch.wd, watch);
    fileEvents.add(inode, watch);
    return watch.wd;
  }

  /** 0, or -EINVAL if there is no such watch. */
  removeWatch(wd: number): number {
    const watch = this.#watches.get(wd);
    if (watch === undefined) return -EINVAL;
    this.#forget(watch);
    this.queue({ wd, mask: IN.IN_IGNORED, cookie: 0, name: "" });
    return 0;
  }

  #forget(watch: InotifyWatch): void {
    this.#watches.delete(watch.wd);
    this.kernel.fileEvents.remove(watch.inode, watch);
    this.kernel.counters.inotifyWatches--;
  }

  // ---- The queue ----

  queue(event: Event): void {
    const last = this.#events.at(-1);
    if (last !== undefined && isSame(last, event)) return;
    if (
      this.#events.length >= this.kernel.sysctls.get("fs/inotify/max_queued_events") ||
      !this.kernel.heap.hasRoom("inotifyEvents")
    ) {
      if (this.#overflown) return;
      this.#overflown = true;
      this.#append({ wd: -1, mask: IN.IN_Q_OVERFLOW, cookie: 0, name: "" });
    } else this.#append(event);
  }

  #append(event: Event): void {
    this.#events.push(event);
    this.kernel.counters.inotifyEvents++;
    this.waiters.wake(IN.POLLIN);
  }

  override read(task: VfsCaller, offset: number, length: number): number {
    if (this.#events.length === 0) return -EAGAIN;
    let [used, taken] = [0, 0];
    for (const event of this.#events) {
      if (used + sizeOf(event) > length) break;
      this.#write(task.call, offset + used, event);
      used += sizeOf(event);
      taken++;
      if (event.mask === IN.IN_Q_OVERFLOW) this.#overflown = false;
    }
    this.#events.splice(0, taken);
    this.kernel.counters.inotifyEvents -= taken;
    return taken > 0 ? used : -EINVAL;
  }

  #write({ view, bytes, base }: Call, offset: number, event: Event): void {
    const at = base + offset;
    const { name } = event;
    view.setInt32(at, event.wd, true);
    view.setInt32(at + 4, event.mask, true);
    view.setUint32(at + 8, event.cookie, true);
    view.setUint32(at + 12, sizeOf(event) - HEADER, true);
    bytes.fill(0, at + HEADER, at + sizeOf(event));
    for (let i = 0; i < name.length; i++) bytes[at + HEADER + i] = name.charCodeAt(i);
  }

  /** The newest watch first. */
  override *info(): Iterable<string> {
    for (const { wd, inode, mask, flags } of [...this.#watches.values()].reverse()) {
      const [number, bits] = [wd.toString(16), (mask | flags) >>> 0];
      const device = kernelDevice(inode.fs.dev).toString(16);
      const where = `ino:${inode.ino.toString(16)} sdev:${device}`;
      yield `inotify wd:${number} ${where} mask:${bits.toString(16)} ignored_mask:0 \n`;
    }
  }

  override ioctl(task: VfsCaller, request: number, argument: number): number {
    if (request !== FIONREAD) return super.ioctl(task, request, argument);
    let size = 0;
    for (const event of this.#events) size += sizeOf(event);
    task.call.view.setInt32(task.call.out(argument, 4), size, true);
    return 0;
  }

  poll(): number {
    return this.#events.length > 0 ? IN.POLLIN | IN.POLLRDNORM : 0;
  }

  override release(): void {
    for (const watch of [...this.#watches.values()]) this.#forget(watch);
    this.kernel.counters.inotifyEvents -= this.#events.length;
    this.kernel.inotify.add(this.#uid, -1);
  }
}

/** Linux tells the same thing once, if nothing else has come in between. */
function isSame(a: Event, b: Event): boolean {
  return a.wd === b.wd && a.mask === b.mask && a.name === b.name && a.mask !== IN.IN_IGNORED;
}
