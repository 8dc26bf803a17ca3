// What differs between Linux and the sandbox in the argument sweep, and why. An entry names a call, the pairs
// `native/sandbox` that its vectors may give, and, where that says more, which vectors it means. A pair that is
// found nowhere any more fails the test: then it leaves the list.

export interface Listed {
  readonly call: string;
  /** Outcomes that differ, each as `native/sandbox`, in one line. */
  readonly pairs: string;
  readonly why: string;
  /** The vectors that it is about, by what describe() makes of them; all without it. */
  readonly vectors?: RegExp;
}

const OPEN = "not mended yet";

export const DIFFERENCES: readonly Listed[] = [
  //BEGIN
  { call: "accept", why: OPEN, pairs: "EAGAIN/EFAULT EINVAL/EFAULT ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  {
    call: "accept4",
    why: OPEN,
    pairs: "EAGAIN/EFAULT EBADF/EINVAL EINVAL/EFAULT ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  {
    call: "arch_prctl",
    why: OPEN,
    pairs: "0/EINVAL 1/EINVAL EEXIST/EINVAL EFAULT/EINVAL EOPNOTSUPP/EINVAL EPERM/EINVAL",
  },
  { call: "bind", why: OPEN, pairs: "ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  { call: "capget", why: OPEN, pairs: "EINVAL/EFAULT" },
  { call: "capset", why: OPEN, pairs: "EINVAL/EFAULT" },
  { call: "clock_nanosleep", why: OPEN, pairs: "EINVAL/EFAULT" },
  { call: "clock_settime", why: OPEN, pairs: "EFAULT/EINVAL" },
  { call: "clone", why: OPEN, pairs: "ok/EINVAL" },
  { call: "close", why: OPEN, pairs: "0/exit-92 0/exit-94" },
  {
    call: "connect",
    why: OPEN,
    pairs: "0/ENOENT EFAULT/ENOTSOCK EFAULT/exit-94 EINVAL/ENOTSOCK ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  {
    call: "copy_file_range",
    why: OPEN,
    pairs:
      "0/EINVAL EBADF/EINVAL EBADF/exit-92 EBADF/exit-94 EINVAL/exit-92 EINVAL/exit-94 EISDIR/exit-92 EISDIR/exit-94 EOVERFLOW/EINVAL EXDEV/EINVAL",
  },
  { call: "creat", why: OPEN, pairs: "EISDIR/ENOTDIR" },
  { call: "dup", why: OPEN, pairs: "3/exit-92 3/exit-94" },
  {
    call: "dup2",
    why: OPEN,
    pairs:
      "20/exit-92 20/exit-94 24/exit-94 35/exit-92 35/exit-94 45/exit-92 46/exit-92 47/exit-94 48/exit-94 49/exit-94 EBADF/exit-92 EBADF/exit-94",
  },
  {
    call: "dup3",
    why: OPEN,
    pairs:
      "20/exit-92 20/exit-94 21/exit-94 27/exit-94 45/exit-92 46/exit-92 47/exit-94 48/exit-94 EINVAL/exit-94",
  },
  {
    call: "epoll_ctl",
    why: OPEN,
    pairs:
      "0/ENOENT 0/exit-92 EBADF/EINVAL EBADF/exit-92 EEXIST/0 EFAULT/exit-92 EINVAL/exit-92 EINVAL/exit-94 ENOENT/exit-92 EPERM/exit-94",
  },
  {
    call: "epoll_pwait",
    why: OPEN,
    pairs: "EBADF/EFAULT EBADF/EINVAL EFAULT/exit-92 EINVAL/exit-92 EINVAL/exit-94",
  },
  { call: "epoll_pwait2", why: OPEN, pairs: "EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  { call: "epoll_wait", why: OPEN, pairs: "EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  { call: "execve", why: OPEN, pairs: "EACCES/EFAULT ENOENT/EFAULT" },
  {
    call: "execveat",
    why: OPEN,
    pairs:
      "EACCES/EFAULT EBADF/EFAULT EFAULT/EINVAL ENOENT/EFAULT ENOTDIR/EFAULT ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  { call: "faccessat", why: OPEN, pairs: "EINVAL/exit-94 ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "faccessat2", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "fadvise64", why: OPEN, pairs: "0/ESPIPE 0/exit-92 0/exit-94" },
  {
    call: "fallocate",
    why: OPEN,
    pairs: "ENODEV/exit-92 ENODEV/exit-94 EOPNOTSUPP/EFBIG EOPNOTSUPP/EINVAL EOPNOTSUPP/ENODEV",
  },
  { call: "fchdir", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  {
    call: "fchmod",
    why: OPEN,
    pairs: "0/exit-92 EOPNOTSUPP/0 EPERM/exit-92 EROFS/0 EROFS/EPERM EROFS/exit-94",
  },
  { call: "fchmodat", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "fchmodat2", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  {
    call: "fchown",
    why: OPEN,
    pairs: "0/EPERM 0/exit-92 EOPNOTSUPP/0 EOPNOTSUPP/EPERM EROFS/0 EROFS/EPERM EROFS/exit-94",
  },
  { call: "fchownat", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  {
    call: "fcntl",
    why: OPEN,
    pairs:
      "0/2048 0/EBADF 0/EINVAL 0/ESRCH 0/exit-92 0/exit-94 1/0 1/2049 1479/0 1479/exit-92 1500/0 2/2050 2/258 2/EINVAL 2/exit-92 2/exit-94 2050/2306 2050/exit-92 3/exit-92 3/exit-94 314370/322562 314370/32770 32770/33794 32770/34818 32770/exit-92 32770/exit-94 34818/exit-92 35842/32770 35842/44034 4096/4194304 4096/65536 40960/32768 40962/32770 EACCES/EINVAL EACCES/exit-92 EACCES/exit-94 EAGAIN/EINVAL EBADF/EINVAL EBADF/exit-92 EBADF/exit-94 EFAULT/EINVAL EFAULT/exit-92 EFAULT/exit-94 EINVAL/0 EINVAL/3 EINVAL/EPERM EINVAL/exit-92 EINVAL/exit-94 ENOTDIR/EINVAL ENOTDIR/exit-92 ENOTDIR/exit-94 EPERM/4194304 EPERM/EINVAL EPERM/exit-92 EPERM/exit-94 ESRCH/exit-92 ESRCH/exit-94",
  },
  { call: "fdatasync", why: OPEN, pairs: "EINVAL/0 EINVAL/exit-92 EINVAL/exit-94" },
  {
    call: "fgetxattr",
    why: OPEN,
    pairs: "EACCES/ENODATA EINVAL/ENODATA ENODATA/EBADF ENODATA/EOPNOTSUPP ENODATA/exit-92 ENODATA/exit-94",
  },
  { call: "flistxattr", why: OPEN, pairs: "0/EFAULT 0/exit-92 0/exit-94 21/0 ERANGE/0 ERANGE/EFAULT" },
  {
    call: "flock",
    why: OPEN,
    pairs: "0/EAGAIN 0/EINVAL 0/exit-92 0/exit-94 EINTR/0 EINVAL/exit-92 EINVAL/exit-94",
  },
  {
    call: "fremovexattr",
    why: OPEN,
    pairs:
      "0/EOPNOTSUPP EACCES/EOPNOTSUPP EACCES/EPERM EAGAIN/EOPNOTSUPP EINVAL/ENODATA EPERM/EACCES EPERM/ENODATA EPERM/EOPNOTSUPP EPERM/exit-92 EROFS/EOPNOTSUPP EROFS/EPERM EROFS/exit-94",
  },
  {
    call: "fsetxattr",
    why: OPEN,
    pairs:
      "0/EBADF E2BIG/exit-92 EACCES/EOPNOTSUPP EACCES/EPERM EFAULT/EACCES EFAULT/EOPNOTSUPP EFAULT/EPERM EFAULT/EROFS EFAULT/exit-94 EINVAL/0 EINVAL/EOPNOTSUPP EINVAL/EPERM EINVAL/exit-92 EPERM/0 EPERM/EACCES EPERM/EOPNOTSUPP EPERM/exit-92 ERANGE/E2BIG EROFS/EOPNOTSUPP EROFS/EPERM EROFS/exit-94",
  },
  { call: "fstat", why: OPEN, pairs: "0/exit-92 0/exit-94 EFAULT/exit-92 EFAULT/exit-94" },
  { call: "fstatfs", why: OPEN, pairs: "0/exit-92 0/exit-94 EFAULT/exit-92 EFAULT/exit-94" },
  { call: "fsync", why: OPEN, pairs: "EINVAL/0 EINVAL/exit-92 EINVAL/exit-94" },
  {
    call: "ftruncate",
    why: OPEN,
    pairs: "EINVAL/0 EINVAL/EISDIR EINVAL/exit-92 EINVAL/exit-94 EOPNOTSUPP/EINVAL",
  },
  {
    call: "futex",
    why: OPEN,
    pairs:
      "0/ok EFAULT/EINVAL EFAULT/ENOSYS EFAULT/ok EINVAL/0 EINVAL/EFAULT EINVAL/ENOSYS ENOSYS/EAGAIN ENOSYS/EFAULT ENOSYS/EINVAL EPERM/EFAULT EPERM/EINVAL",
  },
  {
    call: "futimesat",
    why: OPEN,
    pairs:
      "EFAULT/EBADF EFAULT/ENAMETOOLONG EFAULT/ENOENT EFAULT/ENOTDIR EINVAL/EBADF EINVAL/EFAULT EINVAL/ENOTDIR ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  { call: "get_robust_list", why: OPEN, pairs: "EPERM/0 EPERM/EFAULT" },
  { call: "getdents", why: OPEN, pairs: "ENOTDIR/EBADF ENOTDIR/exit-92 ENOTDIR/exit-94" },
  {
    call: "getdents64",
    why: OPEN,
    pairs: "0/344 0/80 0/EFAULT ENOTDIR/EBADF ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  { call: "getpeername", why: OPEN, pairs: "ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  { call: "getsockname", why: OPEN, pairs: "ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  {
    call: "getsockopt",
    why: OPEN,
    pairs: "0/ENOPROTOOPT EFAULT/ENOPROTOOPT EINVAL/ENOPROTOOPT ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  { call: "getxattr", why: OPEN, pairs: "EINVAL/ENODATA ENODATA/EOPNOTSUPP" },
  { call: "inotify_add_watch", why: OPEN, pairs: "1/2 2/1 EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  { call: "inotify_rm_watch", why: OPEN, pairs: "EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  {
    call: "ioctl",
    why: OPEN,
    pairs:
      "0/EIO 0/ENOTTY 0/exit-92 0/exit-94 3/exit-92 EBADF/exit-92 EBADF/exit-94 EBUSY/3 EBUSY/exit-92 EFAULT/EIO EFAULT/ENOTTY EFAULT/exit-92 EINVAL/ENOTTY EINVAL/exit-92 EINVAL/exit-94 EIO/ENOTTY EIO/exit-92 ENOTTY/EIO ENOTTY/exit-92 ENOTTY/exit-94 EOPNOTSUPP/EINVAL EOPNOTSUPP/exit-92 EOPNOTSUPP/exit-94 EPERM/EIO EPERM/ENOTTY EPERM/exit-92 EROFS/ENOTTY EROFS/exit-94 ESRCH/exit-92 EXDEV/exit-92 signal-1/exit-92",
  },
  { call: "ioprio_set", why: OPEN, pairs: "EPERM/0 EPERM/ESRCH" },
  { call: "kill", why: OPEN, pairs: "ESRCH/0" },
  { call: "lgetxattr", why: OPEN, pairs: "EINVAL/ENODATA ENODATA/EOPNOTSUPP" },
  {
    call: "linkat",
    why: OPEN,
    pairs: "ENOENT/EACCES ENOENT/EXDEV ENOTDIR/exit-92 ENOTDIR/exit-94 EPERM/ENOENT",
  },
  { call: "listen", why: OPEN, pairs: "ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  { call: "listxattr", why: OPEN, pairs: "0/EFAULT" },
  { call: "llistxattr", why: OPEN, pairs: "0/EFAULT" },
  { call: "lremovexattr", why: OPEN, pairs: "0/EOPNOTSUPP EACCES/EOPNOTSUPP EINVAL/ENODATA EPERM/ENODATA" },
  {
    call: "lseek",
    why: OPEN,
    pairs:
      "0/EINVAL 0/exit-94 EBADF/EINVAL EINVAL/EOVERFLOW EINVAL/exit-92 EINVAL/exit-94 ENXIO/EINVAL ESPIPE/exit-92 ok/5000 ok/EOVERFLOW",
  },
  {
    call: "lsetxattr",
    why: OPEN,
    pairs:
      "EFAULT/EACCES EFAULT/ENOENT EFAULT/EOPNOTSUPP EFAULT/EPERM EINVAL/0 EINVAL/EOPNOTSUPP EINVAL/EPERM EPERM/0 ERANGE/E2BIG",
  },
  { call: "madvise", why: OPEN, pairs: "0/EINVAL ENOMEM/EINVAL" },
  { call: "membarrier", why: OPEN, pairs: "0/EINVAL 1023/632 340/80 EPERM/EINVAL" },
  { call: "memfd_create", why: OPEN, pairs: "3/ENOSYS" },
  { call: "mincore", why: OPEN, pairs: "EFAULT/ENOMEM" },
  {
    call: "mkdirat",
    why: OPEN,
    pairs: "ENOENT/EACCES ENOENT/ENOTDIR ENOENT/exit-92 ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  { call: "mknod", why: OPEN, pairs: "0/EPERM EINVAL/0 EINVAL/EEXIST EINVAL/EFAULT EINVAL/ELOOP EPERM/0" },
  {
    call: "mknodat",
    why: OPEN,
    pairs: "EINVAL/0 EINVAL/EBADF ENOENT/EACCES ENOENT/ENOTDIR ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  { call: "mlock", why: OPEN, pairs: "0/ENOMEM 0/hangs" },
  { call: "mlock2", why: OPEN, pairs: "0/ENOMEM" },
  { call: "mlockall", why: OPEN, pairs: "ENOMEM/0" },
  {
    call: "mmap",
    why: OPEN,
    pairs:
      "EBADF/EINVAL EBADF/ENOMEM EINVAL/EOVERFLOW EINVAL/exit-94 ENODEV/exit-92 ENODEV/exit-94 ENOMEM/exit-94 EPERM/EINVAL EPERM/ENODEV EPERM/exit-92 ok/EOVERFLOW ok/exit-92 ok/exit-94",
  },
  {
    call: "mount",
    why: OPEN,
    pairs: "EFAULT/EPERM EINVAL/0 EINVAL/ENAMETOOLONG EINVAL/EPERM EPERM/0 EPERM/ENODEV",
  },
  { call: "mprotect", why: OPEN, pairs: "EINVAL/0 EINVAL/ENOMEM" },
  { call: "mremap", why: OPEN, pairs: "EINVAL/EFAULT EINVAL/ENOMEM EPERM/EINVAL ok/EFAULT" },
  { call: "msgrcv", why: OPEN, pairs: "ENOMSG/EINVAL" },
  { call: "msync", why: OPEN, pairs: "0/ENOMEM" },
  { call: "munlock", why: OPEN, pairs: "0/ENOMEM EINVAL/ENOMEM" },
  {
    call: "name_to_handle_at",
    why: OPEN,
    pairs: "EFAULT/EOPNOTSUPP ENOTDIR/ENOENT ENOTDIR/exit-92 ENOTDIR/exit-94 EOVERFLOW/EOPNOTSUPP",
  },
  { call: "newfstatat", why: OPEN, pairs: "0/EINVAL ENOTDIR/EINVAL ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "open", why: OPEN, pairs: "EINVAL/3 EISDIR/ENOTDIR" },
  {
    call: "open_by_handle_at",
    why: OPEN,
    pairs: "EFAULT/EBADF EFAULT/EPERM EFAULT/ESTALE EFAULT/exit-92 EFAULT/exit-94 EINVAL/EPERM EINVAL/ESTALE",
  },
  { call: "openat", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "openat2", why: OPEN, pairs: "ENOENT/ENOTDIR ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "pidfd_getfd", why: OPEN, pairs: "EBADF/exit-92 EBADF/exit-94 EPERM/3 EPERM/EBADF" },
  { call: "pidfd_open", why: OPEN, pairs: "3/EINVAL" },
  { call: "pidfd_send_signal", why: OPEN, pairs: "EBADF/exit-92 EBADF/exit-94 EINVAL/EFAULT EPERM/EFAULT" },
  { call: "pipe2", why: OPEN, pairs: "ENOPKG/EINVAL" },
  { call: "pkey_alloc", why: OPEN, pairs: "EINVAL/ENOSPC" },
  {
    call: "prctl",
    why: OPEN,
    pairs:
      "0/1 0/EINVAL 2/EINVAL 8/EINVAL EFAULT/EINVAL EINVAL/0 ENODEV/EINVAL ENXIO/EINVAL EPERM/0 EPERM/EINVAL ERANGE/EINVAL signal-31/EINVAL signal-9/0 signal-9/EPERM",
  },
  {
    call: "pread64",
    why: OPEN,
    pairs: "0/exit-94 64/exit-94 EINVAL/0 EINVAL/64 EINVAL/exit-94 ESPIPE/exit-92",
  },
  {
    call: "preadv",
    why: OPEN,
    pairs: "0/exit-94 16/exit-94 5000/EINVAL EINVAL/0 EINVAL/EFAULT ESPIPE/EBADF ESPIPE/exit-92",
  },
  {
    call: "preadv2",
    why: OPEN,
    pairs:
      "0/EOPNOTSUPP 0/exit-94 16/EOPNOTSUPP 16/exit-94 5000/EINVAL EINVAL/0 EINVAL/EFAULT EINVAL/EOPNOTSUPP EOPNOTSUPP/16 ESPIPE/EBADF ESPIPE/exit-92",
  },
  { call: "prlimit64", why: OPEN, pairs: "EFAULT/ESRCH EPERM/0 EPERM/EFAULT" },
  {
    call: "pwrite64",
    why: OPEN,
    pairs: "64/EFAULT 64/exit-94 EINVAL/64 EINVAL/EFBIG EINVAL/exit-94 ESPIPE/EBADF ESPIPE/exit-92",
  },
  {
    call: "pwritev",
    why: OPEN,
    pairs: "16/exit-94 65536/EINVAL EINVAL/EFBIG EINVAL/exit-94 ESPIPE/EBADF ESPIPE/exit-92",
  },
  {
    call: "pwritev2",
    why: OPEN,
    pairs:
      "0/EOPNOTSUPP 16/exit-94 65536/EINVAL EINVAL/16 EINVAL/EFBIG EINVAL/EOPNOTSUPP EOPNOTSUPP/16 EOPNOTSUPP/exit-94 ESPIPE/EBADF ESPIPE/exit-92",
  },
  { call: "read", why: OPEN, pairs: "0/exit-94 64/exit-94 EAGAIN/exit-92 EFAULT/exit-94 EINVAL/EFAULT" },
  { call: "readahead", why: OPEN, pairs: "EINVAL/0 EINVAL/exit-92 EINVAL/exit-94" },
  { call: "readlinkat", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  {
    call: "readv",
    why: OPEN,
    pairs:
      "0/1 0/16 0/EFAULT 0/exit-92 0/exit-94 16/exit-94 4984/EINVAL EAGAIN/exit-92 EINVAL/EFAULT EINVAL/exit-92 EINVAL/exit-94",
  },
  {
    call: "recvfrom",
    why: OPEN,
    pairs: "EAGAIN/EFAULT EAGAIN/EINVAL EINVAL/EFAULT EINVAL/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  {
    call: "recvmmsg",
    why: OPEN,
    pairs:
      "EINVAL/EAGAIN EINVAL/EFAULT EINVAL/EMSGSIZE EINVAL/ENOTSOCK EINVAL/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  {
    call: "recvmsg",
    why: OPEN,
    pairs: "EINVAL/EAGAIN EINVAL/EMSGSIZE EINVAL/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  { call: "removexattr", why: OPEN, pairs: "0/EOPNOTSUPP EINVAL/ENODATA EPERM/ENODATA" },
  { call: "rename", why: OPEN, pairs: "EBUSY/ENAMETOOLONG ENOTDIR/EFAULT" },
  {
    call: "renameat",
    why: OPEN,
    pairs: "ENOENT/ENAMETOOLONG ENOTDIR/EFAULT ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  {
    call: "renameat2",
    why: OPEN,
    pairs:
      "0/EINVAL EBADF/EFAULT EFAULT/EINVAL EINVAL/exit-94 ENOENT/EFAULT ENOENT/ENOTDIR ENOTDIR/EINVAL ENOTDIR/exit-92 ENOTDIR/exit-94 EXDEV/EINVAL",
  },
  { call: "rt_sigpending", why: OPEN, pairs: "0/EFAULT" },
  { call: "rt_sigqueueinfo", why: OPEN, pairs: "0/EFAULT EPERM/EFAULT" },
  { call: "rt_tgsigqueueinfo", why: OPEN, pairs: "0/EFAULT EINVAL/EFAULT ESRCH/0 ESRCH/EFAULT ESRCH/EPERM" },
  { call: "sched_getaffinity", why: OPEN, pairs: "32/8 EINVAL/8 EINVAL/ESRCH" },
  { call: "sched_getattr", why: OPEN, pairs: "EFAULT/0" },
  { call: "sched_setaffinity", why: OPEN, pairs: "EFAULT/0 EFAULT/EINVAL EFAULT/ESRCH" },
  { call: "sched_setparam", why: OPEN, pairs: "EINVAL/EFAULT EINVAL/EPERM" },
  { call: "sched_setscheduler", why: OPEN, pairs: "EINVAL/EFAULT EINVAL/EPERM EPERM/0" },
  {
    call: "sendfile",
    why: OPEN,
    pairs:
      "5000/exit-92 64/exit-92 64/exit-94 EAGAIN/EINVAL EAGAIN/exit-92 EBADF/exit-92 EBADF/exit-94 EFAULT/EBADF EFAULT/ENOSPC EINVAL/0 EINVAL/4999 EINVAL/5000 EINVAL/64 EINVAL/EBADF EINVAL/EISDIR EINVAL/ENOSPC EINVAL/ENOTCONN EINVAL/EPERM EINVAL/exit-92 EINVAL/exit-94 ENOTCONN/exit-94 EPERM/exit-94",
  },
  {
    call: "sendmmsg",
    why: OPEN,
    pairs: "EINVAL/1 EINVAL/EMSGSIZE EINVAL/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  {
    call: "sendmsg",
    why: OPEN,
    pairs:
      "EFAULT/0 EFAULT/ENOTCONN EINVAL/0 EINVAL/EMSGSIZE EINVAL/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94",
  },
  { call: "sendto", why: OPEN, pairs: "16/EOPNOTSUPP ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  { call: "setgroups", why: OPEN, pairs: "EINVAL/0 EINVAL/EFAULT" },
  { call: "setpgid", why: OPEN, pairs: "EINVAL/ESRCH" },
  { call: "setpriority", why: OPEN, pairs: "EACCES/0" },
  { call: "setrlimit", why: OPEN, pairs: "EFAULT/EINVAL EPERM/0" },
  {
    call: "setsockopt",
    why: OPEN,
    pairs:
      "0/EFAULT 0/EINVAL 0/ENOPROTOOPT 0/EPERM EACCES/0 EACCES/EPERM EBADF/ENOPROTOOPT EINVAL/ENOPROTOOPT ENODEV/EINVAL ENODEV/ENOPROTOOPT ENOTSOCK/exit-92 ENOTSOCK/exit-94 EPERM/0 EPERM/EINVAL EPERM/ENOENT EPERM/ENOPROTOOPT",
  },
  { call: "settimeofday", why: OPEN, pairs: "EFAULT/EPERM" },
  {
    call: "setxattr",
    why: OPEN,
    pairs:
      "EFAULT/EACCES EFAULT/ENOENT EFAULT/ENOTDIR EFAULT/EOPNOTSUPP EFAULT/EPERM EINVAL/0 EINVAL/EOPNOTSUPP EINVAL/EPERM EPERM/0 ERANGE/E2BIG",
  },
  { call: "shmctl", why: OPEN, pairs: "EINVAL/EFAULT" },
  { call: "shmget", why: OPEN, pairs: "EINVAL/ENOMEM EPERM/ENOMEM" },
  { call: "shutdown", why: OPEN, pairs: "ENOTSOCK/exit-92 ENOTSOCK/exit-94" },
  { call: "sigaltstack", why: OPEN, pairs: "0/ENOMEM EFAULT/ENOMEM" },
  { call: "signalfd", why: OPEN, pairs: "EBADF/EINVAL EFAULT/exit-92 EINVAL/exit-92 EINVAL/exit-94" },
  { call: "signalfd4", why: OPEN, pairs: "EBADF/EINVAL EFAULT/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  {
    call: "socketpair",
    why: OPEN,
    pairs: "EFAULT/EAFNOSUPPORT EFAULT/EPROTONOSUPPORT EFAULT/ESOCKTNOSUPPORT",
  },
  {
    call: "splice",
    why: OPEN,
    pairs:
      "64/exit-94 EAGAIN/exit-92 EAGAIN/exit-94 EBADF/exit-92 EBADF/exit-94 EINVAL/0 EINVAL/5000 EINVAL/64 EINVAL/8 EINVAL/EAGAIN EINVAL/EISDIR EINVAL/exit-92 EINVAL/exit-94",
  },
  { call: "statx", why: OPEN, pairs: "ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "symlinkat", why: OPEN, pairs: "ENOENT/EACCES ENOENT/EBADF ENOTDIR/exit-92 ENOTDIR/exit-94" },
  { call: "sync_file_range", why: OPEN, pairs: "EINVAL/exit-92 ESPIPE/0 ESPIPE/exit-92 ESPIPE/exit-94" },
  { call: "syncfs", why: OPEN, pairs: "0/exit-92 0/exit-94" },
  { call: "tee", why: OPEN, pairs: "EINVAL/exit-92 EINVAL/exit-94" },
  { call: "tgkill", why: OPEN, pairs: "ESRCH/0" },
  { call: "timer_create", why: OPEN, pairs: "EFAULT/EINVAL EFAULT/EOPNOTSUPP" },
  { call: "timerfd_create", why: OPEN, pairs: "EPERM/3" },
  { call: "timerfd_gettime", why: OPEN, pairs: "EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  { call: "timerfd_settime", why: OPEN, pairs: "EBADF/EINVAL EINVAL/exit-92 EINVAL/exit-94" },
  { call: "tkill", why: OPEN, pairs: "0/ESRCH" },
  {
    call: "unlinkat",
    why: OPEN,
    pairs: "EINVAL/exit-92 EINVAL/exit-94 ENOENT/ENOTDIR ENOTDIR/exit-92 ENOTDIR/exit-94 EROFS/ENOENT",
  },
  { call: "unshare", why: OPEN, pairs: "0/EINVAL EINVAL/0 EPERM/EINVAL" },
  {
    call: "utimensat",
    why: OPEN,
    pairs:
      "0/ENOTDIR EFAULT/0 EFAULT/EBADF EFAULT/EINVAL EFAULT/ENOTDIR EINVAL/EBADF ENOTDIR/exit-92 ENOTDIR/exit-94",
  },
  {
    call: "utimes",
    why: OPEN,
    pairs:
      "EFAULT/EACCES EFAULT/ELOOP EFAULT/ENAMETOOLONG EFAULT/ENOENT EINVAL/EFAULT EINVAL/ELOOP EINVAL/ENAMETOOLONG EINVAL/ENOENT EINVAL/ENOTDIR",
  },
  {
    call: "vmsplice",
    why: OPEN,
    pairs:
      "0/EINVAL 1/EFAULT 65536/EINVAL EBADF/exit-92 EBADF/exit-94 EFAULT/EBADF EFAULT/exit-92 EINVAL/EBADF",
  },
  { call: "waitid", why: OPEN, pairs: "EFAULT/ECHILD EFAULT/EINVAL" },
  { call: "write", why: OPEN, pairs: "64/exit-92 64/exit-94 8/64 EINVAL/EFAULT" },
  {
    call: "writev",
    why: OPEN,
    pairs:
      "0/exit-92 16/exit-92 16/exit-94 65536/EINVAL EFAULT/exit-92 EFAULT/exit-94 EINVAL/EFAULT EINVAL/exit-92",
  },
  //END
];
