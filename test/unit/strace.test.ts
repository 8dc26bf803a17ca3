// --strace lines look like strace(1)'s.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as fcntl from "../../src/shared/abi/fcntl.ts";
import { write64 } from "../../src/shared/abi/struct.ts";
import * as s from "../../src/shared/abi/structs.ts";
import { nr } from "../../src/shared/abi/syscalls.ts";
import { formatCall } from "../../src/workers/strace/strace.ts";

type Memory = Record<number, Uint8Array | string>;

function line(name: string, args: number[], result: number | undefined, memory: Memory = {}): string {
  const words = new Uint32Array(12);
  const view = new DataView(words.buffer);
  for (const [index, value] of args.entries()) write64(view, index * 8, value);
  const bytes = Array.from({ length: 6 }, (_, index) => {
    const content = memory[index];
    return typeof content === "string" ? Buffer.from(content, "latin1") : content;
  });
  return formatCall({ nr: nr(name), words, memory: bytes, result });
}

const P = 0x7ffd_0000_1000; // some address

test("reading and writing", () => {
  assert.is(line("write", [1, P, 2], 2, { 1: "x\n" }), 'write(1, "x\\n", 2) = 2');
  assert.is(line("read", [0, P, 4096], 3, { 1: "abc\0\0\0\0" }), 'read(0, "abc", 4096) = 3');
  assert.is(line("read", [0, P, 4096], 0, { 1: "abc" }), 'read(0, "", 4096) = 0');
  assert.is(line("read", [9, P, 1], -9), "read(9, 0x7ffd00001000, 1) = -1 EBADF (Bad file descriptor)");
  assert.is(
    line("write", [1, P, 40], 40, { 1: "a".repeat(40) }),
    `write(1, "${"a".repeat(32)}"..., 40) = 40`,
  );
  assert.is(
    line("writev", [1, P, 1], 5, { 1: s.iovec.encode({ iov_base: 0x1000, iov_len: 5 }) }),
    "writev(1, [{iov_base=0x1000, iov_len=5}], 1) = 5",
  );
  assert.is(line("lseek", [3, -5, 2], 10), "lseek(3, -5, SEEK_END) = 10");
  assert.is(line("pread64", [3, P, 2, 2 ** 40], 2, { 1: "ab" }), 'pread64(3, "ab", 2, 1099511627776) = 2');
});

test("paths, flags and modes", () => {
  const path = "/etc/passwd\0";
  assert.is(
    line("openat", [-100, P, 0o2000000], 3, { 1: path }),
    'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3',
  );
  assert.is(
    line("openat", [5, P, fcntl.O_WRONLY | fcntl.O_CREAT | fcntl.O_TRUNC, 0o644], -2, { 1: path }),
    'openat(5, "/etc/passwd", O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 ENOENT (No such file or directory)',
  );
  assert.is(line("open", [P, fcntl.O_SYNC], 3, { 0: "a\0" }), 'open("a", O_RDONLY|O_SYNC) = 3');
  assert.is(line("access", [P, 0], 0, { 0: "a\0" }), 'access("a", F_OK) = 0');
  assert.is(line("access", [P, 6], 0, { 0: "a\0" }), 'access("a", R_OK|W_OK) = 0');
  assert.is(line("umask", [0o22], 0o2), "umask(022) = 002");
  assert.is(line("unlink", [0], -14), "unlink(NULL) = -1 EFAULT (Bad address)");
  assert.is(line("chown", [P, -1, 5], 0, { 0: "a\0" }), 'chown("a", -1, 5) = 0');
  assert.is(line("fcntl", [3, fcntl.F_GETFL], 2), "fcntl(3, F_GETFL) = 2");
  assert.is(line("fcntl", [3, fcntl.F_SETFD, 1], 0), "fcntl(3, F_SETFD, 0x1) = 0");
});

test("memory", () => {
  assert.is(
    line("mmap", [0, 8192, 3, 0x22, 0xffffffff, 0], 0x7f00_0000_0000),
    "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
  );
  assert.is(line("mprotect", [0x1000, 4096, 0], 0), "mprotect(0x1000, 4096, PROT_NONE) = 0");
  assert.is(line("brk", [0], 0x555555559000), "brk(NULL) = 0x555555559000");
  assert.is(line("madvise", [0x1000, 4096, 4], 0), "madvise(0x1000, 4096, MADV_DONTNEED) = 0");
  assert.is(
    line("munmap", [0x1000, -1], -22),
    "munmap(0x1000, 18446744073709551615) = -1 EINVAL (Invalid argument)",
  );
});

test("structures", () => {
  assert.is(
    line("clock_gettime", [1, P], 0, { 1: s.timespec.encode({ tv_sec: 5, tv_nsec: 7 }) }),
    "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=7}) = 0",
  );
  assert.is(
    line("newfstatat", [3, P, P, 0x1000], 0, {
      1: "\0",
      2: s.stat.encode({ st_mode: 0o100644, st_size: 12 }),
    }),
    'newfstatat(3, "", {st_mode=S_IFREG|0644, st_size=12, ...}, AT_EMPTY_PATH) = 0',
  );
  assert.is(
    line("poll", [P, 1, -1], 1, { 0: s.pollfd.encode({ fd: 3, events: 1, revents: 17 }) }),
    "poll([{fd=3, events=POLLIN, revents=POLLIN|POLLHUP}], 1, -1) = 1",
  );
  assert.is(
    line("prlimit64", [0, 7, 0, P], 0, {
      3: s.rlimit64.encode({ rlim_cur: { lo: 1024, hi: 0 }, rlim_max: { lo: 0xffffffff, hi: 0xffffffff } }),
    }),
    "prlimit64(0, RLIMIT_NOFILE, NULL, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}) = 0",
  );
  assert.is(
    line("pipe2", [P, fcntl.O_CLOEXEC], 0, { 0: Uint8Array.of(3, 0, 0, 0, 4, 0, 0, 0) }),
    "pipe2([3, 4], O_RDONLY|O_CLOEXEC) = 0",
  );
  assert.is(
    line("uname", [P], 0, { 0: s.utsname.encode({ sysname: "Linux", nodename: "n" }) }),
    'uname({sysname="Linux", nodename="n", ...}) = 0',
  );
});

test("signals and processes", () => {
  const action = s.sigaction.encode({ sa_handler: 1, sa_flags: 0x14000000, sa_mask: { lo: 2, hi: 0 } });
  assert.is(
    line("rt_sigaction", [2, P, 0, 8], 0, { 1: action }),
    "rt_sigaction(SIGINT, {sa_handler=SIG_IGN, sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=NULL, sa_mask=[INT]}, NULL, 8) = 0",
  );
  assert.is(
    line("rt_sigprocmask", [2, P, 0, 8], 0, {
      1: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
    }),
    "rt_sigprocmask(SIG_SETMASK, ~[RT_32], NULL, 8) = 0",
  );
  assert.is(line("kill", [-1, 34], 0), "kill(-1, SIGRT_2) = 0");
  assert.is(line("exit_group", [3], undefined), "exit_group(3) = ?");
  assert.is(
    line("wait4", [-1, P, 1, 0], 7, { 1: Uint8Array.of(0, 3, 0, 0) }),
    "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG, NULL) = 7",
  );
  assert.is(
    line("wait4", [-1, P, 0, 0], 7, { 1: Uint8Array.of(0x8b, 0, 0, 0) }),
    "wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 7",
  );
  assert.is(
    line("clone", [0x01200011, 0, 0, P, 0], 12),
    "clone(SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID, NULL, NULL, 0x7ffd00001000, NULL) = 12",
  );
  assert.is(line("futex", [P, 0x81, 1], 1), "futex(0x7ffd00001000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 1) = 1");
  assert.is(line("pause", [], -514), "pause() = ? ERESTARTNOHAND (To be restarted if no handler)");
});

test("sockets", () => {
  const address = s.sockaddr_in.encode({ sin_family: 2, sin_port: 80, sin_addr: [127, 0, 0, 1] });
  assert.is(
    line("connect", [3, P, 16], 0, { 1: address }),
    'connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
  );
  const loopback = s.sockaddr_in6.encode({
    sin6_family: 10,
    sin6_port: 1,
    sin6_addr: [...new Array(15).fill(0), 1],
  });
  assert.match(line("bind", [3, P, 28], 0, { 1: loopback }), 'sin6_addr="::1"');
  assert.is(
    line("bind", [3, P, 8], 0, { 1: "\x01\0\0name" }),
    'bind(3, {sa_family=AF_UNIX, sun_path=@"name"}, 8) = 0',
  );
  assert.is(
    line("socket", [1, 0o2004001, 0], 3),
    "socket(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0) = 3",
  );
  assert.match(line("setsockopt", [3, 1, 2, P, 4], 0, { 3: "\x01\0\0\0" }), "setsockopt(3, SOL_SOCKET, 2, ");
});

test("strings are escaped as C literals", () => {
  assert.is(line("write", [1, P, 8], 8, { 1: 'a"\\\t\x01\x012' }), 'write(1, "a\\"\\\\\\t\\1\\0012", 8) = 8');
  assert.is(line("write", [1, P, 2], 2, { 1: "\xff\x7f" }), 'write(1, "\\377\\177", 2) = 2');
  assert.is(line("chdir", [P], 0, { 0: "abc" }), 'chdir("abc"...) = 0');
});

test("a number without a call", () => {
  const text = formatCall({ nr: 999, words: new Uint32Array(12), memory: [], result: -38 });
  assert.is(text, "syscall_999(0x0, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)");
});

test("no registers and no memory make it throw", () => {
  const memory = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.nat(520),
      fc.uint32Array({ minLength: 12, maxLength: 12 }),
      fc.array(memory, { maxLength: 6 }),
      fc.option(fc.oneof(fc.integer(), fc.maxSafeInteger()), { nil: undefined }),
      (number, words, bytes, result) => {
        const text = formatCall({ nr: number, words, memory: bytes, result });
        assert.match(text, /^\w+\([^\n]*\) = \S/);
      },
    ),
    { numRuns: 20_000 },
  );
});

test.run();
