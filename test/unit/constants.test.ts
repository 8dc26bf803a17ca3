// Every constant of the ABI tables has the value that the C headers give it, in the kernel's headers
// where they define it, else in the C library's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import * as auxv from "../../src/shared/abi/auxv.ts";
import * as bpf from "../../src/shared/abi/bpf.ts";
import * as elf from "../../src/shared/abi/elf.ts";
import * as errno from "../../src/shared/abi/errno.ts";
import { errnoName, errnoText } from "../../src/shared/abi/errno_text.ts";
import * as fcntl from "../../src/shared/abi/fcntl.ts";
import * as futex from "../../src/shared/abi/futex.ts";
import * as inet from "../../src/shared/abi/inet.ts";
import * as ioctl from "../../src/shared/abi/ioctl.ts";
import * as ipc from "../../src/shared/abi/ipc.ts";
import * as mman from "../../src/shared/abi/mman.ts";
import * as mount from "../../src/shared/abi/mount.ts";
import * as packet from "../../src/shared/abi/packet.ts";
import * as pidfd from "../../src/shared/abi/pidfd.ts";
import * as poll from "../../src/shared/abi/poll.ts";
import * as prctl from "../../src/shared/abi/prctl.ts";
import * as ptrace from "../../src/shared/abi/ptrace.ts";
import * as resource from "../../src/shared/abi/resource.ts";
import * as sched from "../../src/shared/abi/sched.ts";
import * as signal from "../../src/shared/abi/signal.ts";
import * as socket from "../../src/shared/abi/socket.ts";
import * as stat from "../../src/shared/abi/stat.ts";
import * as tcp from "../../src/shared/abi/tcp.ts";
import * as time from "../../src/shared/abi/time.ts";
import * as utsname from "../../src/shared/abi/utsname.ts";
import * as wait from "../../src/shared/abi/wait.ts";
import { runC } from "./c_program.ts";

/** What of a table is a number. */
function numbers(module: Record<string, unknown>): Record<string, number> {
  const all = Object.entries(module);
  return Object.fromEntries(all.filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}

const modules: Record<string, number>[] = [
  auxv,
  bpf,
  elf,
  errno,
  fcntl,
  futex,
  inet,
  ioctl,
  ipc,
  mman,
  mount,
  packet,
  poll,
  prctl,
  ptrace,
  resource,
  pidfd,
  sched,
  signal,
  socket,
  stat,
  numbers(tcp),
  time,
  utsname,
  wait,
];

/** Linux has these in no header that programs may include, or only in newer ones. */
const NOT_IN_HEADERS = new Set([
  "MADV_GUARD_INSTALL", // Linux 6.13
  "MADV_GUARD_REMOVE",
  "PIDFD_INFO_SIZE_VER0",
  "PIDFD_INFO_PID",
  "PIDFD_INFO_CREDS",
  "PIDFD_INFO_EXIT",
  "IOV_MAX", // UIO_MAXIOV
  "MQUEUE_MAGIC",
  "ST_VALID",
  "NSEC_PER_SEC",
  "USEC_PER_SEC",
  "USER_HZ",
  "HWCAP2_RING3MWAIT",
  "HWCAP2_FSGSBASE",
  "ERESTARTSYS",
  "ERESTARTNOINTR",
  "ERESTARTNOHAND",
  "ERESTART_RESTARTBLOCK",
  "ICMP_FILTER", // linux/icmp.h, which does not go with the C library's headers
  "ICMPV6_FILTER", // ICMP6_FILTER there
  "IPV6_MIN_MTU",
  "IPV6_MSFILTER",
  "MSG_CMSG_COMPAT", // the kernel's own
  "IPV6_PREFER_DEFAULT",
  "SOCKADDR_IN6_MIN",
  "UDP_SEGMENTS_MAX",
  // Sizes of structures, which have no name in C.
  ...["GROUP_REQ_SIZE", "ICMPV6_FILTER_SIZE", "IN6_PKTINFO_SIZE", "IN_PKTINFO_SIZE", "IP6_MTUINFO_SIZE"],
  ...["GROUP_AT", "GROUP_FILTER_HEAD", "GROUP_SOURCE_REQ_SIZE", "IP_MREQ_SOURCE_SIZE", "IP_MSFILTER_HEAD"],
  ...["SOCKADDR_STORAGE_SIZE", "SOURCE_AT"],
  ...["IPV6_MREQ_SIZE", "IP_MREQN_SIZE", "IP_MREQ_SIZE", "SOCKADDR_IN6_SIZE", "SOCKADDR_IN_SIZE"],
  ...["SOCK_EXTENDED_ERR_SIZE", "SOCK_FILTER_SIZE", "SOCK_FPROG_SIZE"],
]);

const KERNEL_HEADERS = [
  ...["types", "time", "mman", "fcntl", "sched", "auxvec", "stat", "eventpoll", "resource", "futex", "prctl"],
  ...["wait", "mount", "inotify", "fs", "xattr", "memfd", "openat2", "close_range", "falloc", "fadvise"],
  ...["random", "membarrier", "ptrace", "seccomp", "timerfd", "eventfd", "signalfd", "in", "in6", "net"],
  ...["sockios", "ipc", "shm", "sem", "msg", "capability", "limits", "magic", "personality", "pidfd"],
  ...["audit", "elf", "kcmp", "fiemap", "nsfs", "signal", "filter", "tcp", "udp"],
  ...["if_ether", "if_packet"],
]
  .map((name) => `linux/${name}`)
  .concat(
    ["siginfo", "sigcontext", "ucontext", "poll", "prctl", "socket", "ioctls", "termbits", "errno"].map(
      (n) => `asm/${n}`,
    ),
  );

const LIBC_HEADERS = [
  ...["unistd", "fcntl", "dirent", "poll", "sched", "sys/socket", "sys/wait", "sys/file", "sys/statvfs"],
  ...[
    "netinet/in",
    "netinet/ip_icmp",
    "netinet/icmp6",
    "linux/errqueue",
    "linux/utsname",
    "sys/ptrace",
    "sys/shm",
    "sys/epoll",
    "sys/signalfd",
    "sys/eventfd",
    "sys/inotify",
    "sys/mount",
    "errno",
  ],
];

function include(headers: string[]): string {
  return headers.map((name) => `#include <${name}.h>`).join("\n");
}

/** Prints what the headers know of `names`; enum constants have a macro of their own name, or are listed. */
function valuesInC(first: string, headers: string[], names: string[], enums: string[]): Map<string, number> {
  const prints = names.map((name) =>
    enums.includes(name)
      ? `printf("${name} %lld\\n", (long long)(${name}));`
      : `#ifdef ${name}\nprintf("${name} %lld\\n", (long long)(${name}));\n#endif`,
  );
  const output = runC(`
    ${first}
    ${include(headers)}
    int printf(const char *, ...);
    int main(void) {\n${prints.join("\n")}\nreturn 0; }
  `);
  const values = new Map<string, number>();
  for (const line of output.trim().split("\n")) {
    const [name, value] = line.split(" ") as [string, string];
    values.set(name, Number(value));
  }
  return values;
}

const constants = new Map(modules.flatMap((module) => Object.entries(module)));

test("no two areas give one name two values", () => {
  for (const module of modules) {
    for (const [name, value] of Object.entries(module)) assert.is(constants.get(name), value, name);
  }
});

test("values are those of the C headers", () => {
  const enums = [...constants.keys()].filter((name) =>
    /^(MEMBARRIER_|KCMP_|PER_LINUX|ADDR_|MMAP_PAGE|READ_IMPLIES|UNAME26|TPACKET_V)/.test(name),
  );
  const kernel = valuesInC(
    "#define _NSIG 64 // the kernel's own header has it",
    KERNEL_HEADERS,
    [...constants.keys()],
    enums,
  );
  const rest = [...constants.keys()].filter((name) => !kernel.has(name));
  const pEnums = rest.filter((name) => /^(IPPROTO_MAX|P_|DT_|PTRACE_|MNT_|UMOUNT_)/.test(name));
  const libc = valuesInC("#define _GNU_SOURCE", LIBC_HEADERS, rest, pEnums);
  const unknown: string[] = [];
  for (const [name, value] of constants) {
    const inC = kernel.get(name) ?? libc.get(name);
    if (inC === undefined) unknown.push(name);
    else assert.is(value >>> 0, inC >>> 0, name);
  }
  assert.equal(
    unknown.filter((name) => !NOT_IN_HEADERS.has(name)),
    [],
  );
});

test("error texts are those of the C library", () => {
  const numbers = [...new Set(Object.values(errno))].filter((number) => number < 512);
  const output = runC(`
    #define _GNU_SOURCE
    #include <stdio.h>
    #include <string.h>
    int main(void) {
      for (int i = 1; i < 134; i++)
        if (strerrorname_np(i)) printf("%d|%s|%s\\n", i, strerrorname_np(i), strerror(i));
      return 0;
    }
  `);
  const lines = output.trim().split("\n");
  assert.is(lines.length, numbers.length);
  for (const line of lines) {
    const [number, name, text] = line.split("|") as [string, string, string];
    assert.is(errnoName(Number(number)), name);
    assert.is(errnoText(Number(number)), text);
    assert.is((errno as Record<string, number>)[name], Number(number));
  }
  assert.is(errnoName(200), "ERRNO_200");
  assert.is(errnoText(200), "Unknown error 200");
});

test.run();
