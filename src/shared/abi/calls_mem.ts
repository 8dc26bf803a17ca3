// System calls that the memory subsystem serves. Columns: support level, number, name, arguments.

import * as a from "./arguments.ts";
import { full, none, ownedBy, part } from "./call.ts";

const hex = { result: "hex" } as const;

// biome-ignore format: a table
export const MEM_CALLS = ownedBy("mem", [
  part(9, "mmap", [a.addr("addr"), a.size("length"), a.flags("prot", "prot"), a.flags("flags", "map"), a.fd("fd"), a.offset("offset")], { ...hex, note: "no MAP_GROWSDOWN, no huge pages" }),
  full(10, "mprotect", [a.addr("addr"), a.size("len"), a.longFlags("prot", "prot")]),
  full(11, "munmap", [a.addr("addr"), a.size("length")]),
  full(12, "brk", [a.addr("addr")], hex),
  full(25, "mremap", [a.addr("old_address"), a.size("old_size"), a.size("new_size"), a.longFlags("flags", "mremap"), a.addr("new_address")], hex),
  part(26, "msync", [a.addr("addr"), a.size("length"), a.flags("flags", "msync")], { note: "no dirty tracking: shared pages are the host's page cache" }),
  part(27, "mincore", [a.addr("addr"), a.size("length"), a.addr("vec")], { note: "every page of a file counts as resident" }),
  part(28, "madvise", [a.addr("addr"), a.size("length"), a.choice("advice", "madvise")], { note: "no MERGEABLE, HWPOISON, GUARD_*" }),
  part(29, "shmget", [a.int("key"), a.size("size"), a.flags("shmflg", "shmget")], { note: "no huge pages" }),
  full(30, "shmat", [a.int("shmid"), a.addr("shmaddr"), a.flags("shmflg", "shmat")], hex),
  full(31, "shmctl", [a.int("shmid"), a.choice("cmd", "shmCommand"), a.addr("buf")]),
  full(67, "shmdt", [a.addr("shmaddr")]),
  part(149, "mlock", [a.addr("addr"), a.size("len")], { note: "accounted; the host pages as it likes" }),
  part(150, "munlock", [a.addr("addr"), a.size("len")], { note: "accounted" }),
  full(151, "mlockall", [a.flags("flags", "mlockall")]),
  full(152, "munlockall", []),
  none(216, "remap_file_pages", [a.addr("addr"), a.size("size"), a.flags("prot", "prot"), a.size("pgoff"), a.flags("flags", "map")]),
  none(237, "mbind", [a.addr("addr"), a.size("len"), a.int("mode"), a.addr("nodemask"), a.size("maxnode"), a.uint("flags")]),
  none(238, "set_mempolicy", [a.int("mode"), a.addr("nodemask"), a.size("maxnode")]),
  none(239, "get_mempolicy", [a.addr("mode"), a.addr("nodemask"), a.size("maxnode"), a.addr("addr"), a.word("flags")]),
  none(256, "migrate_pages", [a.int("pid"), a.size("maxnode"), a.addr("old_nodes"), a.addr("new_nodes")]),
  none(279, "move_pages", [a.int("pid"), a.size("count"), a.addr("pages"), a.addr("nodes"), a.addr("status"), a.int("flags")]),
  part(310, "process_vm_readv", [a.int("pid"), a.list("local_iov", "iovec", "liovcnt"), a.size("liovcnt"), a.list("remote_iov", "iovec", "riovcnt"), a.size("riovcnt"), a.word("flags")], { note: "pages of files of a thread that stands for its tracer alone" }),
  part(311, "process_vm_writev", [a.int("pid"), a.list("local_iov", "iovec", "liovcnt"), a.size("liovcnt"), a.list("remote_iov", "iovec", "riovcnt"), a.size("riovcnt"), a.word("flags")], { note: "pages of files of a thread that stands for its tracer alone" }),
  none(323, "userfaultfd", [a.flags("flags", "open")]),
  part(324, "membarrier", [a.choice("cmd", "membarrier"), a.uint("flags"), a.int("cpu_id")], { note: "the private commands" }),
  part(325, "mlock2", [a.addr("addr"), a.size("len"), a.uint("flags")], { note: "accounted; the host pages as it likes" }),
  none(329, "pkey_mprotect", [a.addr("addr"), a.size("len"), a.flags("prot", "prot"), a.int("pkey")]),
  part(330, "pkey_alloc", [a.uint("flags"), a.uint("access_rights")], { note: "always ENOSPC" }),
  none(331, "pkey_free", [a.int("pkey")]),
  none(440, "process_madvise", [a.fd("pidfd"), a.list("iovec", "iovec", "vlen"), a.size("vlen"), a.choice("advice", "madvise"), a.uint("flags")]),
  none(447, "memfd_secret", [a.uint("flags")]),
  none(450, "set_mempolicy_home_node", [a.addr("start"), a.size("len"), a.size("home_node"), a.size("flags")]),
  none(453, "map_shadow_stack", [a.addr("addr"), a.size("size"), a.uint("flags")], hex),
  none(462, "mseal", [a.addr("addr"), a.size("len"), a.size("flags")]),
]);
