// What can be traced (docs/traces.md): points by name, the system calls that each is about, and the fields of its events.
// A number never means something else: it is what stands in a message's header.

export interface Point {
  readonly name: string;
  readonly number: number;
  readonly describe: string;
  /** Calls that it tells of; none: it comes of something else. */
  readonly calls: readonly string[];
  /** Fields of its own, with what each is. */
  readonly fields: Readonly<Record<string, string>>;
  /** Of those, such as are told to whoever names them alone. */
  readonly optional?: readonly string[];
}

const RESULT = {
  call: "name of the system call",
  result: "what the call gave, as a number; a negative one is an errno",
  error: "that errno's name, where it failed",
} as const;

const ADDRESS = {
  fd: "descriptor",
  family: "AF_INET, AF_INET6, AF_UNIX, ...",
  address:
    "of the internet's families: the address as text; of AF_UNIX: the name, @ in front of an abstract one",
  port: "of the internet's families",
} as const;

/** Of every event, whatever its point; `context` of a session names those that are wanted. */
export const CONTEXT_FIELDS = {
  time: "CLOCK_REALTIME in nanoseconds, as a decimal string",
  sandbox: "id of the sandbox; absent of `do`",
  container: "id of the container; absent where there is none",
  pid: "process, as its own PID namespace numbers it",
  tid: "thread, likewise",
  sandboxPid: "process, as the sandbox's first PID namespace numbers it, and logs do",
  sandboxTid: "thread, likewise",
  comm: "name of the thread (/proc/PID/comm)",
  group: "name of the process: that of its first thread",
  uid: "real user id",
  euid: "effective user id",
  gid: "real group id",
  egid: "effective group id",
} as const;

export type ContextField = keyof typeof CONTEXT_FIELDS;

export const POINTS: readonly Point[] = [
  {
    name: "clone",
    number: 1,
    describe: "a process or thread is made, or is refused",
    calls: ["clone", "fork", "vfork", "clone3"],
    fields: {
      ...RESULT,
      childPid: "process of the child, as the caller numbers it",
      childTid: "its thread, likewise",
      childSandboxPid: "its process in the sandbox's first PID namespace",
      isThread: "whether it is a thread of the same process",
    },
  },
  {
    name: "exec",
    number: 2,
    describe: "a program is executed, or is refused; pid and credentials are those that it has then",
    calls: ["execve", "execveat"],
    fields: {
      ...RESULT,
      path: "file of the program, as the container sees it; what was asked for, of a failure",
      argv: "its arguments, as far as there is room; absent, as what follows, of a failure",
      argc: "how many there are",
      envp: "its environment, as far as there is room",
      cwd: "working directory",
    },
    optional: ["envp", "cwd"],
  },
  {
    name: "exit",
    number: 3,
    describe: "a thread ends, or with isGroup a process",
    calls: [],
    fields: {
      status: "wait status (wait(2))",
      code: "exit code, where it has exited",
      signal: "name of the signal that has killed it, where one has",
      isGroup: "whether that was the process",
    },
  },
  {
    name: "open",
    number: 4,
    describe: "a file is opened, or not",
    calls: ["open", "openat", "openat2", "creat", "open_by_handle_at"],
    fields: {
      ...RESULT,
      path: "where the file is, symbolic links resolved; of a failure what was asked for, made absolute",
      given: "the path as the program gave it",
      flags: "O_ flags, as a number",
      flagNames: "their names",
      mode: "permissions of what it makes",
    },
  },
  {
    name: "connect",
    number: 5,
    describe: "a socket is connected, or not",
    calls: ["connect"],
    fields: { ...RESULT, ...ADDRESS },
  },
  {
    name: "accept",
    number: 6,
    describe: "a connection is accepted, or not; the address is the peer's",
    calls: ["accept", "accept4"],
    fields: { ...RESULT, ...ADDRESS },
  },
  {
    name: "bind",
    number: 7,
    describe: "a socket is given a name, or not",
    calls: ["bind"],
    fields: { ...RESULT, ...ADDRESS },
  },
  {
    name: "credentials",
    number: 8,
    describe: "a process changes who it is",
    calls: [
      "setuid",
      "setgid",
      "setreuid",
      "setregid",
      "setresuid",
      "setresgid",
      "setfsuid",
      "setfsgid",
      "setgroups",
      "capset",
    ],
    fields: {
      ...RESULT,
      before:
        "uid, euid, suid, fsuid, gid, egid, sgid, fsgid, groups (the first 64; groupCount says how many there are, if more), and effective capabilities as 16 hex digits",
      after: "the same, behind the call",
    },
  },
  {
    name: "ptrace",
    number: 9,
    describe: "a process looks into another",
    calls: ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"],
    fields: {
      ...RESULT,
      request: "of ptrace: PTRACE_, as a number",
      target: "process that is meant (of pidfd_getfd: its descriptor)",
    },
  },
  {
    name: "mount",
    number: 10,
    describe: "mounts or roots are changed, or not",
    calls: [
      "mount",
      "umount2",
      "pivot_root",
      "chroot",
      "open_tree",
      "move_mount",
      "fsopen",
      "fsconfig",
      "fsmount",
      "fspick",
      "mount_setattr",
    ],
    fields: {
      ...RESULT,
      source: "what is mounted; of pivot_root: the new root",
      target: "where; of pivot_root: the place of the old root",
      flags: "flags, as a number, where the call has them",
    },
  },
  {
    name: "module",
    number: 11,
    describe: "the kernel itself was to be changed or looked into, which is refused",
    calls: [
      "init_module",
      "finit_module",
      "delete_module",
      "kexec_load",
      "kexec_file_load",
      "bpf",
      "perf_event_open",
      "iopl",
      "ioperm",
      "reboot",
      "swapon",
      "swapoff",
      "acct",
      "quotactl",
      "add_key",
      "request_key",
      "keyctl",
      "userfaultfd",
      "io_uring_setup",
    ],
    fields: { ...RESULT, args: "the six argument registers, in hex" },
  },
  {
    name: "container_start",
    number: 12,
    describe: "the first program of a container starts, or that of `do`, or a further one (`exec`)",
    calls: [],
    fields: {
      argv: "its arguments, as far as there is room",
      argc: "how many there are",
      cwd: "working directory",
      isFirst: "whether it is the container's first",
    },
  },
  {
    name: "container_end",
    number: 13,
    describe: "the first program of a container has ended, and with it the container",
    calls: [],
    fields: { status: "wait status (wait(2))" },
  },
  {
    name: "enter",
    number: 14,
    describe: "any system call, before it is served (syscall/NAME/enter)",
    calls: [],
    fields: { call: RESULT.call, nr: "its number", args: "the six argument registers, in hex" },
  },
  {
    name: "leave",
    number: 15,
    describe: "any system call, with its result (syscall/NAME/exit)",
    calls: [],
    fields: {
      ...RESULT,
      nr: "its number",
      args: "the six argument registers, in hex",
      text: "the call as --strace shows it",
    },
    optional: ["text"],
  },
];

/** What the stream says of itself: numbers of messages that are no events. */
export const HELLO = 0x100;
export const LOST = 0x101;

const byName = new Map(POINTS.map((point) => [point.name, point]));

export function pointNamed(name: string): Point | undefined {
  return byName.get(name);
}

/** Throws: a slip in our own code. */
export function point(name: string): Point {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no point named ${name}`);
  return found;
}
