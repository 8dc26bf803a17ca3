// Calls that kernel thread 0 does not see each time: those that a stub answers by itself (native/stub/stub_local.c), and
// those that stubs post to other threads. Who is to see all calls of a task has it make none of them that way.

export const ANSWERED_BY_STUBS = [
  "getpid",
  "gettid",
  "getuid",
  "getgid",
  "geteuid",
  "getegid",
  "gettimeofday",
  "time",
  "clock_gettime",
  "clock_getres",
  "getcpu",
  "sched_yield",
  "futex",
  "nanosleep",
  "clock_nanosleep",
  "set_robust_list",
  "rseq",
];

/** Of the calls on sockets those that depend on nothing but the socket. */
export const POSTED_TO_NET = [
  "read",
  "write",
  "readv",
  "writev",
  "sendto",
  "recvfrom",
  "sendmsg",
  "recvmsg",
  "sendmmsg",
  "recvmmsg",
  "bind",
  "connect",
  "listen",
  "shutdown",
  "getsockname",
  "getpeername",
  "setsockopt",
  "getsockopt",
];

/** Of the calls on files those that move bytes, or the position. */
export const POSTED_TO_MOVERS = [
  "read",
  "readv",
  "write",
  "writev",
  "pread64",
  "preadv",
  "pwrite64",
  "pwritev",
  "lseek",
];

const POSTED: ReadonlySet<string> = new Set([...POSTED_TO_NET, ...POSTED_TO_MOVERS]);

/** Whether a stub looks up whom it is to ring for a call's descriptor. */
export function isPosted(name: string): boolean {
  return POSTED.has(name);
}
