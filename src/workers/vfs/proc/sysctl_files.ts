// /proc/sys: the settings that programs ask for. They say what holds in the sandbox; what can be changed is
// the host and domain name.

import { randomUUID } from "node:crypto";
import { EINVAL, EPERM } from "../../../shared/abi/errno.ts";
import { CAP_LAST_CAP, CAP_SYS_ADMIN } from "../../../shared/abi/prctl.ts";
import { IPC_SETTINGS } from "../../ipc/limits.ts";
import { namespaceOfReader } from "../../ipc/proc_files.ts";
import { MAX_MAP_COUNT } from "../../mem/vma_set.ts";
import { capable } from "../../supervisor/credentials.ts";
import { PID_MAX } from "../../supervisor/pids.ts";
import { RELEASE, type UtsNamespace, VERSION } from "../../supervisor/uts.ts";
import { constant, directory, type FileNode, file, type Table } from "../generated/nodes.ts";
import type { SystemSubject } from "./subjects.ts";

const NAME_MAX = 64;

function utsName(field: "nodename" | "domainname"): FileNode<SystemSubject> {
  return file(({ kernel }) => `${kernel.uts[field]}\n`, {
    write: ({ kernel }, text, credentials) => {
      if (!capable(credentials, kernel.users, CAP_SYS_ADMIN)) return -EPERM;
      const name = text.split("\n")[0]!;
      if (name.length > NAME_MAX) return -EINVAL;
      const uts: UtsNamespace = kernel.uts;
      uts[field] = name;
      return 0;
    },
  });
}

/** The reader's IPC namespace's limits. */
const IPC: Table<SystemSubject> = Object.fromEntries(
  Object.entries(IPC_SETTINGS).map(([name, setting]) => [
    name,
    file<SystemSubject>(({ kernel }) => `${setting.read(namespaceOfReader(kernel).limits)}\n`, {
      write: ({ kernel }, text) => setting.write(namespaceOfReader(kernel).limits, text),
    }),
  ]),
);

const KERNEL: Table<SystemSubject> = {
  ...IPC,
  cap_last_cap: constant(CAP_LAST_CAP),
  core_pattern: constant("core"),
  core_uses_pid: constant(0),
  dmesg_restrict: constant(1),
  domainname: utsName("domainname"),
  hostname: utsName("nodename"),
  kptr_restrict: constant(1),
  ngroups_max: constant(65536),
  osrelease: constant(RELEASE),
  ostype: constant("Linux"),
  overflowgid: constant(65534),
  overflowuid: constant(65534),
  panic: constant(0),
  perf_event_paranoid: constant(4),
  pid_max: constant(PID_MAX),
  printk: constant("4\t4\t1\t7"),
  random: directory<SystemSubject>({
    boot_id: file(({ kernel }) => `${kernel.bootId}\n`),
    entropy_avail: constant(256),
    poolsize: constant(256),
    uuid: file(() => `${randomUUID()}\n`),
  }),
  randomize_va_space: constant(2),
  sched_child_runs_first: constant(0),
  "threads-max": file(({ kernel }) => `${kernel.limits.tasks}\n`),
  tainted: constant(0),
  unprivileged_bpf_disabled: constant(2),
  version: constant(VERSION),
};

const VM: Table<SystemSubject> = {
  dirty_background_ratio: constant(10),
  dirty_ratio: constant(20),
  drop_caches: constant(0),
  max_map_count: constant(MAX_MAP_COUNT),
  min_free_kbytes: constant(67584),
  mmap_min_addr: constant(65536),
  nr_hugepages: constant(0),
  overcommit_kbytes: constant(0),
  overcommit_memory: constant(0),
  overcommit_ratio: constant(50),
  swappiness: constant(60),
  vfs_cache_pressure: constant(100),
};

const FS: Table<SystemSubject> = {
  "aio-max-nr": constant(65536),
  "aio-nr": constant(0),
  epoll: directory({ max_user_watches: constant(1048576) }),
  "file-max": constant("9223372036854775807"),
  "file-nr": file(({ kernel }) => `${kernel.counters.openFiles}\t0\t9223372036854775807\n`),
  inotify: directory({
    max_queued_events: constant(16384),
    max_user_instances: constant(128),
    max_user_watches: constant(65536),
  }),
  "lease-break-time": constant(45),
  "leases-enable": constant(1),
  mqueue: directory({
    msg_default: constant(10),
    msg_max: constant(10),
    msgsize_default: constant(8192),
    msgsize_max: constant(8192),
    queues_max: constant(256),
  }),
  nr_open: constant(1048576),
  "pipe-max-size": constant(1048576),
  "pipe-user-pages-hard": constant(0),
  "pipe-user-pages-soft": constant(16384),
  protected_fifos: constant(0),
  protected_hardlinks: constant(1),
  protected_regular: constant(0),
  protected_symlinks: constant(0),
  suid_dumpable: constant(0),
};

const NET: Table<SystemSubject> = {
  core: directory({
    netdev_max_backlog: constant(1000),
    rmem_default: constant(212992),
    rmem_max: constant(212992),
    somaxconn: constant(4096),
    wmem_default: constant(212992),
    wmem_max: constant(212992),
  }),
  ipv4: directory({
    ip_local_port_range: constant("32768\t60999"),
    ip_unprivileged_port_start: constant(1024),
    tcp_keepalive_intvl: constant(75),
    tcp_keepalive_probes: constant(9),
    tcp_keepalive_time: constant(7200),
    tcp_rmem: constant("4096\t131072\t6291456"),
    tcp_wmem: constant("4096\t16384\t4194304"),
  }),
};

export const SYSCTL = directory<SystemSubject>({
  fs: directory(FS),
  kernel: directory(KERNEL),
  net: directory(NET),
  user: directory({}),
  vm: directory(VM),
});
