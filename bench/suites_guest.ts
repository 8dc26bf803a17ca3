// The suites of guest programs: which rows each program prints, and the goals of these rows.

import { runCommand } from "./command.ts";
import type { Goal } from "./goals.ts";
import { atMost, fasterThanRunsc, on, timesNative, timesRunsc } from "./goals.ts";
import { parseFigures } from "./output.ts";
import type { Row, Subject, Suite } from "./subject.ts";

/** What a sandbox's start and the loops of a program may take beside their budget. */
const DEADLINE_MS = 60_000;
/** A loop runs for its budget and for what finds its count; a slow operation runs once a batch all the same. */
const BUDGETS_PER_ROW = 10;

function guestProgram(name: string, rows: readonly Row[], inPlace = false): Subject {
  return {
    rows,
    async measure(way, place, names) {
      const { budgetMs } = place.effort;
      const argv = [place.program(name), String(budgetMs), place.files(), ...names];
      const deadlineMs = DEADLINE_MS + names.length * budgetMs * BUDGETS_PER_ROW;
      const { stdout } = await runCommand(way.run(argv, place, inPlace), { deadlineMs });
      return parseFigures(stdout, names);
    },
  };
}

const US = 1000;
/** A call that is not patched. */
const TRAPPED: Goal[] = [atMost(1.5 * US)];
const ROUND_TRIP: Goal[] = [timesNative(3), timesRunsc(1)];

export const SYSCALL: Suite = {
  name: "syscall",
  describe: "calls that do next to nothing",
  subjects: [
    guestProgram("syscall", [
      {
        name: "getppid",
        label: "getppid",
        goals: [
          atMost(350),
          fasterThanRunsc(4),
          on("systrap:patch=off", atMost(1.5 * US)),
          on("ptrace", atMost(8 * US)),
          on("ptrace", { atMost: 1 / 7, against: "runsc:platform=ptrace" }),
        ],
      },
      { name: "getppid_generic", label: "getppid by syscall(3)" },
      { name: "getppid_generated", label: "getppid from generated code", goals: TRAPPED },
      { name: "getpid", label: "getpid", goals: [atMost(20)] },
      { name: "gettid", label: "gettid", goals: [atMost(20)] },
      { name: "getuid", label: "getuid" },
      { name: "clock_gettime", label: "clock_gettime", goals: [atMost(20)] },
      { name: "clock_call", label: "clock_gettime by the call" },
      { name: "sched_yield", label: "sched_yield" },
      { name: "sigprocmask", label: "sigprocmask" },
      { name: "futex_wake", label: "private futex: wake of nobody", goals: [timesNative(1.8)] },
      { name: "futex_wait", label: "private futex: wait on another value", goals: [timesNative(1.8)] },
      // The same instructions, without a call: equal, but for what measuring cannot tell apart.
      { name: "lock", label: "uncontended lock + unlock", goals: [timesNative(1.1)] },
      { name: "poll", label: "poll of a pipe that is ready" },
      { name: "epoll_wait", label: "epoll_wait, one ready" },
    ]),
  ],
};

export const FILE: Suite = {
  name: "file",
  describe: "files of the host that are read and written, files in the sandbox's layer, pipes",
  subjects: [
    guestProgram("file", [
      { name: "pread_1", label: "pread 1 B", goals: [atMost(0.9 * US), fasterThanRunsc(5)] },
      { name: "pread_4k", label: "pread 4 KiB", goals: [atMost(1.8 * US)] },
      { name: "pread_64k", label: "pread 64 KiB", goals: [timesNative(1.5)] },
      { name: "pread_1m", label: "pread 1 MiB" },
      { name: "lseek", label: "lseek" },
      { name: "fstat", label: "fstat" },
      { name: "stat", label: "stat of 3 components", goals: [atMost(US), fasterThanRunsc(3)] },
      { name: "stat_missing", label: "stat of a name that is not there" },
      { name: "open_close", label: "open + close", goals: [atMost(3 * US), fasterThanRunsc(3)] },
      { name: "getdents", label: "listing of 1000 names" },
      { name: "pwrite_4k", label: "pwrite 4 KiB, sandbox's layer" },
      { name: "pwrite_64k", label: "pwrite 64 KiB, sandbox's layer" },
      { name: "create_unlink", label: "create + unlink, sandbox's layer" },
      { name: "pipe", label: "pipe write + read of 1 B", goals: [atMost(1.5 * US), fasterThanRunsc(4)] },
      { name: "pipe_64k", label: "pipe write + read of 64 KiB" },
    ]),
    // Each by itself: a sandbox that has not the one may have the others.
    guestProgram("bulk", [{ name: "mq", label: "mq_send + mq_receive, 64 B" }]),
    guestProgram("bulk", [{ name: "aio", label: "io_submit + io_getevents, 4 KiB read" }]),
    guestProgram("bulk", [{ name: "process_vm", label: "process_vm_readv, 4 KiB" }]),
    guestProgram(
      "host_file",
      [
        { name: "host_pwrite_4k", label: "pwrite 4 KiB, host file" },
        { name: "host_fsync", label: "pwrite 4 KiB + fsync, host file" },
      ],
      true,
    ),
  ],
};

export const PROCESS: Suite = {
  name: "process",
  describe: "processes, threads, signals, round trips",
  subjects: [
    guestProgram("process", [
      { name: "fork", label: "fork + exit + wait", goals: [atMost(250 * US), fasterThanRunsc(4)] },
      { name: "fork_50mb", label: "fork + exit + wait, 50 MB touched", goals: [atMost(1500 * US)] },
      { name: "fork_exec", label: "fork + exec + wait, static", goals: [fasterThanRunsc(3)] },
      { name: "spawn", label: "posix_spawn + wait, static" },
      { name: "thread", label: "thread create + join" },
      { name: "signal_handler", label: "signal to oneself, handled" },
      { name: "trip_unix", label: "round trip, processes, unix stream", goals: ROUND_TRIP },
      { name: "trip_pipe", label: "round trip, processes, pipes", goals: ROUND_TRIP },
      { name: "trip_unix_epoll", label: "round trip, processes, unix + epoll", goals: ROUND_TRIP },
      { name: "trip_futex", label: "round trip, threads, futex", goals: ROUND_TRIP },
      { name: "trip_signal", label: "round trip, processes, sigwait" },
    ]),
  ],
};

export const MEMORY: Suite = {
  name: "memory",
  describe: "mappings and faults",
  subjects: [
    guestProgram("memory", [
      { name: "mmap_touch", label: "mmap + touch + munmap, 64 KiB", goals: [fasterThanRunsc(4)] },
      { name: "mmap", label: "mmap + munmap, 64 KiB" },
      { name: "mmap_file", label: "mmap + read + munmap, 64 KiB of a host file" },
      { name: "fault", label: "page fault, anonymous" },
      { name: "mprotect", label: "mprotect, there and back" },
      { name: "fault_handled", label: "mprotect + SIGSEGV handled by mprotect" },
      { name: "brk", label: "brk up + touch + down, 64 KiB" },
    ]),
  ],
};

const HALF_OF_RUNSC: Goal[] = [fasterThanRunsc(2)];

export const NET: Suite = {
  name: "net",
  describe: "TCP and UDP on loopback",
  subjects: [
    guestProgram("net", [
      { name: "tcp_trip", label: "round trip, processes, TCP", goals: HALF_OF_RUNSC },
      { name: "tcp6_trip", label: "round trip, processes, TCP over IPv6", goals: HALF_OF_RUNSC },
      { name: "tcp_trip_epoll", label: "round trip, processes, TCP + epoll", goals: HALF_OF_RUNSC },
      { name: "udp_trip", label: "round trip, processes, UDP", goals: HALF_OF_RUNSC },
      { name: "tcp_byte", label: "TCP write + read of 1 B", goals: HALF_OF_RUNSC },
      { name: "udp_byte", label: "UDP write + read of 1 B", goals: HALF_OF_RUNSC },
      { name: "tcp_bulk", label: "TCP stream, 64 KiB", goals: HALF_OF_RUNSC },
      { name: "tcp6_bulk", label: "TCP stream over IPv6, 64 KiB", goals: HALF_OF_RUNSC },
      { name: "tcp_connect", label: "connect + accept + reset", goals: HALF_OF_RUNSC },
      { name: "tcp_request", label: "connect, a byte each way, close", goals: HALF_OF_RUNSC },
    ]),
  ],
};
