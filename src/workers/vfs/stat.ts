// struct stat and struct statx: from the host's bytes, and for the guest.

import * as S from "../../shared/abi/stat.ts";
import { readI64, readU64, TWO_32, toWord64 } from "../../shared/abi/struct.ts";
import { stat, statx } from "../../shared/abi/structs.ts";
import type { Attributes } from "./inode.ts";

/**
 * A host's inode number as one that a double holds. Those of 2^53 and more (overlayfs marks layers by high
 * bits) are folded: two may meet, which is unlikely enough.
 */
export function inodeNumber(low: number, high: number): number {
  const folded = high < 0x200000 ? high : (high & 0x1fffff) ^ (high >>> 21);
  return folded * TWO_32 + low;
}

/** Reads struct stat as the native library leaves it at the start of the scratch area. */
export function readStat(view: DataView): Attributes {
  const time = (at: number) => ({ sec: readI64(view, at), nsec: readU64(view, at + 8) });
  return {
    dev: readU64(view, 0),
    ino: inodeNumber(view.getUint32(8, true), view.getUint32(12, true)),
    nlink: readU64(view, 16),
    mode: view.getUint32(24, true),
    uid: view.getUint32(28, true),
    gid: view.getUint32(32, true),
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

export function writeStat(a: Attributes, bytes: Uint8Array, at: number): void {
  stat.encode(
    {
      st_dev: a.dev,
      st_ino: toWord64(a.ino),
      st_nlink: a.nlink,
      st_mode: a.mode,
      st_uid: a.uid,
      st_gid: a.gid,
      st_rdev: a.rdev,
      st_size: a.size,
      st_blksize: a.blksize,
      st_blocks: a.blocks,
      st_atime: a.atime.sec,
      st_atime_nsec: a.atime.nsec,
      st_mtime: a.mtime.sec,
      st_mtime_nsec: a.mtime.nsec,
      st_ctime: a.ctime.sec,
      st_ctime_nsec: a.ctime.nsec,
    },
    bytes,
    at,
  );
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

export function writeStatx(
  a: Attributes,
  mountId: number,
  attributes: number,
  bytes: Uint8Array,
  at: number,
): void {
  const time = (t: { sec: number; nsec: number }) => ({ tv_sec: t.sec, tv_nsec: t.nsec, __reserved: 0 });
  statx.encode(
    {
      stx_mask: S.STATX_BASIC_STATS | S.STATX_MNT_ID | (a.btime === null ? 0 : S.STATX_BTIME),
      stx_attributes: attributes,
      stx_attributes_mask: KNOWN_ATTRIBUTES,
      stx_blksize: a.blksize,
      stx_nlink: a.nlink,
      stx_uid: a.uid,
      stx_gid: a.gid,
      stx_mode: a.mode,
      stx_ino: toWord64(a.ino),
      stx_size: a.size,
      stx_blocks: a.blocks,
      stx_atime: time(a.atime),
      stx_btime: time(a.btime ?? { sec: 0, nsec: 0 }),
      stx_ctime: time(a.ctime),
      stx_mtime: time(a.mtime),
      stx_rdev_major: major(a.rdev),
      stx_rdev_minor: minor(a.rdev),
      stx_dev_major: major(a.dev),
      stx_dev_minor: minor(a.dev),
      stx_mnt_id: mountId,
    },
    bytes,
    at,
  );
}
