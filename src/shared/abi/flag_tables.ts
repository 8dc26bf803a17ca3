// Names of flags and of values by area, for --strace: which constants an argument is made of. A table
// is at most one field (bits of `mask`, with one name for each value) beside any number of single flags.
// Whoever bundles puts the tables themselves in the place of this file (scripts/bundle.mjs).

import * as fcntl from "./fcntl.ts";
import * as futex from "./futex.ts";
import * as ioctl from "./ioctl.ts";
import * as ipc from "./ipc.ts";
import * as mman from "./mman.ts";
import * as mount from "./mount.ts";
import * as poll from "./poll.ts";
import * as prctl from "./prctl.ts";
import * as resource from "./resource.ts";
import * as sched from "./sched.ts";
import * as signal from "./signal.ts";
import * as socket from "./socket.ts";
import * as stat from "./stat.ts";
import * as time from "./time.ts";
import * as wait from "./wait.ts";

export type Names = Readonly<Record<string, number>>;

export interface FlagNames {
  /** Bits that hold one value. */
  readonly mask: number;
  readonly values: Names;
  readonly flags: Names;
}

/** The constants of a module whose names start with one of the prefixes, by value. */
function pick(module: Names, ...prefixes: string[]): Names {
  return Object.fromEntries(
    Object.entries(module)
      .filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)))
      .sort(([, a], [, b]) => a - b),
  );
}

function only(module: Names, ...names: string[]): Names {
  return Object.fromEntries(names.map((name) => [name, module[name]!]));
}

function without(names: Names, ...removed: string[]): Names {
  return Object.fromEntries(Object.entries(names).filter(([name]) => !removed.includes(name)));
}

/** Any combination of flags; `zero` names the value that has none. */
function flags(names: Names, zero: Names = {}): FlagNames {
  return { mask: 0, values: zero, flags: names };
}

/** One of the values. */
function values(names: Names): FlagNames {
  return { mask: 0xffffffff, values: names, flags: {} };
}

/** A field beside flags. */
function field(mask: number, names: Names, beside: Names): FlagNames {
  return { mask, values: names, flags: beside };
}

const accessModes = only(fcntl, "O_RDONLY", "O_WRONLY", "O_RDWR");
const mapTypes = only(mman, "MAP_SHARED", "MAP_PRIVATE", "MAP_SHARED_VALIDATE", "MAP_DROPPABLE");
const socketFlags = only(socket, "SOCK_NONBLOCK", "SOCK_CLOEXEC");
const socketTypes = without(pick(socket, "SOCK_"), "SOCK_NONBLOCK", "SOCK_CLOEXEC");
const futexFlags = only(futex, "FUTEX_PRIVATE_FLAG", "FUTEX_CLOCK_REALTIME");

export const FLAG_TABLES = {
  // Files
  open: field(
    fcntl.O_ACCMODE,
    accessModes,
    without(pick(fcntl, "O_"), "O_ACCMODE", ...Object.keys(accessModes)),
  ),
  at: flags(
    without(pick(fcntl, "AT_"), "AT_FDCWD", "AT_EACCESS", "AT_STATX_SYNC_TYPE", "AT_STATX_SYNC_AS_STAT"),
  ),
  access: flags(only(fcntl, "R_OK", "W_OK", "X_OK"), only(fcntl, "F_OK")),
  fcntl: values(
    without(
      pick(fcntl, "F_"),
      ...Object.keys(pick(fcntl, "F_SEAL_", "F_OWNER_", "F_OK", "F_RDLCK", "F_WRLCK", "F_UNLCK")),
    ),
  ),
  seal: flags(pick(fcntl, "F_SEAL_")),
  flock: flags(pick(fcntl, "LOCK_")),
  seek: values(pick(fcntl, "SEEK_")),
  rename: flags(pick(fcntl, "RENAME_")),
  closeRange: flags(pick(fcntl, "CLOSE_RANGE_")),
  fallocate: flags(pick(fcntl, "FALLOC_FL_")),
  fadvise: values(pick(fcntl, "POSIX_FADV_")),
  rwf: flags(pick(fcntl, "RWF_")),
  splice: flags(pick(fcntl, "SPLICE_F_")),
  xattr: flags(only(fcntl, "XATTR_CREATE", "XATTR_REPLACE")),
  resolve: flags(pick(fcntl, "RESOLVE_")),
  fileType: values(without(pick(stat, "S_IF"), "S_IFMT")),
  statx: flags(without(pick(stat, "STATX_"), ...Object.keys(pick(stat, "STATX_ATTR_")))),
  memfd: flags(pick(mman, "MFD_")),
  mount: flags(pick(mount, "MS_")),
  umount: flags(pick(mount, "MNT_", "UMOUNT_")),
  ioctl: values(pick(ioctl, "TC", "TIO", "FI", "FS_", "BLK", "SIO")),

  // Readiness
  poll: flags(pick(poll, "POLL")),
  epoll: flags(
    without(pick(poll, "EPOLL"), "EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD", "EPOLL_CLOEXEC"),
  ),
  epollOp: values(pick(poll, "EPOLL_CTL_")),
  eventfd: flags(pick(poll, "EFD_")),
  inotify: flags(without(pick(poll, "IN_"), "IN_CLOEXEC", "IN_NONBLOCK", "IN_ALL_EVENTS")),

  // Memory
  prot: flags(without(pick(mman, "PROT_"), "PROT_NONE"), only(mman, "PROT_NONE")),
  map: field(mman.MAP_TYPE, mapTypes, without(pick(mman, "MAP_"), "MAP_TYPE", ...Object.keys(mapTypes))),
  mremap: flags(pick(mman, "MREMAP_")),
  msync: flags(pick(mman, "MS_")),
  madvise: values(pick(mman, "MADV_")),
  mlockall: flags(pick(mman, "MCL_")),
  membarrier: values(pick(mman, "MEMBARRIER_")),

  // Tasks
  clone: field(
    sched.CSIGNAL,
    only(signal, "SIGCHLD"),
    without(pick(sched, "CLONE_"), ...Object.keys(pick(sched, "CLONE_ARGS_"))),
  ),
  wait: flags(pick(wait, "W", "__W")),
  idtype: values(pick(wait, "P_")),
  sigmask: values(only(signal, "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK")),
  sigaction: flags(pick(signal, "SA_")),
  sigaltstack: flags(only(signal, "SS_ONSTACK", "SS_DISABLE", "SS_AUTODISARM")),
  sigevent: values(pick(signal, "SIGEV_")),
  futex: field(futex.FUTEX_CMD_MASK & 0xffff, futexOperations(), futexFlags),
  sched: values(pick(sched, "SCHED_")),
  rlimit: values(pick(resource, "RLIMIT_")),
  rusage: values(pick(resource, "RUSAGE_")),
  priority: values(pick(resource, "PRIO_")),
  prctl: values(without(pick(prctl, "PR_"), ...Object.keys(pick(prctl, "PR_CAP_AMBIENT_", "PR_SET_VMA_")))),
  archPrctl: values(pick(prctl, "ARCH_")),
  ptrace: values(pick(prctl, "PTRACE_")),

  // Time
  clock: values(pick(time, "CLOCK_")),
  timer: flags(only(time, "TIMER_ABSTIME")),
  timerfd: flags(only(time, "TFD_TIMER_ABSTIME", "TFD_TIMER_CANCEL_ON_SET")),
  itimer: values(pick(time, "ITIMER_")),

  // IPC, sockets, random numbers
  ipc: flags(only(ipc, "IPC_CREAT", "IPC_EXCL", "IPC_NOWAIT")),
  shmget: flags(only(ipc, "IPC_CREAT", "IPC_EXCL", "SHM_HUGETLB", "SHM_NORESERVE")),
  shmCommand: values(
    only(
      ipc,
      ...["IPC_RMID", "IPC_SET", "IPC_STAT", "IPC_INFO"],
      ...["SHM_LOCK", "SHM_UNLOCK", "SHM_STAT", "SHM_INFO", "SHM_STAT_ANY"],
    ),
  ),
  semCommand: values(
    only(
      ipc,
      ...["IPC_RMID", "IPC_SET", "IPC_STAT", "IPC_INFO", "SEM_STAT", "SEM_INFO", "SEM_STAT_ANY"],
      ...["GETPID", "GETVAL", "GETALL", "GETNCNT", "GETZCNT", "SETVAL", "SETALL"],
    ),
  ),
  msgCommand: values(
    only(ipc, ...["IPC_RMID", "IPC_SET", "IPC_STAT", "IPC_INFO", "MSG_STAT", "MSG_INFO", "MSG_STAT_ANY"]),
  ),
  msgrcv: flags(only(ipc, "IPC_NOWAIT", "MSG_NOERROR", "MSG_EXCEPT", "MSG_COPY")),
  shmat: flags(only(ipc, "SHM_RDONLY", "SHM_RND", "SHM_REMAP", "SHM_EXEC")),
  getrandom: flags(pick(ipc, "GRND_")),
  addressFamily: values(pick(socket, "AF_")),
  socketType: field(0xf, socketTypes, socketFlags),
  socketFlags: flags(socketFlags),
  // 1 is the level of all sockets, ICMP has none.
  socketLevel: values(without(pick(socket, "SOL_", "IPPROTO_"), "IPPROTO_ICMP")),
  msg: flags(pick(socket, "MSG_")),
  shutdown: values(pick(socket, "SHUT_")),
} satisfies Record<string, FlagNames>;

export type FlagTable = keyof typeof FLAG_TABLES;

function futexOperations(): Names {
  const names = pick(futex, "FUTEX_");
  return Object.fromEntries(
    Object.entries(names).filter(
      ([name, value]) =>
        value <= futex.FUTEX_LOCK_PI2 && !/_(OP|FLAG|MASK|SIZE)_|FUTEX_OP|FUTEX2|WAITV/.test(name),
    ),
  );
}
