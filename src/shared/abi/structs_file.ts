// Structures of files, directories, readiness and terminals.

import { array, i16, i32, i64, ptr, struct, u8, u16, u32, u64, word64 } from "./struct.ts";

export const stat = struct("struct stat", "asm/stat.h", {
  st_dev: u64,
  st_ino: word64,
  st_nlink: u64,
  st_mode: u32,
  st_uid: u32,
  st_gid: u32,
  st_rdev: u64,
  st_size: i64,
  st_blksize: i64,
  st_blocks: i64,
  st_atime: i64,
  st_atime_nsec: u64,
  st_mtime: i64,
  st_mtime_nsec: u64,
  st_ctime: i64,
  st_ctime_nsec: u64,
  __unused: array(i64, 3),
});

export const statx_timestamp = struct("struct statx_timestamp", "linux/stat.h", {
  tv_sec: i64,
  tv_nsec: u32,
  __reserved: i32,
});

export const statx = struct(
  "struct statx",
  "linux/stat.h",
  {
    stx_mask: u32,
    stx_blksize: u32,
    stx_attributes: u64,
    stx_nlink: u32,
    stx_uid: u32,
    stx_gid: u32,
    stx_mode: u16,
    stx_ino: word64,
    stx_size: u64,
    stx_blocks: u64,
    stx_attributes_mask: u64,
    stx_atime: statx_timestamp,
    stx_btime: statx_timestamp,
    stx_ctime: statx_timestamp,
    stx_mtime: statx_timestamp,
    stx_rdev_major: u32,
    stx_rdev_minor: u32,
    stx_dev_major: u32,
    stx_dev_minor: u32,
    stx_mnt_id: u64,
    stx_dio_mem_align: u32,
    stx_dio_offset_align: u32,
    stx_subvol: u64,
    stx_atomic_write_unit_min: u32,
    stx_atomic_write_unit_max: u32,
    stx_atomic_write_segments_max: u32,
  },
  { size: 256 },
);

export const statfs = struct("struct statfs", "asm/statfs.h", {
  f_type: i64,
  f_bsize: i64,
  f_blocks: u64,
  f_bfree: u64,
  f_bavail: u64,
  f_files: u64,
  f_ffree: u64,
  f_fsid: array(i32, 2),
  f_namelen: i64,
  f_frsize: i64,
  f_flags: i64,
  f_spare: array(i64, 4),
});

/** The head of an entry of getdents64; the name follows d_type, the record is a multiple of 8. */
export const dirent64 = struct(
  "struct dirent64",
  "dirent.h",
  { d_ino: word64, d_off: word64, d_reclen: u16, d_type: u8 },
  { packed: true },
);

export const iovec = struct("struct iovec", "linux/uio.h", { iov_base: ptr, iov_len: u64 });

export const pollfd = struct("struct pollfd", "asm/poll.h", { fd: i32, events: i16, revents: i16 });

/** Packed on x86-64 only. */
export const epoll_event = struct(
  "struct epoll_event",
  "linux/eventpoll.h",
  { events: u32, data: word64 },
  { packed: true },
);

export const flock = struct("struct flock", "asm/fcntl.h", {
  l_type: i16,
  l_whence: i16,
  l_start: i64,
  l_len: i64,
  l_pid: i32,
});

export const f_owner_ex = struct("struct f_owner_ex", "asm/fcntl.h", { type: i32, pid: i32 });

export const open_how = struct("struct open_how", "linux/openat2.h", {
  flags: word64,
  mode: word64,
  resolve: word64,
});

/** The head of an event of inotify; `len` bytes of name follow. */
export const inotify_event = struct("struct inotify_event", "linux/inotify.h", {
  wd: i32,
  mask: u32,
  cookie: u32,
  len: u32,
});

export const file_handle = struct("struct file_handle", "fcntl.h", { handle_bytes: u32, handle_type: i32 });

export const mq_attr = struct("struct mq_attr", "linux/mqueue.h", {
  mq_flags: i64,
  mq_maxmsg: i64,
  mq_msgsize: i64,
  mq_curmsgs: i64,
  __reserved: array(i64, 4),
});

// ---- Terminals ----

const termiosFields = {
  c_iflag: u32,
  c_oflag: u32,
  c_cflag: u32,
  c_lflag: u32,
  c_line: u8,
  c_cc: array(u8, 19),
};

/** TCGETS: as the kernel has it, with 19 control characters and no speeds. */
export const termios = struct("struct termios", "asm/termbits.h", termiosFields);

/** TCGETS2 */
export const termios2 = struct("struct termios2", "asm/termbits.h", {
  ...termiosFields,
  c_ispeed: u32,
  c_ospeed: u32,
});

export const winsize = struct("struct winsize", "asm/termios.h", {
  ws_row: u16,
  ws_col: u16,
  ws_xpixel: u16,
  ws_ypixel: u16,
});
