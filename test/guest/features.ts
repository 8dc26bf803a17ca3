// Which features of the kernel stand: guest programs that need others are skipped. A feature joins
// this list in the change that completes it.

export const FEATURES: ReadonlySet<string> = new Set([
  "ip_tables", // rules of iptables; where native Linux has them (NATIVE_FEATURES)
  "streams", // read, write and their vectors on descriptors 0-2
  "memory", // brk, anonymous mmap, munmap, mprotect, mremap, madvise
  "shared-memory", // MAP_SHARED, between processes too
  "mlock", // mlock, munlock, their limits
  "clocks", // clocks, time, sleeps
  "identity", // ids, uname, prctl, getrandom, sysinfo
  "rlimits", // getrlimit, setrlimit, prlimit64
  "faults", // a fault ends the process with the signal that Linux sends
  "tasks", // fork, exec, wait, signals together
  "fork", // fork, vfork, wait, exit
  "exec", // execve of every kind of file
  "signals", // handlers, masks, queues, stops
  "futex", // wait, wake, requeue, bitset, wake_op
  "threads", // clone with CLONE_THREAD
  "files", // open, read, stat, directories, descriptors
  "ptys", // pseudo-terminals
  "scheduler", // policies, priorities, affinity, personality
  "credentials", // set*id, capabilities
  "proc", // proc and sysfs
  "pipes", // pipe, pipe2, their ends
  "poll", // poll, select and their relatives
  "events", // epoll, eventfd, timerfd, signalfd
  "timers", // interval timers, POSIX timers, CPU time
  "locks", // record locks, flock
  "sockets", // AF_UNIX, AF_NETLINK, datagrams of AF_INET and AF_INET6
  "tcp", // streams of AF_INET and AF_INET6
  "inotify", // events of files
  "pidfd", // descriptors of processes
  "memfd", // memfd_create, seals
  "sysv", // System V shared memory, semaphores and message queues
  "mounts", // mount, umount, pivot_root, mount namespaces
]);

/** What the host's Linux may lack, and the file that says that it is there. */
export const NATIVE_FEATURES: ReadonlyMap<string, string> = new Map([
  ["ip_tables", "/proc/net/ip_tables_names"],
]);
