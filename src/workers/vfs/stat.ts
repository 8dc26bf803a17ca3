// struct stat and struct statx: from the host's bytes, and for the guest.

import * as S from "../../shared/abi/stat.ts";
import { readI64, readU64, TWO_32, write64 } from "../../shared/abi/struct.ts";
import { stat, statx } from "../../shared/abi/structs.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Attributes, Time } from "./inode.ts";

/**
 * A host's inode number as one that a double holds. Those of 2^53 and more (overlayfs marks layers by high
 * bits) are folded: two may meet, which is unlikely enough.
 */
export function inodeNumber(low: number, high: number): number {
  const folded = high < 0x200000 ? high : (high & 0x1fffff) ^ (high >>> 21);
  return folded * TWO_32 + low;
}

/** Reads struct stat as the native library leaves it at the start of the scratch area; owners for guests of a namespace. */
export function readStat(view: DataView, users?: UserNamespace): Attributes {
  const time = (at: number) => ({ sec: readI64(view, at), nsec: readU64(view, at + 8) });
  const uid = view.getUint32(28, true);
  const gid = view.getUint32(32, true);
  return {
    dev: readU64(view, 0),
    ino: inodeNumber(view.getUint32(8, true), view.getUint32(12, true)),
    nlink: readU64(view, 16),
    mode: view.getUint32(24, true),
    uid: users === undefined ? uid : users.uids.fromHost(uid),
    gid: users === undefined ? gid : users.gids.fromHost(gid),
    rdev: readU64(view, 40),
    size: readI64(view, 48),
    blksize: readI64(view, 56),
    blocks: readI64(view, 64),
    atime: time(72),
    mtime: time(88),
    ctime: time(104),
    btime: null,
    acl: null,
  };
}

/** A device number as the kernel itself holds it (12 and 20 bits), which some files of proc show. */
export function kernelDevice(dev: number): number {
  return (((dev >>> 8) & 0xfff) << 20) | (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}

const STAT = stat.offset;

/**
 * Writes struct stat, with owners as who is in a user namespace has them, field by field: no object on the way, since a call that only asks is made more often than any
 * other. Every byte is written, padding too.
 */
export function writeStat(a: Attributes, { uids, gids }: UserNamespace, view: DataView, at: number): void {
  write64(view, at + STAT.st_dev, a.dev);
  write64(view, at + STAT.st_ino, a.ino);
  write64(view, at + STAT.st_nlink, a.nlink);
  view.setUint32(at + STAT.st_mode, a.mode, true);
  view.setUint32(at + STAT.st_uid, uids.told(a.uid), true);
  view.setUint32(at + STAT.st_gid, gids.told(a.gid), true);
  view.setUint32(at + STAT.st_gid + 4, 0, true);
  write64(view, at + STAT.st_rdev, a.rdev);
  write64(view, at + STAT.st_size, a.size);
  write64(view, at + STAT.st_blksize, a.blksize);
  write64(view, at + STAT.st_blocks, a.blocks);
  write64(view, at + STAT.st_atime, a.atime.sec);
  write64(view, at + STAT.st_atime_nsec, a.atime.nsec);
  write64(view, at + STAT.st_mtime, a.mtime.sec);
  write64(view, at + STAT.st_mtime_nsec, a.mtime.nsec);
  write64(view, at + STAT.st_ctime, a.ctime.sec);
  write64(view, at + STAT.st_ctime_nsec, a.ctime.nsec);
  for (let rest = STAT.__unused; rest < stat.size; rest += 4) view.setUint32(at + rest, 0, true);
}

function major(dev: number): number {
  return ((dev >>> 8) & 0xfff) | (Math.floor(dev / TWO_32) & ~0xfff);
}

function minor(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & ~0xff);
}

/** STATX_ATTR_* that are known to be there or not. */
const KNOWN_ATTRIBUTES =
  S.STATX_ATTR_IMMUTABLE |
  S.STATX_ATTR_APPEND |
  S.STATX_ATTR_NODUMP |
  S.STATX_ATTR_AUTOMOUNT |
  S.STATX_ATTR_MOUNT_ROOT |
  S.STATX_ATTR_DAX;

const STATX = statx.offset;

function writeTime(time: Time, view: DataView, at: number): void {
  write64(view, at, time.sec);
  view.setUint32(at + 8, time.nsec, true);
}

/** As writeStat, of struct statx. */
export function writeStatx(
  a: Attributes,
  { uids, gids }: UserNamespace,
  mountId: number,
  attributes: number,
  view: DataView,
  at: number,
): void {
  for (let word = 0; word < statx.size; word += 4) view.setUint32(at + word, 0, true);
  const mask = S.STATX_BASIC_STATS | S.STATX_MNT_ID | (a.btime === null ? 0 : S.STATX_BTIME);
  view.setUint32(at + STATX.stx_mask, mask, true);
  view.setUint32(at + STATX.stx_blksize, a.blksize, true);
  write64(view, at + STATX.stx_attributes, attributes);
  view.setUint32(at + STATX.stx_nlink, a.nlink, true);
  view.setUint32(at + STATX.stx_uid, uids.told(a.uid), true);
  view.setUint32(at + STATX.stx_gid, gids.told(a.gid), true);
  view.setUint16(at + STATX.stx_mode, a.mode, true);
  write64(view, at + STATX.stx_ino, a.ino);
  write64(view, at + STATX.stx_size, a.size);
  write64(view, at + STATX.stx_blocks, a.blocks);
  write64(view, at + STATX.stx_attributes_mask, KNOWN_ATTRIBUTES);
  writeTime(a.atime, view, at + STATX.stx_atime);
  if (a.btime !== null) writeTime(a.btime, view, at + STATX.stx_btime);
  writeTime(a.ctime, view, at + STATX.stx_ctime);
  writeTime(a.mtime, view, at + STATX.stx_mtime);
  view.setUint32(at + STATX.stx_rdev_major, major(a.rdev), true);
  view.setUint32(at + STATX.stx_rdev_minor, minor(a.rdev), true);
  view.setUint32(at + STATX.stx_dev_major, major(a.dev), true);
  view.setUint32(at + STATX.stx_dev_minor, minor(a.dev), true);
  write64(view, at + STATX.stx_mnt_id, mountId);
}
