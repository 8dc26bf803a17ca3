// Host handles of a gofer file system (docs/hardening.md, F22): inodes hold no descriptor; an LRU of O_PATH
// descriptors does. A handle that was closed is opened again from its parent by name, and counts only if
// it is still the same file.

import { EAGAIN, EIO, EMFILE, ENFILE, ENOENT, ENOTDIR, ESTALE } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import type { Native } from "../native.ts";
import { readStat } from "../vfs/stat.ts";
import { Order, type Ordered } from "./order.ts";

export const HANDLES_MAX = 1024;

/** What a handle is opened from. */
export interface HandleOwner {
  readonly parentOwner: HandleOwner | null;
  readonly hostName: string;
  readonly hostDev: number;
  readonly hostIno: number;
  /** Its handle's place in the order of use; null: it has none. */
  handlePlace: HandlePlace | null;
  /** How handles of its mount are opened and closed, where both may take long; null: here. */
  readonly opener: HandleOpener | null;
}

export interface HandleOpener {
  /** The owner's handle, which is none that is known: it is entered by `add`. */
  open(owner: HandleOwner): number;
  close(owner: HandleOwner, fd: number): void;
}

/** A handle that is open, between the one that was used before it and the one behind. */
interface HandlePlace extends Ordered<HandlePlace> {
  readonly owner: HandleOwner;
  readonly fd: number;
}

/**
 * What a call on a host file has given. Nothing of such a file is waited for, and file systems that are programs may
 * answer EAGAIN all the same, which the kernel's callers would take for a wait whose end somebody tells.
 */
export function fileResult(result: number): number {
  return result === -EAGAIN ? -EIO : result;
}

export class Handles {
  readonly #native: Native;
  /** -1: the file system is gone, and with it all handles. */
  #root: number;
  readonly #limit: number;
  readonly #order = new Order<HandlePlace>();

  readonly #closeRoot: (fd: number) => void;

  constructor(
    native: Native,
    root: number,
    limit = HANDLES_MAX,
    closeRoot = (fd: number): void => {
      native.close(fd);
    },
  ) {
    this.#native = native;
    this.#root = root;
    this.#limit = limit;
    this.#closeRoot = closeRoot;
  }

  get size(): number {
    return this.#order.size;
  }

  /** An O_PATH descriptor of the file, good until the next call; or a negative errno. */
  get(owner: HandleOwner): number {
    const known = owner.handlePlace;
    if (known !== null) {
      if (known !== this.#order.newest) {
        this.#order.takeOut(known);
        this.#order.append(known);
      }
      return known.fd;
    }
    if (this.#root < 0) return -ESTALE;
    if (owner.parentOwner === null) return this.#root;
    if (owner.opener !== null) return owner.opener.open(owner);
    const parent = this.get(owner.parentOwner);
    if (parent < 0) return parent;
    const fd = this.openChild(parent, owner.hostName);
    if (fd < 0) return fd === -ENOENT || fd === -ENOTDIR ? -ESTALE : fd;
    const error = fileResult(this.#native.fstat(fd));
    const { dev, ino } = readStat(this.#native.scratchView);
    if (error < 0 || dev !== owner.hostDev || ino !== owner.hostIno) {
      this.#native.close(fd);
      return error < 0 ? error : -ESTALE;
    }
    this.add(owner, fd);
    return fd;
  }

  /** As get, where it is open already; -1: it is not. */
  known(owner: HandleOwner): number {
    return owner.handlePlace?.fd ?? -1;
  }

  /** Opens a name below a directory handle; when descriptors run out, old handles make room once. */
  openChild(directory: number, name: string): number {
    const fd = this.#native.openComponent(directory, name, O_PATH);
    if (fd !== -EMFILE && fd !== -ENFILE) return fileResult(fd);
    this.#shrink(this.#limit >>> 1, directory);
    const again = this.#native.openComponent(directory, name, O_PATH);
    return again === -EMFILE ? -ENFILE : fileResult(again);
  }

  /** Nobody sees the file system any more: closes so many of its handles; true: that were all. */
  closeSome(count: number): boolean {
    if (this.#root >= 0) this.#closeRoot(this.#root);
    this.#root = -1;
    this.#shrink(Math.max(0, this.#order.size - count), -1);
    return this.#order.size === 0;
  }

  /** Enters the handle of a file that was just opened. */
  add(owner: HandleOwner, fd: number): void {
    const place: HandlePlace = { owner, fd, older: null, newer: null };
    owner.handlePlace = place;
    this.#order.append(place);
    if (this.#order.size > this.#limit) this.#shrink(this.#limit - (this.#limit >>> 3), fd);
  }

  /** Takes the handle of a file out, to be kept by the caller: it serves whatever becomes of the name. */
  take(owner: HandleOwner): number {
    const fd = this.get(owner);
    const place = owner.handlePlace;
    if (fd >= 0 && place !== null) {
      this.#order.takeOut(place);
      owner.handlePlace = null;
    }
    return fd;
  }

  #shrink(goal: number, keep: number): void {
    for (let place = this.#order.oldest; place !== null && this.#order.size > goal; ) {
      const { owner, fd, newer } = place;
      if (fd !== keep) {
        this.#order.takeOut(place);
        owner.handlePlace = null;
        if (owner.opener === null) this.#native.close(fd);
        else owner.opener.close(owner, fd);
      }
      place = newer;
    }
  }
}
