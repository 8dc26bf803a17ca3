// Names of directories, asked of the host by the Gofer's threads: what they lead to, and handles that are opened by them once
// more. A name of a remote directory is looked up on that mount's lane. Where another mount begins there, that is only
// found: it is entered on a lane of its own, so that one that does not answer holds up who goes there, and not who uses the
// mount that it is in.

import { ENOENT, ENOTDIR, ESTALE } from "../../shared/abi/errno.ts";
import { O_PATH } from "../../shared/abi/fcntl.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { type Attributes, typeOf } from "../vfs/inode.ts";
import type { GoferFs } from "./gofer_fs.ts";
import { GoferInode } from "./gofer_inode.ts";
import type { HandleOpener, HandleOwner } from "./handles.ts";
import type { HostMount } from "./host_mounts.ts";
import { CROSSING_ENTERED, CROSSING_LEFT, JobOperation } from "./job_record.ts";
import { lookupKey, nameKey } from "./name_keys.ts";
import { withOwner } from "./owners.ts";
import { attributesOf, ownerAsked, shown } from "./remote.ts";
import { RemoteInode } from "./remote_inode.ts";
import type { Question } from "./transaction.ts";

/** A file that was found: its O_PATH descriptor, and what stat says. */
interface Found {
  readonly fd: number;
  readonly attributes: Attributes;
  /** Another of the host's mounts begins there, of this type; -1: none. */
  readonly type: number;
}

/** Another mount begins there, which was not entered: the directory, as a descriptor of whoever is told. */
interface Crossing {
  readonly directory: number;
}

type Look = Found | Crossing | number;

const isCrossing = (look: Found | Crossing): look is Crossing => "directory" in look;

function lookupQuestion(
  fs: GoferFs,
  lane: number,
  directory: number,
  name: string,
  enters: boolean,
): Question<Look> {
  const { gofer, descriptors, native } = fs.kernel;
  return {
    lane,
    args: {
      operation: JobOperation.LOOKUP,
      a: directory,
      b: descriptors.proc,
      c: enters ? 1 : 0,
      name,
      owner: ownerAsked(fs),
    },
    read: (record) => {
      if (record.result < 0) return shown(record.result);
      if (record.second === CROSSING_LEFT) return { directory: record.result };
      const type = record.second === CROSSING_ENTERED ? record.type : -1;
      return { fd: record.result, attributes: attributesOf(fs, record), type };
    },
    undo: (found) => {
      if (typeof found === "number") return;
      if (isCrossing(found)) native.close(found.directory);
      else gofer.close(lane, found.fd);
    },
  };
}

/**
 * What a name of a directory leads to, which is the caller's then. `key`: under which the call knows it. `lane`: where the name is
 * looked up; null: that another mount begins there is known. `laneBehind`: where that is entered.
 */
function look(
  directory: GoferInode,
  name: string,
  key: string,
  lane: number | null,
  laneBehind: () => number,
): Found | number {
  const { fs, remote } = directory;
  const { gofer, native } = fs.kernel;
  const behind = `${key}>`;
  const isAsked = (what: string) => gofer.transaction?.has(what) === true;
  const isKnown = isAsked(behind) || isAsked(key);
  const handle = isKnown ? 0 : directory.handle();
  if (handle < 0) return handle;
  /** By a descriptor of its own: those of local directories may be closed meanwhile. */
  const ask = (own: number, there: number, enters: boolean): Question<Look> | number =>
    own < 0
      ? shown(own)
      : { ...lookupQuestion(fs, there, own, name, enters), ended: () => native.close(own) };
  const again = () => native.openComponent(handle, ".", O_PATH);
  let answer: Look = NOT_AT_HAND;
  if (isAsked(behind) || lane === null) answer = gofer.ask(behind, () => ask(again(), laneBehind(), true));
  else {
    answer = gofer.ask(key, () =>
      remote === null ? ask(again(), lane, false) : lookupQuestion(fs, lane, handle, name, false),
    );
    if (typeof answer !== "number" && isCrossing(answer)) {
      const { directory: own } = answer;
      answer = gofer.ask(behind, () => {
        gofer.take(key);
        return ask(own, laneBehind(), true);
      });
    }
  }
  if (typeof answer === "number") return answer;
  gofer.take(key);
  gofer.take(behind);
  // Whoever enters finds no further one.
  return isCrossing(answer) ? -ESTALE : answer;
}

/**
 * The child of a remote directory, or of a local one whose disk takes its time; or, where `lane` is null, of a local one where
 * another mount begins.
 */
export function lookUp(directory: GoferInode, name: string, lane: number | null): GoferInode | number {
  const { fs } = directory;
  const { gofer } = fs.kernel;
  const key = lookupKey(directory, name);
  const found = gofer.transaction?.found(key);
  if (typeof found === "number") return found;
  if (found instanceof GoferInode && found.fs === fs) return found;
  if (gofer.isChanging(nameKey(directory, name))) return NOT_AT_HAND;
  const answer = look(directory, name, key, lane, () => gofer.mounts.crossing(nameKey(directory, name)));
  if (answer === NOT_AT_HAND) {
    if (directory.remote === null) directory.pinNames();
    return NOT_AT_HAND;
  }
  if (typeof answer === "number") {
    if (answer === -ENOENT) gofer.transaction?.setFound(key, answer);
    return answer;
  }
  const inode = enter(directory, name, answer);
  gofer.transaction?.setFound(key, inode);
  return inode;
}

function enter(directory: GoferInode, name: string, { fd, attributes, type }: Found): GoferInode {
  const { fs, remote } = directory;
  const { mounts } = fs.kernel.gofer;
  const crosses = type >= 0;
  const where = `${directory.path}/${name}`;
  const mount = crosses ? mounts.crossed(nameKey(directory, name), attributes.dev, type, where) : remote;
  return adoptFound(directory, name, fd, attributes, mount, crosses);
}

/** The inode of a name of a directory that a thread has opened and asked for. */
export function adoptFound(
  directory: GoferInode,
  name: string,
  fd: number,
  attributes: Attributes,
  mount: HostMount | null,
  crosses: boolean,
): GoferInode {
  const { fs } = directory;
  const { dev, ino, mode } = attributes;
  const Kind = mount === null ? GoferInode : RemoteInode;
  const inode = new Kind(fs, directory, name, dev, ino, typeOf(mode), mount, crosses);
  if (attributes.nlink > 1 && !inode.isDirectory) inode.linked();
  fs.handles.add(inode, fd);
  inode.learn(mount === null ? withOwner(fs.kernel, inode, attributes) : attributes);
  return inode;
}

/** How handles of remote files, and of those where a mount begins, are opened and closed. */
export const REMOTE_HANDLES: HandleOpener = {
  open: (owner) => openHandle(owner as GoferInode),
  close: (owner: HandleOwner, fd) => closeRemotely(owner as GoferInode, fd),
};

export function closeRemotely({ remote, fs }: GoferInode, fd: number): void {
  if (remote === null) fs.kernel.native.close(fd);
  else fs.kernel.gofer.close(remote.lane, fd);
}

// By its name once more: it counts only if it is the same file.
function openHandle(inode: GoferInode): number {
  const { fs, hostName, remote } = inode;
  const { gofer } = fs.kernel;
  const parent = inode.parentOwner!;
  const key = `handle:${inode.hostDev}:${inode.hostIno}`;
  const answer = look(
    parent,
    hostName,
    key,
    parent.remote?.lane ?? null,
    () => remote?.lane ?? gofer.mounts.crossing(nameKey(parent, hostName)),
  );
  if (typeof answer === "number") return answer === -ENOENT || answer === -ENOTDIR ? -ESTALE : answer;
  const { dev, ino } = answer.attributes;
  if (dev !== inode.hostDev || ino !== inode.hostIno) {
    closeRemotely(inode, answer.fd);
    return -ESTALE;
  }
  fs.handles.add(inode, answer.fd);
  inode.learn(answer.attributes);
  return answer.fd;
}
