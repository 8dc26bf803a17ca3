// What the sweep must know of single calls beyond the system call table: an ordinary use to deviate from,
// further values for an argument, whole products of two arguments, and what must not be tried. A call that
// is not here is swept all the same, with what its arguments' kinds suggest.

import { FLAG_TABLES } from "../../src/shared/abi/flag_tables.ts";
import * as ioctl from "../../src/shared/abi/ioctl.ts";
import * as prctl from "../../src/shared/abi/prctl.ts";
import { FILES, numbers, SOCKETS, text } from "./values.ts";

export interface CallSweep {
  /** Arguments by position; null for what the kind suggests. */
  readonly base?: readonly (string | null)[];
  /** More to deviate to, by position. */
  readonly more?: Readonly<Record<number, readonly string[]>>;
  /** Instead of what the kind suggests, by position. */
  readonly only?: Readonly<Record<number, readonly string[]>>;
  /** All combinations of these, the other arguments as in the base. */
  readonly products?: readonly Readonly<Record<number, readonly string[]>>[];
  /** A success changes nothing that later vectors see. */
  readonly harmless?: boolean;
  /** Not beside other calls: it is about what the whole system has. */
  readonly alone?: boolean;
  /** In a mount namespace of its own. */
  readonly apart?: boolean;
  /** Vectors that must not be performed. */
  readonly never?: (words: readonly string[]) => boolean;
}

const harmless = { harmless: true } as const;
const named = (table: keyof typeof FLAG_TABLES) => {
  const { values, flags } = FLAG_TABLES[table] as {
    values: Record<string, number>;
    flags: Record<string, number>;
  };
  return [...Object.values(values), ...Object.values(flags)].map(String);
};
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index));

const iov = "$[&rw]1000000000000000";
const iovs = [
  "$[&rw]0000000000000080",
  "$[&rw]ffffffffffffff7f",
  "$[&rw]00000080ffffffff",
  "$[0]1000000000000000",
  "$[&unmapped]1000000000000000",
  "$[&kernel]1000000000000000",
  "$[&edge]1000000000000000",
  "$[&unmapped]0000000000000000",
];
const vector = { base: [null, iov, "1"], more: { 1: iovs, 2: ["3", "1024", "1025"] } } as const;
const PIDS = ["0", "-1", "-2", "^self", "^child", "^dead", "99999", "-99999", "2147483647", "-2147483648"];
const IDS = ["0", "-1", "-2", "1", "99999", "2147483647", "-2147483648"];
const TIMES = [
  numbers(8, 0, 0),
  numbers(8, 0, 1),
  numbers(8, -1, 0),
  numbers(8, 0, -1),
  numbers(8, 0, 1_000_000),
  numbers(8, 0, 1_000_000_000),
];
const NOW = numbers(8, 0, 0);
const TIMERS = [
  [0, 0, 0, 0],
  [0, 0, 1000, 0],
  [0, 1_000_000, 1000, 0],
  [0, -1, 1000, 0],
  [-1, 0, 0, 0],
  [0, 0, -1, 0],
].map((four) => numbers(8, ...four));
const BAD_TIMERS = [numbers(8, 0, 0, 1000, 1_000_000_000), numbers(8, 0, 1_000_000_000, 1000, 0)];
const msg = (...words: string[]) =>
  `$${words.map((word) => (/^[&@]/.test(word) ? `[${word}]` : numbers(8, BigInt(word)).slice(1))).join("")}`;
const header = msg("0", "0", "&rw", "0", "0", "0", "0");
const headers = [
  msg("0", "128", "&rw", "0", "0", "0", "0"),
  msg("0", "-1", "&rw", "0", "0", "0", "0"),
  msg("&rw", "-1", "&rw", "0", "0", "0", "0"),
  msg("&rw", "16", "&rw", "1", "0", "0", "0"),
  msg("&unmapped", "16", "&rw", "0", "0", "0", "0"),
  msg("0", "0", "0", "1", "0", "0", "0"),
  msg("0", "0", "&unmapped", "1", "0", "0", "0"),
  msg("0", "0", "&rw", "1024", "0", "0", "0"),
  msg("0", "0", "&rw", "1025", "0", "0", "0"),
  msg("0", "0", "&rw", "-1", "0", "0", "0"),
  msg("0", "0", "&rw", "0", "&rw", "16", "0"),
  msg("0", "0", "&rw", "0", "&rw", "15", "0"),
  msg("0", "0", "&rw", "0", "&unmapped", "16", "0"),
  msg("0", "0", "&rw", "0", "&rw", "-1", "0"),
  msg("0", "0", "&rw", "0", "&rw", "0x7fffffff", "0"),
  msg("0", "0", "&rw", "0", "0", "16", "0"),
];
const unix = `$0100${Buffer.from("listening\0").toString("hex")}`;
const addresses = [
  "$0100",
  "$0000",
  "$0200",
  "$0a00",
  "$1000",
  "$ffff",
  "$01006e6f7000",
  "$010066696c6500",
  "$01000061",
  "$010000",
  `$0100${"61".repeat(108)}`,
];
const lengths = ["2", "3", "7", "16", "108", "109", "110", "111", "128", "129"];
const dirfds = { more: { 0: ["@dir", "@pathdir"] } } as const;
const two = { base: [text("file"), text("new")] } as const;
const waitOptions = ["1", "0x40000001", "0x80000001", "0x20000001", "2", "3", "5", "9", "0x1000001"];
const REQUESTS = [
  ...Object.entries(ioctl)
    .filter(([name]) => /^(TC[A-Z]|TIO|FI[A-Z]|FS_|BLK|SIO|FIO)/.test(name))
    .map(([, value]) => String(value)),
  ...[
    "0",
    "0x5400",
    "0x545f",
    "0x1234",
    "0x80046601",
    "-1",
    "0xc0046d00",
    "0x8900",
    "0x541e",
    "0x5418",
    "0x5419",
  ],
];

const XATTRS = [
  ...["", "user.", "user", "security.a", "trusted.a", "system.a", "system.posix_acl_access", "nosuch.a", "a"],
  `user.${"a".repeat(250)}`,
  `user.${"a".repeat(251)}`,
  "security.capability",
].map(text);

/** Where a huge length would be served for very long. */
const endless = (words: readonly string[]) =>
  words.some((word) => /^@(zero|null|random|full)/.test(word)) &&
  words.some((word) => word.startsWith("0x") || word === "-1");

/**
 * Not with this first word: all of a user's processes, whose settings sweep.c shares; a limit of CPU time, which
 * kills.
 */
const ofAll = (which: string) => (words: readonly string[]) => words[0] === which;

export const CALL_SWEEPS: Readonly<Record<string, CallSweep>> = {
  // Reading and writing
  read: { ...harmless, base: [null, "%64", "64"] },
  write: { harmless: true, base: [null, "%64", "64"] },
  pread64: { ...harmless, base: [null, "%64", "64", "0"] },
  pwrite64: { base: [null, "%64", "64", "0"], harmless: true },
  readv: { ...vector, harmless: true },
  writev: { ...vector, harmless: true },
  preadv: { ...vector, harmless: true },
  pwritev: { ...vector, harmless: true },
  preadv2: { ...vector, harmless: true, base: [null, iov, "1", "0", "0", "0"] },
  pwritev2: { ...vector, harmless: true, base: [null, iov, "1", "0", "0", "0"] },
  vmsplice: { ...vector, base: ["@pipe_w", iov, "1", "2"], only: { 3: ["0", "2", "3", "15", "16", "-1"] } },
  sendfile: { base: ["@pipe_w", "@ro", "0", "64"], never: endless, products: [{ 0: FILES, 1: FILES }] },
  splice: {
    base: ["@ro", "0", "@pipe_w", "0", "64", "2"],
    never: endless,
    products: [{ 0: FILES, 2: FILES }],
  },
  tee: {
    base: ["@pipe_r", "@fifo", "64", "2"],
    products: [{ 0: ["@pipe_r", "@fifo", "@rw", "@stream"], 1: FILES }],
  },
  copy_file_range: {
    base: ["@ro", "0", "@rw", "0", "64", "0"],
    never: endless,
    products: [{ 0: FILES, 2: FILES }],
  },
  lseek: { ...harmless, products: [{ 0: FILES, 2: ["0", "1", "2", "3", "4", "5"] }] },
  fsync: harmless,
  fdatasync: harmless,
  sync: { never: () => true }, // natively it waits for every disk of the machine
  syncfs: harmless,
  sync_file_range: harmless,
  readahead: harmless,
  fadvise64: harmless,
  fallocate: { more: { 1: ["3", "2", "16", "17", "8", "32", "64", "1"] }, base: [null, "0", "0", "64"] },

  // Descriptors
  open: {
    base: [null, "0", "0644"],
    more: { 0: [text("new"), text("dir/new/")] },
    products: [
      {
        0: ["new", "file", "dir", "link", "fifo", "/dev/null", "dangling", "foreign", "new/"].map(text),
        1: named("open"),
      },
    ],
  },
  openat: { base: [null, null, "0", "0644"], ...dirfds },
  openat2: {
    base: [null, null, numbers(8, 0, 0, 0), "24"],
    more: {
      2: [
        [0o100, 0, 0],
        [0, 0o644, 0],
        [0x4000000000, 0, 0],
        [0, 0, 1],
        [0, 0, 8],
        [0, 0, 16],
        [0, 0, 4],
        [0, 0, 2],
        [0, 0, 32],
        [0, 0, 64],
        [0o10000000, 0, 0],
        [0o11000000, 0, 0],
      ].map((three) => numbers(8, ...three)),
      3: ["23", "25", "32", "4096"],
    },
  },
  dup: harmless,
  close_range: { base: ["300", "400", "0"], only: { 0: ["-1", "300", "500", "20"], 1: ["300", "-1", "1"] } },
  fcntl: {
    ...harmless,
    base: [null, "1", "0"],
    products: [
      { 0: FILES, 1: [...named("fcntl"), "0", "1030", "1033", "99"], 2: ["0", "%32"] },
      {
        0: ["@rw", "@path"],
        1: named("fcntl"),
        2: [
          "1",
          "-1",
          "30000000",
          "0x7fffffff",
          "&unmapped",
          numbers(2, 1),
          "$01000000000000000000000000000000000000000000000000000000",
          "$02000100000000000000000000000000ffffffffffffffff00000000ffffffff",
        ],
      },
    ],
  },
  ioctl: {
    ...harmless,
    base: [null, "0x541b", "%128"],
    only: { 1: REQUESTS },
    products: [
      { 0: [...FILES, "@closed", "-1"], 1: REQUESTS },
      { 0: ["@pts", "@ptm", "@rw", "@stream"], 1: REQUESTS, 2: ["0", "&unmapped", "&ro"] },
    ],
    never: (words) => words[1] === "0x5412",
  },
  flock: {
    ...harmless,
    base: [null, "6"],
    only: { 1: ["0", "1", "2", "5", "6", "8", "12", "3", "32", "64", "-1", "16"] },
  },
  memfd_create: { more: { 0: [text("a".repeat(249)), text("a".repeat(250))] } },
  // The mount's number goes to memory that the handle must not be read from: it is the host's.
  name_to_handle_at: {
    base: [null, null, "%136", "%4", "0"],
    only: { 2: ["0", "1", "&unmapped", "&kernel", "&ro", "&none", "&top", "&noncanonical"] },
  },
  pipe2: { ...harmless },
  pipe: harmless,

  // Readiness
  poll: {
    ...harmless,
    base: ["$[4:@rw]01000000", "1", "0"],
    only: { 2: ["0", "1"] },
    more: { 1: ["2", "1024", "1025"] },
  },
  ppoll: { ...harmless, base: ["$[4:@rw]01000000", "1", NOW, "0", "8"], more: { 2: TIMES } },
  select: {
    ...harmless,
    base: ["1", "0", "0", "0", NOW],
    more: { 0: ["64", "1024", "1025"], 1: ["$ffffffffffffffff"], 4: TIMES },
  },
  pselect6: {
    ...harmless,
    base: ["1", "0", "0", "0", NOW, "0"],
    more: {
      0: ["64", "1024", "1025"],
      4: TIMES,
      5: [
        "$[&rw]0800000000000000",
        "$[&rw]0400000000000000",
        "$[0]0400000000000000",
        "$[&unmapped]0800000000000000",
      ],
    },
  },
  epoll_ctl: {
    harmless: true,
    base: ["@epoll", "1", "@pipe_r", "$010000000000000000000000"],
    more: {
      1: ["2", "3", "0", "4"],
      3: [
        "$010000100000000000000000",
        "$010000900000000000000000",
        "$010000700000000000000000",
        "$010000300000000000000000",
      ],
    },
    products: [{ 1: ["1", "2", "3", "0"], 2: FILES }],
  },
  epoll_wait: { ...harmless, base: ["@epoll", "%64", "4", "0"] },
  epoll_pwait: { ...harmless, base: ["@epoll", "%64", "4", "0", "0", "8"] },
  epoll_pwait2: { ...harmless, base: ["@epoll", "%64", "4", NOW, "0", "8"], more: { 3: TIMES } },
  epoll_create: harmless,
  epoll_create1: harmless,
  eventfd: harmless,
  eventfd2: harmless,
  signalfd: { ...harmless, base: ["-1", null, "8"] },
  signalfd4: { ...harmless, base: ["-1", null, "8", "0"] },
  timerfd_create: harmless,
  timerfd_settime: {
    ...harmless,
    base: ["@timerfd", "0", TIMERS[1]!, "%32"],
    more: { 2: [...TIMERS, ...BAD_TIMERS] },
  },
  timerfd_gettime: { ...harmless, base: ["@timerfd", null] },
  inotify_init1: harmless,
  inotify_add_watch: {
    ...harmless,
    base: ["@inotify", text("dir"), "2"],
    more: { 2: ["0x10000002", "0x20000002", "0x30000002", "0x1000002", "0x2000002"] },
  },
  inotify_rm_watch: { base: ["@inotify", "^watch"], more: { 1: ["^watch"] } },

  // Attributes and names
  ...Object.fromEntries(
    [
      "stat",
      "fstat",
      "lstat",
      "statfs",
      "fstatfs",
      "access",
      "newfstatat",
      "statx",
      "faccessat",
      "faccessat2",
    ].map((name) => [name, harmless]),
  ),
  ...Object.fromEntries(["listxattr", "llistxattr", "flistxattr", "getcwd"].map((name) => [name, harmless])),
  getxattr: { ...harmless, base: [null, text("user.a"), "%64", "64"], more: { 1: XATTRS } },
  lgetxattr: { ...harmless, base: [null, text("user.a"), "%64", "64"], more: { 1: XATTRS } },
  fgetxattr: { ...harmless, base: [null, text("user.a"), "%64", "64"], more: { 1: XATTRS } },
  setxattr: { base: [null, text("user.a"), "$616263", "3", "0"], more: { 1: XATTRS, 3: ["65536", "65537"] } },
  lsetxattr: { base: [null, text("user.a"), "$616263", "3", "0"], more: { 1: XATTRS } },
  fsetxattr: { base: [null, text("user.a"), "$616263", "3", "0"], more: { 1: XATTRS } },
  removexattr: { base: [null, text("user.a")], more: { 1: XATTRS } },
  lremovexattr: { base: [null, text("user.a")], more: { 1: XATTRS } },
  fremovexattr: { base: [null, text("user.a")], more: { 1: XATTRS } },
  readlink: { ...harmless, base: [text("link"), "%64", "64"] },
  readlinkat: { ...harmless, base: [null, text("link"), "%64", "64"] },
  getdents64: { ...harmless, base: ["@dir", "%512", "512"] },
  utimes: { more: { 1: [numbers(8, 0, 1_000_000, 0, 0), numbers(8, 0, 0, 0, -1)] } },
  futimesat: { more: { 2: [numbers(8, 0, 1_000_000, 0, 0), numbers(8, 0, 0, 0, -1)] } },
  utimensat: {
    more: {
      2: [
        [0, 0x3fffffff, 0, 0],
        [0, 0x3ffffffe, 0, 0x3ffffffe],
        [0, 0x3ffffffe, 0, 0x3fffffff],
        [0, 1_000_000_000, 0, 0],
        [0, -1, 0, 0],
      ].map((four) => numbers(8, ...four)),
    },
  },
  umask: harmless,
  rename: two,
  renameat: { base: ["-100", text("file"), "-100", text("new")], ...dirfds },
  renameat2: { base: ["-100", text("file"), "-100", text("new"), "0"], more: { 4: ["3", "5", "6"] } },
  link: two,
  linkat: { base: ["-100", text("file"), "-100", text("new"), "0"], more: { 4: ["0x1400"] } },
  symlink: two,
  symlinkat: { base: [text("file"), "-100", text("new")] },
  mkdir: { base: [text("new"), "0755"], more: { 0: [text("new/"), text("new/x")] } },
  mkdirat: { base: [null, text("new"), "0755"], more: { 1: [text("new/")] } },
  mknod: {
    base: [text("new"), "0100644", "0"],
    more: {
      1: ["0010644", "0140644", "0020644", "0060644", "0040755", "0120777", "0170644", "0644"],
      0: [text("new/")],
      2: ["0x103", "0x105", "0x800"],
    },
    products: [{ 1: ["0020644", "0060644"], 2: ["0", "0x103", "0x105", "0x501"] }],
  },
  mknodat: { base: [null, text("new"), "0100644", "0"] },
  rmdir: { base: [text("empty")] },
  unlinkat: {
    base: [null, null, "0"],
    more: { 1: [text("empty")] },
    products: [
      {
        1: ["file", "dir", "empty", "link", "missing", "empty/", "file/", ".", "dir/.."].map(text),
        2: ["0", "0x200", "1"],
      },
    ],
  },
  chdir: { base: [text("dir")] },
  fchdir: { base: ["@dir"] },
  chroot: { apart: true, base: [text("dir")] },
  pivot_root: { apart: true, base: [text("dir"), text("dir")] },
  mount: {
    apart: true,
    base: [text("none"), text("dir"), text("tmpfs"), "0", "0"],
    more: {
      2: ["ext4", "proc", "sysfs", "nosuch", "devpts", "mqueue", "ramfs"].map(text),
      3: ["4096", "20480", "32", "0x40000", "0x20", "0x1000000"],
      4: [text("size=1m"), text("size=x"), text("nosuch=1"), text("mode=0700")],
    },
  },
  umount2: { apart: true, base: [text("dir"), "0"] },

  // Tasks
  clone: {
    base: ["17", "0", "0", "0", "0"],
    never: (words) => (Number(words[0]) & 0x7e020000) !== 0 || words[0] === "-1",
  },
  clone3: {
    base: [numbers(8, 0, 0, 0, 0, 17, 0, 0, 0), "64"],
    more: {
      1: ["63", "72", "80", "88", "96", "4096"],
      0: [
        [0x100, 0, 0, 0, 17, 0, 0, 0],
        [0x10000, 0, 0, 0, 0, 0, 0, 0],
        [0x800, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 65, 0, 0, 0],
        [0, 0, 0, 0, 17, 4096, 0, 0],
        [0, 0, 0, 0, 17, 0, 4096, 0],
        [17, 0, 0, 0, 0, 0, 0, 0],
        [0x300000000, 0, 0, 0, 17, 0, 0, 0],
        [0x800000000, 0, 0, 0, 17, 0, 0, 0],
      ].map((words) => numbers(8, ...words)),
    },
  },
  execve: { base: [text("missing"), "0", "0"] },
  execveat: { base: [null, text("missing"), "0", "0", "0"], more: { 1: [text("")] } },
  exit: { only: { 0: ["0", "3", "256", "-1"] } },
  exit_group: { only: { 0: ["0", "3", "256", "-1"] } },
  wait4: {
    base: ["-1", "%4", "1", "%144"],
    only: { 0: PIDS, 2: [...waitOptions, "0", "4", "0x10000000", "-1"] },
  },
  waitid: {
    base: ["0", "0", "%128", "5", "%144"],
    more: { 1: [...PIDS, "@pidfd", "@rw"], 3: waitOptions },
    products: [{ 0: ["0", "1", "2", "3", "4", "-1"], 1: [...PIDS, "@pidfd", "@rw"] }],
  },
  unshare: { never: (words) => words[0]!.startsWith("-") || (Number(words[0]) & 0x7e000000) !== 0 },
  pidfd_open: { ...harmless, base: ["^self", "0"], only: { 0: [...PIDS] }, more: { 1: ["0x800", "0x80"] } },
  pidfd_getfd: { ...harmless, base: ["@pidfd", "1", "0"], more: { 1: ["190"] } },
  prctl: {
    base: ["15", "%64", "0", "0", "0"],
    products: [
      {
        0: [
          ...Object.entries(prctl)
            .filter(([name]) => name.startsWith("PR_"))
            .map(([, value]) => String(value)),
          ...range(1, 80),
        ],
        1: ["0", "1", "2", "-1", "65", "%64", "&unmapped"],
      },
      { 0: range(1, 80), 2: ["1", "-1"] },
      { 0: range(1, 80), 4: ["1"] },
    ],
    only: { 0: range(1, 80) },
  },
  arch_prctl: {
    base: ["0x1003", "%8"],
    more: { 0: ["0x1001", "0x1002", "0x1003", "0x1004", "0x1011", "0x1012", "0x1021", "0x4001", "0x5001"] },
  },
  personality: { ...harmless, base: ["-1"], only: { 0: ["-1", "0", "0x5a5a5a5affffffff"] } },

  // Signals
  rt_sigaction: {
    base: ["10", "0", "%32", "8"],
    more: { 0: ["10", "63"] },
    products: [
      {
        0: ["9", "19", "10", "0", "65"],
        1: ["0", `$${"00".repeat(32)}`, "&unmapped"],
        2: ["0", "&unmapped", "%32"],
      },
    ],
  },
  rt_sigprocmask: { ...harmless, base: ["0", "0", "%8", "8"] },
  rt_sigreturn: { never: () => true },
  restart_syscall: {},
  kill: {
    base: ["^self", "0"],
    only: { 0: PIDS },
    never: (words) =>
      words[0] === "-1" ||
      (words[1] !== "0" && words[0] !== "^self" && words[0] !== "^child" && words[0] !== "^dead"),
  },
  tkill: {
    base: ["^tid", "0"],
    only: { 0: PIDS },
    never: (words) => words[1] !== "0" && !words[0]!.startsWith("^"),
  },
  tgkill: {
    base: ["^self", "^tid", "0"],
    only: { 0: PIDS, 1: PIDS },
    never: (words) => words[2] !== "0" && !words[1]!.startsWith("^"),
  },
  rt_sigtimedwait: { ...harmless, base: [numbers(8, 512), "%128", NOW, "8"], more: { 2: TIMES } },
  rt_sigqueueinfo: {
    base: ["^self", "0", `$${"00".repeat(8)}ffffffff${"00".repeat(116)}`],
    only: { 0: PIDS },
    more: {
      2: [`$${"00".repeat(8)}06000000${"00".repeat(116)}`, `$${"00".repeat(8)}faffffff${"00".repeat(116)}`],
    },
    never: (words) => words[1] !== "0" && words[0] !== "^self" && words[0] !== "^child",
  },
  rt_tgsigqueueinfo: {
    base: ["^self", "^tid", "0", `$${"00".repeat(8)}ffffffff${"00".repeat(116)}`],
    only: { 0: PIDS, 1: PIDS },
    never: (words) => words[2] !== "0" && words[1] !== "^tid",
  },
  rt_sigsuspend: { only: { 0: ["0", "&unmapped", "$0000000000000000"] } },
  sigaltstack: {
    base: ["0", "%24"],
    more: {
      0: [
        "$[&rw]00000000000000000040000000000000",
        "$[&rw]0000000000000000ff07000000000000",
        "$[&rw]02000000000000000000000000000000",
        "$[&rw]00000080000000000040000000000000",
        "$[&rw]01000000000000000040000000000000",
        "$[&rw]03000000000000000040000000000000",
      ],
    },
  },
  pidfd_send_signal: {
    base: ["@pidfd", "0", "0", "0"],
    more: { 0: ["@proc", "@procdir"], 3: ["1", "2", "4", "8"] },
  },

  // Time
  nanosleep: {
    ...harmless,
    base: [NOW, "%16"],
    only: { 0: [...TIMES, "0", "&unmapped", "&kernel", "&edge"] },
  },
  clock_nanosleep: {
    ...harmless,
    base: ["1", "0", NOW, "%16"],
    more: { 2: TIMES, 0: range(0, 16) },
    products: [{ 0: [...range(0, 12), "-1", "-2", "-3", "-5", "-6"], 1: ["0", "1", "2"] }],
  },
  clock_gettime: {
    ...harmless,
    more: { 0: [...range(0, 16), "-2", "-3", "-5", "-6", "-7", "-8", "0x7ffffff8", "-799990"] },
  },
  clock_getres: { ...harmless, more: { 0: [...range(0, 16), "-2", "-3", "-5", "-6", "-7", "-8"] } },
  clock_settime: { base: ["1", NOW], only: { 0: ["1", "2", "3", "4", "7", "-1", "99", "16"] } },
  settimeofday: {
    base: ["0", "0"],
    only: {
      0: ["&unmapped", "&kernel", numbers(8, 0, -1), numbers(8, 0, 2_000_000)],
      1: ["&unmapped", numbers(4, 1000, 0)],
    },
  },
  setitimer: {
    base: ["0", null, "%32"],
    only: {
      1: [
        "0",
        "&unmapped",
        ...[
          [0, 0, 0, 0],
          [0, 0, 1000, 0],
          [0, 0, 1000, 1_000_000],
          [0, 0, -1, 0],
          [0, -1, 0, 0],
        ].map((four) => numbers(8, ...four)),
      ],
    },
  },
  alarm: { only: { 0: ["0", "-1", "0x7fffffff"] } },
  timer_create: {
    base: ["1", "0", "%4"],
    more: {
      0: range(0, 12),
      1: [
        numbers(4, 0, 0, 10, 0),
        numbers(4, 0, 0, 10, 1),
        numbers(4, 0, 0, 65, 0),
        numbers(4, 0, 0, 10, 2),
        numbers(4, 0, 0, 10, 4),
        numbers(4, 0, 0, 10, 9),
      ].map((four) => four + "00".repeat(48)),
    },
  },
  timer_settime: { base: ["^timer", "0", TIMERS[1]!, "%32"], more: { 2: [...TIMERS, ...BAD_TIMERS] } },
  timer_gettime: { ...harmless, base: ["^timer", null] },
  timer_getoverrun: { ...harmless, base: ["^timer"] },
  timer_delete: { base: ["^timer"] },

  // Futexes
  futex: {
    base: ["&rw", "1", "1", "0", "0", "0"],
    products: [
      {
        1: [...range(0, 15), ...range(128, 143), "256", "257", "265", "384", "393"],
        0: ["&rw", "&odd", "&unmapped", "0", "&ro", "&kernel"],
        3: [NOW],
      },
      { 1: [...range(0, 15), ...range(128, 143)], 4: ["&rw", "&odd", "&unmapped", "0"], 3: ["1"] },
      {
        1: ["0", "9", "6", "11", "13", "128", "137", "384"],
        3: ["&unmapped", ...TIMES],
        5: ["0", "1", "-1"],
      },
      {
        1: ["3", "4", "5", "12", "9", "10", "131", "132", "133", "137", "138"],
        2: ["-1", "0", "-2147483648"],
        3: ["0", "1", "-1"],
      },
    ],
    only: { 3: ["0", NOW, "&unmapped"] },
  },
  set_robust_list: { base: ["&rw", "24"] },
  get_robust_list: { ...harmless, only: { 0: PIDS } },

  // Identity, groups and limits
  setpgid: { base: ["0", "0"], only: { 0: PIDS, 1: PIDS } },
  getpgid: { ...harmless, only: { 0: PIDS } },
  getsid: { ...harmless, only: { 0: PIDS } },
  getgroups: { ...harmless, base: ["8", "%32"], more: { 0: ["65536", "65537"] } },
  setgroups: { base: ["1", "$05000000"], more: { 0: ["65536", "65537"], 1: ["$ffffffff"] } },
  capget: {
    ...harmless,
    base: [`${numbers(4, 0x20080522, 0)}`, "%24"],
    more: {
      0: [
        numbers(4, 0x19980330, 0),
        numbers(4, 0x20071026, 0),
        numbers(4, 0, 0),
        numbers(4, 0x20080522, -1),
        numbers(4, 0x20080522, 99999),
        "$22050820[4:^child]",
      ],
    },
  },
  capset: {
    base: [numbers(4, 0x20080522, 0), "%24"],
    more: {
      0: [
        numbers(4, 0x19980330, 0),
        numbers(4, 0, 0),
        numbers(4, 0x20080522, -1),
        numbers(4, 0x20080522, 99999),
        "$22050820[4:^child]",
      ],
      1: [`$${"ff".repeat(24)}`, numbers(4, 0, 1, 0, 0, 0, 0), numbers(4, 1, 0, 0, 0, 0, 0)],
    },
  },
  getrlimit: { ...harmless, more: { 0: range(0, 17) } },
  setrlimit: {
    never: ofAll("0"),
    base: ["4", numbers(8, 0, 0)],
    products: [
      { 0: range(0, 17), 1: [numbers(8, 1, 0), numbers(8, 5, 5), numbers(8, -1, -1), numbers(8, 0, -1)] },
    ],
  },
  prlimit64: {
    never: (words) => words[1] === "0" && words[2] !== "0",
    base: ["0", "4", "0", "%16"],
    only: { 0: PIDS },
    products: [
      {
        0: ["0", "^child", "99999"],
        1: range(0, 17),
        2: ["0", numbers(8, 1, 0), numbers(8, 5, 5), numbers(8, -1, -1)],
      },
    ],
  },
  getrusage: harmless,

  // Scheduling
  getpriority: { ...harmless, alone: true, only: { 1: PIDS } },
  setpriority: { alone: true, only: { 1: ["0", "^self", "^child", "99999", "-1"] }, never: ofAll("2") },
  ...Object.fromEntries(
    ["sched_getparam", "sched_getscheduler", "sched_rr_get_interval"].map((name) => [
      name,
      { ...harmless, only: { 0: PIDS } },
    ]),
  ),
  sched_setparam: { only: { 0: PIDS } },
  sched_setscheduler: {
    only: { 0: PIDS },
    more: { 2: [numbers(4, 1)] },
    products: [
      {
        1: ["0", "1", "2", "3", "5", "6", "7", "0x40000000"],
        2: [numbers(4, 0), numbers(4, 1), numbers(4, 99), numbers(4, 100)],
      },
    ],
  },
  sched_get_priority_max: harmless,
  sched_get_priority_min: harmless,
  sched_setaffinity: {
    base: ["0", "8", numbers(8, 1)],
    only: { 0: PIDS, 1: ["0", "1", "7", "8", "128", "1024"] },
    more: { 2: [numbers(8, 0), numbers(8, 4), numbers(8, -1)] },
  },
  sched_getaffinity: {
    ...harmless,
    base: ["0", "128", "%128"],
    only: { 0: PIDS },
    more: { 1: ["128", "1024"] },
  },
  ioprio_set: {
    alone: true,
    base: ["1", "0", "0"],
    only: { 1: PIDS },
    more: { 2: ["0x2000", "0x4000", "0x4007", "0x4008", "0x6000", "0x6001", "0x8000"] },
    never: ofAll("3"),
  },
  ioprio_get: { ...harmless, alone: true, only: { 1: PIDS } },
  getcpu: harmless,
  sched_setattr: {
    only: { 0: PIDS },
    base: ["0", numbers(4, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "0"],
    more: {
      1: [[48, 3], [48, 1], [48, 0, 1], [48, 0, 4], [47], [56], [4096], [48, 5], [48, 0, 0, 0, 20]].map(
        (some) => numbers(4, ...some, ...new Array(14 - some.length).fill(0)),
      ),
    },
  },
  sched_getattr: {
    ...harmless,
    base: ["0", "%56", "48", "0"],
    only: { 0: PIDS },
    more: { 2: ["47", "56", "64"] },
  },

  // System V
  semget: {
    alone: true,
    base: ["0", "1", "0600"],
    only: { 0: ["0", "1", "-1"] },
    more: { 1: ["32000", "32001"], 2: ["0x200", "0x600"] },
  },
  semop: {
    alone: true,
    base: ["^sem", numbers(2, 0, 1, 0), "1"],
    more: {
      0: IDS,
      1: [
        numbers(2, 3, 1, 0),
        numbers(2, 0, -1, 0x800),
        numbers(2, 0, 0, 0x800),
        numbers(2, 0, 32767, 0),
        numbers(2, 0, 1, 0x1000),
      ],
      2: ["500", "501"],
    },
  },
  semtimedop: { alone: true, base: ["^sem", numbers(2, 0, 1, 0), "1", "0"], more: { 0: IDS, 3: TIMES } },
  semctl: {
    alone: true,
    base: ["^sem", "0", "12", "0"],
    more: { 0: IDS, 3: ["%128", "32768"] },
    products: [
      {
        0: ["^sem", "-1", "99999"],
        1: ["0", "2", "3", "-1"],
        2: [...named("semCommand"), "100", "-1"],
        3: ["0", "%128", "&unmapped", "-1"],
      },
    ],
  },
  msgget: {
    alone: true,
    base: ["0", "0600"],
    only: { 0: ["0", "1", "-1"] },
    more: { 1: ["0x200", "0x600"] },
  },
  msgsnd: {
    alone: true,
    base: ["^msg", numbers(8, 1, 2), "8", "0x800"],
    more: { 0: IDS, 1: [numbers(8, 0, 2), numbers(8, -1, 2)], 2: ["8192", "8193"] },
  },
  msgrcv: {
    alone: true,
    base: ["^msg", "%64", "56", "0", "0x800"],
    more: { 0: IDS, 4: ["0x4800", "0x6800", "0x2800"] },
  },
  msgctl: {
    alone: true,
    base: ["^msg", "2", "%128"],
    products: [{ 0: ["^msg", ...IDS], 1: [...named("msgCommand"), "100"], 2: ["0", "%128", "&unmapped"] }],
  },
  shmget: {
    alone: true,
    base: ["0", "4096", "0600"],
    only: { 0: ["0", "1", "-1"], 1: ["0", "1", "4097", "0x1000000", "-1", "0x7fffffffffffffff"] },
    more: { 2: ["0x200", "0x600"] },
  },
  shmat: {
    alone: true,
    base: ["^shm", "0", "0"],
    more: { 0: IDS, 1: ["0x150000000", "0x150000800", "&rw"] },
    products: [
      { 1: ["&rw", "&odd", "&unmapped", "0x150000800"], 2: ["0", "0x2000", "0x4000", "0x6000", "0x1000"] },
    ],
  },
  shmdt: { alone: true, base: ["&rw"] },
  shmctl: {
    alone: true,
    base: ["^shm", "2", "%128"],
    products: [{ 0: ["^shm", ...IDS], 1: [...named("shmCommand"), "100"], 2: ["0", "%128", "&unmapped"] }],
  },

  // The system
  uname: harmless,
  sysinfo: harmless,
  syslog: harmless,
  getrandom: { ...harmless, base: ["%64", "64", "0"] },
  sethostname: { base: ["$6162", "2"], more: { 1: ["64", "65"] } },
  setdomainname: { base: ["$6162", "2"], more: { 1: ["64", "65"] } },

  // Memory
  mmap: {
    base: ["0", "4096", "3", "0x22", "-1", "0"],
    only: { 0: ["0", "&rw", "&odd", "&kernel", "&top", "&noncanonical", "&unmapped", "4096"] },
    more: { 3: ["0x12", "0x32", "0x100022", "0x2022", "0x8022", "0x21", "0x23", "0x22", "0x2"] },
    products: [{ 2: ["0", "1", "2", "3", "4", "5"], 3: ["1", "2", "3"], 4: FILES }],
  },
  mprotect: {
    base: ["&rw", "4096", "1"],
    more: { 0: ["&rw"], 2: ["0x1000001", "0x2000001", "0x3000001", "8", "16"] },
  },
  munmap: { base: ["&rw", "4096"] },
  brk: { ...harmless, only: { 0: ["0", "1", "&rw", "-1", "&kernel"] } },
  mremap: {
    base: ["&rw", "4096", "8192", "1", "0"],
    more: { 0: ["&rw"], 3: ["0", "1", "3", "5", "7"], 4: ["&unmapped", "&odd"] },
    products: [
      {
        1: ["0", "4096", "8192", "0x10000", "0x11000"],
        2: ["0", "4096", "0x20000"],
        3: ["0", "1", "3", "5"],
        4: ["&unmapped"],
      },
    ],
  },
  msync: { ...harmless, base: ["&rw", "4096", "1"], more: { 2: ["0", "5", "3"] } },
  mincore: { ...harmless, base: ["&rw", "4096", "%16"], more: { 0: ["&rw"] } },
  madvise: {
    base: ["&rw", "4096", "0"],
    more: { 0: ["&rw"], 2: [...range(0, 26), "100", "101", "102", "103"] },
    products: [
      {
        0: ["&rw", "&odd", "&unmapped", "&ro", "&none"],
        1: ["0", "4096", "-1"],
        2: [...range(0, 26), "100", "101"],
      },
    ],
  },
  mlock: { base: ["&rw", "4096"] },
  mlock2: { base: ["&rw", "4096", "0"] },
  munlock: { base: ["&rw", "4096"] },
  membarrier: { ...harmless, more: { 0: ["4", "8", "16", "32", "64", "128", "256", "512"] } },
  pkey_alloc: { base: ["0", "0"] },

  // Sockets
  socket: {
    ...harmless,
    base: ["1", "1", "0"],
    only: { 0: ["0", "1", "45", "46", "47", "-1"] },
    more: { 1: ["4", "6", "10", "11"] },
  },
  socketpair: {
    ...harmless,
    base: ["1", "1", "0", "%8"],
    only: { 0: ["0", "1", "45", "46", "-1"] },
    more: { 1: ["4", "6", "10", "11"] },
  },
  bind: {
    base: ["@unconnected", "$01006e657700", "6"],
    more: { 1: addresses, 2: lengths },
    products: [{ 1: addresses, 2: ["0", "1", "2", "3", "4", "6", "110", "111"] }],
  },
  connect: {
    base: ["@unconnected", unix, "12"],
    more: { 1: addresses, 2: lengths },
    products: [{ 0: SOCKETS, 1: addresses, 2: ["2", "4", "6", "7"] }],
  },
  accept: { base: ["@listen", "0", "0"], harmless: true },
  accept4: { base: ["@listen", "0", "0", "0"], harmless: true },
  listen: { base: ["@unconnected", "4"] },
  sendto: {
    ...harmless,
    base: ["@stream", "%16", "16", "0x4040", "0", "0"],
    more: { 3: ["0x4041"], 4: addresses, 5: lengths },
    products: [{ 0: SOCKETS, 4: ["0", ...addresses], 5: ["0", "2", "6"] }],
  },
  recvfrom: {
    ...harmless,
    base: ["@stream", "%16", "16", "0x40", "0", "0"],
    products: [
      { 0: SOCKETS, 3: [...named("msg")] },
      { 0: SOCKETS, 4: ["%16", "&unmapped"], 5: ["0", numbers(4, 16), numbers(4, -1), "&unmapped"] },
    ],
  },
  sendmsg: {
    ...harmless,
    base: ["@stream", header, "0x4040"],
    more: { 1: headers },
    products: [{ 0: SOCKETS, 1: headers }],
  },
  recvmsg: {
    ...harmless,
    base: ["@stream", header, "0x40"],
    more: { 1: headers },
    products: [{ 0: SOCKETS, 1: headers }],
  },
  sendmmsg: {
    ...harmless,
    base: ["@stream", `${header}${"00".repeat(8)}`, "1", "0x4040"],
    more: { 2: ["1024", "1025"] },
  },
  recvmmsg: {
    ...harmless,
    base: ["@stream", `${header}${"00".repeat(8)}`, "1", "0x40", "0"],
    more: { 2: ["1024", "1025"], 4: TIMES },
  },
  getsockname: {
    ...harmless,
    base: ["@stream", "%128", numbers(4, 128)],
    more: { 2: [numbers(4, 0), numbers(4, -1), numbers(4, 1)] },
    products: [{ 0: SOCKETS }],
  },
  getpeername: {
    ...harmless,
    base: ["@stream", "%128", numbers(4, 128)],
    more: { 2: [numbers(4, 0), numbers(4, -1), numbers(4, 1)] },
    products: [{ 0: SOCKETS }],
  },
  shutdown: { base: ["@stream", "0"], products: [{ 0: SOCKETS, 1: ["0", "1", "2", "3", "-1"] }] },
  setsockopt: {
    ...harmless,
    base: ["@stream", "1", "2", numbers(4, 1), "4"],
    only: { 2: range(0, 84) },
    products: [
      { 0: SOCKETS, 1: ["1"], 2: range(0, 84), 3: [numbers(4, 0), numbers(4, 1)] },
      { 0: ["@stream"], 1: ["1"], 2: range(0, 84), 3: [numbers(8, 1, 1)], 4: ["0", "1", "3", "16", "-1"] },
      { 1: ["0", "6", "41", "2", "-1", "255"], 2: ["1", "2"] },
    ],
  },
  getsockopt: {
    ...harmless,
    base: ["@stream", "1", "2", "%128", numbers(4, 4)],
    only: { 2: range(0, 84) },
    products: [
      {
        0: SOCKETS,
        1: ["1"],
        2: range(0, 84),
        4: [numbers(4, 4), numbers(4, 0), numbers(4, -1), numbers(4, 128)],
      },
      { 2: range(0, 84), 3: ["&unmapped"] },
      { 1: ["0", "6", "41", "2", "-1", "255"], 2: ["1", "2"] },
    ],
  },
};
