// Changes of files on remote mounts: the same as host_changes.ts makes on local ones, each as one job that does all of it. A
// change is asked for once: the call's handler, which begins anew, finds what came of it. Names that it is about are the
// call's meanwhile (gofer.ts).

import { EIO, ENOENT, EOPNOTSUPP, ESTALE } from "../../shared/abi/errno.ts";
import { RENAME_EXCHANGE } from "../../shared/abi/fcntl.ts";
import { S_ISGID, S_ISUID } from "../../shared/abi/stat.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { type AttributeChanges, type Attributes, type Creation, type Inode, typeOf } from "../vfs/inode.ts";
import type { GoferInode } from "./gofer_inode.ts";
import { timeTo } from "./host_changes.ts";
import * as J from "./job_record.ts";
import { JOB_DATA_SIZE, JobOperation, type JobRecord, SECOND_NAME_AT } from "./job_record.ts";
import { lookupKey, nameKey } from "./name_keys.ts";
import { attributesOf, shown } from "./remote.ts";
import { RemoteInode } from "./remote_inode.ts";
import { adoptFound, closeRemotely } from "./remote_names.ts";
import { Loan, type Question } from "./transaction.ts";

const PERMISSIONS = 0o7777;

/** A name that a change is about, and what it is known to name before. */
interface Name {
  readonly directory: GoferInode;
  readonly name: string;
  readonly before: GoferInode | null;
}

/** What came of a new file. */
interface Made {
  readonly fd: number;
  readonly second: number;
  readonly attributes: Attributes;
}

/**
 * Asks for a change, once. `handles`: takes the descriptors that it needs, of directories and files, before: 0 or more, or a
 * negative errno. `changed`: the host has made it, or not.
 */
function change<T>(
  inode: RemoteInode,
  what: string,
  names: readonly Name[],
  handles: () => number,
  question: () => Omit<Question<T>, "lane" | "ended">,
  changed: () => void,
): T | number {
  const { gofer } = inode.fs.kernel;
  const key = `change:${what}`;
  const before = gofer.transaction;
  if (before?.changed.has(key) === true) return -EIO;
  const isOfNames = names.length > 0;
  if (isOfNames && before !== null && before.nameChange !== null && before.nameChange !== key) return -ESTALE;
  if (before?.has(key) !== true) {
    // All who wait are told when it is over: one name after the other.
    for (const { directory, name } of names)
      if (gofer.isChanging(nameKey(directory, name))) return NOT_AT_HAND;
    const error = handles();
    if (error < 0) return error;
  }
  const answer = gofer.ask<T>(key, () => {
    if (isOfNames && gofer.transaction !== null) gofer.transaction.nameChange = key;
    for (const { directory, name, before: named } of names) {
      const found = lookupKey(directory, name);
      gofer.beginChange(nameKey(directory, name), found);
      gofer.transaction?.setFound(found, named ?? -ENOENT);
    }
    const ended = () => {
      changed();
      for (const { directory, name } of names) gofer.changeEnded(nameKey(directory, name));
    };
    return { ...question(), lane: inode.lane, ended };
  });
  if (answer === NOT_AT_HAND) return NOT_AT_HAND;
  gofer.take(key);
  const { transaction } = gofer;
  if (transaction !== null) {
    transaction.isLate = true;
    transaction.changed.add(key);
  }
  for (const { directory, name } of names) gofer.changeKnown(nameKey(directory, name));
  return answer;
}

const result = (record: JobRecord) => record.result;
const fresh = (directory: GoferInode, name: string): Name => ({ directory, name, before: null });

// ---- Something new ----

/** A new file, directory, symlink to `target`, FIFO or socket. */
export function make(parent: RemoteInode, name: string, creation: Creation, target?: string): Inode | number {
  const { fs } = parent;
  const { gofer, descriptors } = fs.kernel;
  const { mode, uid, gid } = creation;
  let directory = -1;
  const made = change<Made | number>(
    parent,
    `make:${nameKey(parent, name)}`,
    [fresh(parent, name)],
    () => {
      directory = parent.handle();
      return directory;
    },
    () => ({
      args: {
        operation: JobOperation.MAKE,
        a: directory,
        b: descriptors.proc,
        c: mode,
        d: uid | 0,
        e: gid | 0,
        name,
        ...(target === undefined ? {} : { second: target }),
      },
      read: (record) => madeFrom(parent, record),
      undo: (unwanted) => closeMade(parent, unwanted),
    }),
    () => parent.changed(),
  );
  if (typeof made === "number") return made;
  const inode = adoptFound(parent, name, made.fd, made.attributes, parent.remote, false);
  if (made.second < 0) return inode;
  const loan = new Loan(made.second, null, "", (fd) => closeRemotely(parent, fd));
  if (gofer.transaction === null) loan.close();
  else gofer.transaction.made = { inode, loan };
  return inode;
}

function madeFrom({ fs }: GoferInode, record: JobRecord): Made | number {
  if (record.result < 0) return shown(record.result);
  return { fd: record.result, second: record.second, attributes: attributesOf(fs, record) };
}

function closeMade(parent: GoferInode, made: Made | number): void {
  if (typeof made === "number") return;
  closeRemotely(parent, made.fd);
  if (made.second >= 0) closeRemotely(parent, made.second);
}

export function makeNameless(parent: RemoteInode, creation: Creation, linkable: boolean): Inode | number {
  const { gofer, descriptors } = parent.fs.kernel;
  const { mode, uid, gid } = creation;
  let directory = -1;
  const made = change<Made | number>(
    parent,
    `tmpfile:${parent.hostDev}:${parent.hostIno}`,
    [],
    () => {
      directory = parent.handle();
      return directory;
    },
    () => ({
      args: {
        operation: JobOperation.TMPFILE,
        a: directory,
        b: descriptors.proc,
        c: mode,
        d: uid | 0,
        e: gid | 0,
        length: linkable ? 1 : 0,
      },
      read: (record) => madeFrom(parent, record),
      undo: (unwanted) => closeMade(parent, unwanted),
    }),
    () => {},
  );
  if (typeof made === "number") return made;
  const { dev, ino, mode: type } = made.attributes;
  const inode = new RemoteInode(parent.fs, parent, `#${ino}`, dev, ino, typeOf(type), parent.remote);
  inode.becomeNameless(made.fd);
  const loan = new Loan(made.second, null, "", (fd) => closeRemotely(parent, fd));
  if (gofer.transaction === null) loan.close();
  else gofer.transaction.made = { inode, loan };
  return inode;
}

// ---- Names ----

export function linkFile(parent: RemoteInode, name: string, target: GoferInode): number {
  const { descriptors } = parent.fs.kernel;
  let [file, directory] = [-1, -1];
  const error = change(
    parent,
    `link:${nameKey(parent, name)}`,
    [fresh(parent, name)],
    () => {
      file = target.handle();
      directory = file < 0 ? file : parent.handle();
      return directory;
    },
    () => ({
      args: { operation: JobOperation.LINK, a: file, b: descriptors.proc, c: directory, name },
      read: result,
    }),
    () => {
      parent.changed();
      target.changed();
    },
  );
  if (error === NOT_AT_HAND) return error;
  if (error === 0 && target.nameless) target.moved(parent, name);
  target.linked();
  return error;
}

/** Takes a name away; what it named lives on while somebody holds it. */
export function removeName(
  parent: RemoteInode,
  name: string,
  child: GoferInode,
  isDirectory: boolean,
): number {
  let directory = -1;
  return change(
    parent,
    `unlink:${nameKey(parent, name)}`,
    [{ directory: parent, name, before: child }],
    () => {
      const error = child.keepHandle();
      directory = error < 0 ? error : parent.handle();
      return directory;
    },
    () => ({
      args: { operation: JobOperation.UNLINK, a: directory, c: isDirectory ? 1 : 0, name },
      read: result,
    }),
    () => {
      parent.changed();
      child.changed();
    },
  );
}

export function renameFile(
  parent: RemoteInode,
  name: string,
  child: GoferInode,
  to: GoferInode,
  newName: string,
  replaced: GoferInode | null,
  exchange: boolean,
): number {
  let [directory, target] = [-1, -1];
  const error = change(
    parent,
    `rename:${nameKey(parent, name)}:${nameKey(to, newName)}`,
    [
      { directory: parent, name, before: child },
      { directory: to, name: newName, before: replaced },
    ],
    () => {
      const kept = replaced?.keepHandle() ?? 0;
      directory = kept < 0 ? kept : parent.handle();
      target = directory < 0 || to === parent ? directory : to.handle();
      return target;
    },
    () => ({
      args: {
        operation: JobOperation.RENAME,
        a: directory,
        c: target,
        d: exchange ? RENAME_EXCHANGE : 0,
        name,
        second: newName,
      },
      read: result,
    }),
    () => {
      for (const each of [parent, to, child, replaced]) each?.changed();
    },
  );
  if (error !== 0) return error;
  child.moved(to, newName);
  if (exchange) replaced?.moved(parent, name);
  return 0;
}

// ---- Attributes ----

/** The mode that a file is to have again when its contents were changed, which takes set-id bits away; -1: none. */
function keptMode(inode: GoferInode): number {
  const attributes = inode.attributes();
  if (typeof attributes === "number") return attributes === NOT_AT_HAND ? attributes : -1;
  return (attributes.mode & (S_ISUID | S_ISGID)) === 0 ? -1 : attributes.mode & PERMISSIONS;
}

export function changeAttributes(inode: RemoteInode, changes: AttributeChanges): number {
  const { fs, isSymlink } = inode;
  const { uid, gid, size, atime, mtime } = changes;
  if (changes.mode !== undefined && isSymlink) return -EOPNOTSUPP;
  let fd = -1;
  let mode = changes.mode ?? -1;
  const answer = change<{ error: number; attributes: Attributes | null }>(
    inode,
    `setattr:${inode.hostDev}:${inode.hostIno}`,
    [],
    () => {
      if (size !== undefined && mode < 0) mode = keptMode(inode);
      fd = mode === NOT_AT_HAND ? mode : inode.handle();
      return fd;
    },
    () => ({
      args: {
        operation: JobOperation.SETATTR,
        a: fd,
        b: fs.kernel.descriptors.proc,
        c:
          (mode >= 0 ? J.SET_MODE : 0) |
          (uid === undefined ? 0 : J.SET_UID) |
          (gid === undefined ? 0 : J.SET_GID) |
          (size === undefined ? 0 : J.SET_SIZE) |
          (atime === undefined && mtime === undefined ? 0 : J.SET_TIMES),
        d: Math.max(mode, 0),
        e: (uid ?? -1) | 0,
        length: (gid ?? -1) | 0,
        position: size ?? 0,
        fill: ({ times }) => {
          timeTo(times, 0, atime);
          timeTo(times, 16, mtime);
        },
      },
      read: (record) => ({
        error: record.result,
        attributes: record.second === 0 ? attributesOf(fs, record) : null,
      }),
    }),
    () => inode.changed(),
  );
  if (typeof answer === "number") return answer;
  if (answer.attributes !== null) inode.learn(answer.attributes);
  return answer.error;
}

export function setAttribute(inode: RemoteInode, name: string, value: string, flags: number): number {
  if (value.length > JOB_DATA_SIZE - SECOND_NAME_AT - 1) return -EOPNOTSUPP;
  return changeXattr(inode, name, JobOperation.SETXATTR, value, flags);
}

export function removeAttribute(inode: RemoteInode, name: string): number {
  return changeXattr(inode, name, JobOperation.REMOVEXATTR, "", 0);
}

function changeXattr(
  inode: RemoteInode,
  name: string,
  operation: typeof JobOperation.SETXATTR | typeof JobOperation.REMOVEXATTR,
  value: string,
  flags: number,
): number {
  let fd = -1;
  return change(
    inode,
    `xattr:${inode.hostDev}:${inode.hostIno}:${name}`,
    [],
    () => {
      fd = inode.handle();
      return fd;
    },
    () => ({
      args: {
        operation,
        a: fd,
        b: inode.fs.kernel.descriptors.proc,
        c: flags,
        length: value.length,
        name,
        second: value,
      },
      read: result,
    }),
    () => inode.changed(),
  );
}
