// Which features of the kernel stand: guest programs that need others are skipped. A feature joins
// this list in the change that completes it.

export const FEATURES: ReadonlySet<string> = new Set([
  "streams", // read, write and their vectors on descriptors 0-2
  "memory", // brk, anonymous mmap, munmap, mprotect, mremap, madvise
  "clocks", // clocks, time, sleeps
  "identity", // ids, uname, prctl, getrandom, sysinfo
  "rlimits", // getrlimit, setrlimit, prlimit64
  "faults", // a fault ends the process with the signal that Linux sends
  "tasks", // fork, exec, wait, signals
  "pipes", // pipe, pipe2, their ends
]);
