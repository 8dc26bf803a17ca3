// Events of files (inotify(7); Linux's fsnotify): the one place that whatever changes, opens or reads files
// tells. What is watched is an inode; what happens to a file is told to those who watch it, and with its
// name to those who watch its directory. While nobody watches anything each hook is one comparison.

import * as IN from "../../shared/abi/poll.ts";
import type { OpenFile } from "./file.ts";
import type { AttributeChanges, FileSystem, Inode } from "./inode.ts";
import type { Dentry } from "./path.ts";

/** Who watches an inode. */
export interface Watch {
  /** IN_*: the events it wants. */
  readonly mask: number;
  /** `unlinked`: the name by which the file was opened is gone. */
  report(event: number, name: string, cookie: number, unlinked: boolean): void;
  /** The inode is gone, or its file system is: there will be nothing more. */
  end(): void;
}

interface Watched {
  /** As long as it is watched, the file system knows the file by this inode. */
  readonly inode: Inode;
  readonly watches: Set<Watch>;
  /** It has lost its last name, and goes with the last who has it open. */
  nameless: boolean;
}

export class FileEvents {
  /** Called when the first file is watched, and when the last one is no more. */
  onWatched: (isAny: boolean) => void = () => {};
  readonly #watched = new Map<object | string, Watched>();
  #lastCookie = 0;

  /** Whether anything is watched: what hooks that cost something ask first. */
  get any(): boolean {
    return this.#watched.size > 0;
  }

  /** Files that are watched: for counters. */
  get size(): number {
    return this.#watched.size;
  }

  add(inode: Inode, watch: Watch): void {
    const known = this.#watched.get(inode.identity);
    if (known !== undefined) known.watches.add(watch);
    else {
      this.#watched.set(inode.identity, { inode, watches: new Set([watch]), nameless: false });
      if (this.#watched.size === 1) this.onWatched(true);
    }
  }

  remove(inode: Inode, watch: Watch): void {
    const known = this.#watched.get(inode.identity);
    if (known?.watches.delete(watch) !== true || known.watches.size > 0) return;
    this.#watched.delete(inode.identity);
    if (this.#watched.size === 0) this.onWatched(false);
  }

  watchesOf(inode: Inode): Iterable<Watch> {
    return this.#watched.get(inode.identity)?.watches ?? [];
  }

  #tell(inode: Inode, event: number, name = "", cookie = 0, unlinked = false): void {
    const watched = this.#watched.get(inode.identity);
    if (watched === undefined) return;
    for (const watch of [...watched.watches])
      if ((watch.mask & event & IN.IN_ALL_EVENTS) !== 0) watch.report(event, name, cookie, unlinked);
  }

  // ---- What happens to a file, by whatever name it was found ----

  #happened(inode: Inode, dentry: Dentry | null, event: number, unlinked: boolean): void {
    const whole = inode.isDirectory ? event | IN.IN_ISDIR : event;
    const directory = dentry?.parent?.inode ?? null;
    if (directory !== null) this.#tell(directory, whole, dentry!.name, 0, unlinked);
    this.#tell(inode, whole, "", 0, unlinked);
  }

  /** IN_OPEN, IN_ACCESS, IN_MODIFY, IN_CLOSE_*: by an open file. */
  used(file: OpenFile, event: number): void {
    if (!this.any || file.inode === null) return;
    const dentry = file.path?.dentry ?? null;
    this.#happened(file.inode, dentry, event, dentry?.deleted ?? false);
  }

  closed(file: OpenFile): void {
    if (this.any) this.used(file, file.writable ? IN.IN_CLOSE_WRITE : IN.IN_CLOSE_NOWRITE);
  }

  /** Attributes were changed (fsnotify_change of Linux says which of them count as what). */
  changed(inode: Inode, dentry: Dentry | null, changes: AttributeChanges): void {
    if (!this.any) return;
    let event = 0;
    if (changes.uid !== undefined || changes.gid !== undefined || changes.mode !== undefined)
      event |= IN.IN_ATTRIB;
    if (changes.size !== undefined) event |= IN.IN_MODIFY;
    const [atime, mtime] = [changes.atime !== undefined, changes.mtime !== undefined];
    if (atime && mtime) event |= IN.IN_ATTRIB;
    else if (atime) event |= IN.IN_ACCESS;
    else if (mtime) event |= IN.IN_MODIFY;
    this.#happened(inode, dentry, event, false);
  }

  /** An extended attribute was changed. */
  attributed(inode: Inode, dentry: Dentry | null): void {
    if (this.any) this.#happened(inode, dentry, IN.IN_ATTRIB, false);
  }

  // ---- Names ----

  #named(directory: Inode, event: number, name: string, inode: Inode, cookie = 0): void {
    this.#tell(directory, inode.isDirectory ? event | IN.IN_ISDIR : event, name, cookie);
  }

  created(directory: Inode, name: string, inode: Inode): void {
    if (this.any) this.#named(directory, IN.IN_CREATE, name, inode);
  }

  linked(directory: Inode, name: string, inode: Inode): void {
    if (!this.any) return;
    this.#tell(inode, IN.IN_ATTRIB);
    this.#named(directory, IN.IN_CREATE, name, inode);
  }

  /** A name was removed: by unlink or rmdir. */
  removed(directory: Inode, name: string, inode: Inode): void {
    if (!this.any) return;
    if (!inode.isDirectory) this.#tell(inode, IN.IN_ATTRIB);
    // Its end comes before the news of its name (dentry_unlink_inode of Linux).
    this.#lostName(inode);
    this.#named(directory, IN.IN_DELETE, name, inode);
  }

  /** `inode` was moved over `replaced`, or where nothing was. */
  moved(
    from: Inode,
    oldName: string,
    to: Inode,
    newName: string,
    inode: Inode,
    replaced: Inode | null,
  ): void {
    if (!this.any) return;
    const cookie = ++this.#lastCookie;
    this.#named(from, IN.IN_MOVED_FROM, oldName, inode, cookie);
    this.#named(to, IN.IN_MOVED_TO, newName, inode, cookie);
    if (replaced !== null)
      this.#tell(replaced, replaced.isDirectory ? IN.IN_ATTRIB | IN.IN_ISDIR : IN.IN_ATTRIB);
    this.#tell(inode, IN.IN_MOVE_SELF);
    if (replaced !== null) this.#lostName(replaced);
  }

  // ---- Ends ----

  #lostName(inode: Inode): void {
    const watched = this.#watched.get(inode.identity);
    if (watched === undefined) return;
    const attributes = inode.attributes();
    watched.nameless = inode.isDirectory || typeof attributes === "number" || attributes.nlink === 0;
    this.letGo(inode);
  }

  /** A file system is gone. */
  unmounted(fs: FileSystem): void {
    for (const { inode, watches } of [...this.#watched.values()]) {
      if (inode.fs !== fs) continue;
      for (const watch of [...watches]) {
        watch.report(IN.IN_UNMOUNT, "", 0, false);
        watch.end();
      }
    }
  }

  /** Somebody who had it open has no more use for it. */
  letGo(inode: Inode): void {
    if (!this.any || inode.isHeld) return;
    const watched = this.#watched.get(inode.identity);
    if (watched?.nameless !== true) return;
    this.#tell(inode, IN.IN_DELETE_SELF);
    for (const watch of [...watched.watches]) watch.end();
  }
}
