// What is asked of a file on a remote mount of the host's, without changing it: attributes, contents of links, listings. Each
// question goes to the mount's lane; what is not answered yet is NOT_AT_HAND.

import { EMFILE, ENFILE, ENOMEM, ESTALE } from "../../shared/abi/errno.ts";
import { O_ACCMODE } from "../../shared/abi/fcntl.ts";
import { statfs } from "../../shared/abi/structs.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { NO_ID, OVERFLOW_ID } from "../credentials/id_map.ts";
import type { Attributes, DirectoryEntry, FileSystemStatus } from "../vfs/inode.ts";
import { readStat } from "../vfs/stat.ts";
import { readEntries } from "./directory_entries.ts";
import type { GoferFs } from "./gofer_fs.ts";
import { JobOperation, type JobRecord, OWNER_ASKED, OWNER_UNMAPPED } from "./job_record.ts";
import type { RemoteInode } from "./remote_inode.ts";
import { closeRemotely } from "./remote_names.ts";
import { Loan, type Question } from "./transaction.ts";

const { STAT, REOPEN, READLINK, GETXATTR, LISTXATTR, OPEN_DIRECTORY, GETDENTS, STATFS } = JobOperation;

/** What a listed name costs beside its chars, until the listing is a directory's (directory_file.ts). */
const ENTRY_BYTES = 96;

/** The host has no more descriptors for us: which is nothing that the guest has too many of. */
export const shown = (error: number) => (error === -EMFILE ? -ENFILE : error);

/** Whether the host is to be asked whose a file of nobody's is (owners.ts). */
export const ownerAsked = ({ kernel }: GoferFs) => (kernel.users.parent === null ? 0 : OWNER_ASKED);

/** Attributes as they are for guests, of a job that has looked at them. */
export function attributesOf({ kernel }: GoferFs, record: JobRecord): Attributes {
  const attributes = readStat(record.stat, kernel.users);
  if (record.owner !== OWNER_UNMAPPED) return attributes;
  return { ...attributes, uid: NO_ID, gid: attributes.gid === OVERFLOW_ID ? NO_ID : attributes.gid };
}

/** What stat says, asked of the host. */
export function askAttributes(inode: RemoteInode): Attributes | number {
  const { fs } = inode;
  const { gofer, descriptors } = fs.kernel;
  const transaction = gofer.transaction;
  const pin = transaction?.pin(inode);
  if (pin !== undefined) return pin.attributes;
  if (transaction?.isLate === true && inode.lastAttributes !== null) return inode.lastAttributes;
  const key = `stat:${inode.hostDev}:${inode.hostIno}`;
  const known = inode.knownDescriptor;
  if (known < 0 && transaction?.has(key) !== true) {
    const fd = inode.handle();
    if (fd < 0) return fd;
    // Which has told it, or its handle is the file system's root.
    const learnt = inode.believed;
    if (learnt !== null) return learnt;
  }
  const answer = gofer.ask<Attributes | number>(key, () => ({
    lane: inode.lane,
    args: { operation: STAT, a: inode.handle(), b: descriptors.proc, owner: ownerAsked(fs) },
    read: (record) => (record.result < 0 ? record.result : attributesOf(fs, record)),
  }));
  if (typeof answer === "number") return answer;
  gofer.take(key);
  if (answer.ino !== inode.hostIno || answer.dev !== inode.hostDev) return -ESTALE;
  inode.learn(answer);
  return answer;
}

/** A question about a file by its handle, whose answer holds for as long as the call lasts. */
function askByHandle<T>(
  inode: RemoteInode,
  what: string,
  args: Omit<Question<T>["args"], "a">,
  read: (record: JobRecord) => T,
): T | number {
  const { gofer } = inode.fs.kernel;
  const key = `${what}:${inode.hostDev}:${inode.hostIno}`;
  const fd = gofer.transaction?.has(key) === true ? -1 : inode.handle();
  if (fd < 0 && fd !== -1) return fd;
  return gofer.ask<T>(key, () => ({
    lane: inode.lane,
    args: { ...args, a: fd } as Question<T>["args"],
    read,
  }));
}

const text = (record: JobRecord) => (record.result < 0 ? record.result : record.text(record.result));

export function readLink(inode: RemoteInode): string | number {
  return askByHandle(inode, "readlink", { operation: READLINK }, text);
}

export function getAttribute(inode: RemoteInode, name: string): string | number {
  const b = inode.fs.kernel.descriptors.proc;
  return askByHandle(inode, `getxattr:${name}`, { operation: GETXATTR, b, name }, text);
}

export function listAttributes(inode: RemoteInode): readonly string[] | number {
  const b = inode.fs.kernel.descriptors.proc;
  const names = askByHandle(inode, "listxattr", { operation: LISTXATTR, b }, text);
  return typeof names === "number" ? names : names.split("\0").filter((name) => name !== "");
}

export function statusOf(root: RemoteInode): FileSystemStatus | number {
  return askByHandle<FileSystemStatus | number>(root, "statfs", { operation: STATFS }, (record) => {
    if (record.result < 0) return record.result;
    const st = statfs.decode(record.data);
    const { f_type: type, f_bsize: bsize, f_blocks: blocks, f_bfree: bfree, f_bavail: bavail } = st;
    return {
      type,
      bsize,
      blocks,
      bfree,
      bavail,
      files: st.f_files,
      ffree: st.f_ffree,
      namelen: st.f_namelen,
    };
  });
}

/** Opens a regular file or directory by its handle; `purpose` tells descriptors apart that a call asks for. */
export function openRemotely(inode: RemoteInode, flags: number, purpose: string): Loan | number {
  const { gofer, descriptors } = inode.fs.kernel;
  const close = (fd: number) => closeRemotely(inode, fd);
  const { transaction } = gofer;
  if (transaction?.made?.inode === inode && purpose === "open") {
    const { loan } = transaction.made;
    transaction.made = null;
    return loan;
  }
  const what = `${purpose}:${flags & O_ACCMODE}`;
  const args = { operation: REOPEN, b: descriptors.proc, c: flags, owner: ownerAsked(inode.fs) };
  const key = `${what}:${inode.hostDev}:${inode.hostIno}`;
  const fd = gofer.transaction?.has(key) === true ? -1 : inode.handle();
  if (fd < 0 && fd !== -1) return fd;
  const answer = gofer.ask<number>(key, () => ({
    lane: inode.lane,
    args: { ...args, a: fd },
    read: (record) => {
      if (record.result >= 0 && record.second === 0) inode.refresh(attributesOf(inode.fs, record));
      return shown(record.result);
    },
    undo: (opened) => {
      if (opened >= 0) close(opened);
    },
  }));
  if (answer < 0) return answer;
  gofer.take(key);
  return new Loan(answer, gofer.transaction, key, close);
}

// ---- Listings ----

/** All entries of a directory. They come in pieces, each with a job, and count against the budget as they come. */
export function listRemotely(inode: RemoteInode): readonly DirectoryEntry[] | number {
  const { fs, lane } = inode;
  const { gofer } = fs.kernel;
  const key = `list:${inode.hostDev}:${inode.hostIno}`;
  const opened = openListing(inode);
  if (typeof opened === "number") return opened;
  for (;;) {
    const piece = `${key}:${opened.pieces}`;
    const answer = gofer.ask<number>(piece, () => ({
      lane,
      args: { operation: GETDENTS, a: opened.fd },
      read: (record) => {
        if (record.result <= 0 || opened.isReleased) return record.result;
        const before = opened.entries.length;
        readEntries(record.data, record.result, opened.entries);
        return opened.count(before) ? record.result : -ENOMEM;
      },
    }));
    if (answer === NOT_AT_HAND) return NOT_AT_HAND;
    gofer.take(piece);
    if (answer > 0) {
      opened.pieces++;
      continue;
    }
    if (gofer.transaction === null) endListing(inode, opened);
    return answer < 0 ? answer : opened.entries;
  }
}

function endListing({ fs, lane }: RemoteInode, listing: Listing | number): void {
  if (typeof listing === "number") return;
  listing.release();
  fs.kernel.gofer.close(lane, listing.fd);
}

/** A listing that is under way. */
class Listing {
  readonly fd: number;
  readonly entries: DirectoryEntry[] = [];
  pieces = 0;
  /** What comes later is for nobody. */
  isReleased = false;
  #counted = 0;
  readonly #fs: GoferFs;

  constructor(fs: GoferFs, fd: number) {
    this.#fs = fs;
    this.fd = fd;
  }

  /** Those that have come since then are charged for: whether there is room for them. */
  count(from: number): boolean {
    const { heap, counters } = this.#fs.kernel;
    let bytes = 0;
    for (let at = from; at < this.entries.length; at++) bytes += ENTRY_BYTES + this.entries[at]!.name.length;
    if (!heap.hasRoom("listed", bytes)) return false;
    counters.listed += bytes;
    this.#counted += bytes;
    return true;
  }

  release(): void {
    this.isReleased = true;
    this.#fs.kernel.counters.listed -= this.#counted;
    this.#counted = 0;
  }
}

function openListing(inode: RemoteInode): Listing | number {
  const { fs, lane } = inode;
  const { gofer } = fs.kernel;
  const key = `opendir:${inode.hostDev}:${inode.hostIno}`;
  const handle = gofer.transaction?.has(key) === true ? -1 : inode.handle();
  if (handle < 0 && handle !== -1) return handle;
  // Held by the call until its end, which closes it.
  return gofer.ask<Listing | number>(key, () => ({
    lane,
    args: { operation: OPEN_DIRECTORY, a: handle },
    read: (record) => (record.result < 0 ? shown(record.result) : new Listing(fs, record.result)),
    undo: (listing) => endListing(inode, listing),
  }));
}
