// /proc/sys: the settings that programs ask for. They say what holds in the sandbox. Numbers that can be changed
// are sysctls.ts's; here are the files, and the settings that are something else.

import { randomUUID } from "node:crypto";
import { EINVAL, EPERM } from "../../shared/abi/errno.ts";
import {
  CAP_CHECKPOINT_RESTORE,
  CAP_DAC_OVERRIDE,
  CAP_LAST_CAP,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
} from "../../shared/abi/prctl.ts";
import { CONGESTION_CONTROLS } from "../../shared/abi/tcp.ts";
import { __NEW_UTS_LEN } from "../../shared/abi/utsname.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import { LIMIT_MAX, OWNED_KINDS, type UserNamespace } from "../credentials/user_namespace.ts";
import { RELEASE, VERSION } from "../identity/uts.ts";
import { IPC_SETTINGS } from "../ipc/limits.ts";
import { namespaceOfReader } from "../ipc/proc_files.ts";
import { CONNTRACK_BUCKETS } from "../net/stack/limits.ts";
import type { SupervisorContext } from "../process/context.ts";
import { PID_MAX } from "../process/pids.ts";
import { SETTINGS, type SettingName, type Sysctls } from "../sysctls.ts";
import { constant, directory, type FileNode, file, type Node, type Table } from "../vfs/generated/nodes.ts";
import { NET_SYSCTL_FILES } from "./net_files.ts";
import type { SystemSubject } from "./subjects.ts";

const PATTERN_MAX = 127;
const NOTHING = new Uint8Array(0);

/**
 * A file of numbers: only a write at its beginning counts, and a read finds nothing anywhere else, as the handlers
 * of Linux have it.
 */
function numbers(
  read: (subject: SystemSubject) => string,
  write: (subject: SystemSubject, text: string, opener: Credentials) => number,
  mode = 0o644,
): FileNode<SystemSubject> {
  return {
    kind: "file",
    mode,
    write: (subject, text, opener, position) => (position === 0 ? write(subject, text, opener) : 0),
    open: (subject) => ({
      bytes: (position, length) =>
        position > 0 ? NOTHING : Buffer.from(`${read(subject)}\n`, "latin1").subarray(0, length),
    }),
  };
}

/**
 * Whether who has opened a file may set what is a namespace's of that owner. It is the writer's own, which may be another than
 * that for which it was opened.
 */
function maySetFor(owner: UserNamespace, opener: Credentials): boolean {
  return opener.fsuid === owner.rootUid || capable(opener, owner, CAP_DAC_OVERRIDE);
}

/** A text of one line; `set` takes it, or gives a negative errno. A write may go on where the last one ended. */
function line(
  read: (subject: SystemSubject) => string,
  set: (subject: SystemSubject, text: string, credentials: Credentials) => number,
): FileNode<SystemSubject> {
  return file((subject) => `${read(subject)}\n`, {
    write: (subject, text, credentials, position) => {
      const before = read(subject);
      if (position > before.length) return 0;
      return set(subject, before.slice(0, position) + text.split(/[\n\0]/)[0]!, credentials);
    },
  });
}

function utsName(field: "nodename" | "domainname"): FileNode<SystemSubject> {
  return line(
    ({ kernel }) => (kernel.current ?? kernel).uts[field],
    ({ kernel }, name, credentials) => {
      const { uts } = kernel.current ?? kernel;
      if (!capable(credentials, uts.owner, CAP_SYS_ADMIN)) return -EPERM;
      if (name.length > __NEW_UTS_LEN) return -EINVAL;
      uts[field] = name;
      return 0;
    },
  );
}

/** No program is run for a core: a pattern that names one is refused. */
const CORE_PATTERN = line(
  ({ kernel }) => kernel.sysctls.corePattern,
  ({ kernel }, pattern) => {
    if (pattern.startsWith("|") || pattern.startsWith("@")) return -EINVAL;
    kernel.sysctls.corePattern = pattern.slice(0, PATTERN_MAX);
    return 0;
  },
);

function mayChooseNumbers({ current }: SupervisorContext): boolean {
  if (current === null) return false;
  const { credentials, pids } = current;
  const may = (capability: number) => capable(credentials, pids.owner, capability);
  return may(CAP_SYS_ADMIN) || may(CAP_CHECKPOINT_RESTORE);
}

/** Of the reader's PID namespace: the number behind which the next one is looked for. */
const LAST_PID = numbers(
  ({ kernel }) => String((kernel.current ?? kernel).pids.last),
  ({ kernel }, text) => {
    if (!mayChooseNumbers(kernel)) return -EPERM;
    const number = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1] ?? -1);
    if (number < 0 || number > PID_MAX) return -EINVAL;
    (kernel.current ?? kernel).pids.last = number;
    return 0;
  },
  0o666,
);

/** The reader's IPC namespace's limits. */
const IPC: Table<SystemSubject> = Object.fromEntries(
  Object.entries(IPC_SETTINGS).map(([name, setting]) => [
    name,
    numbers(
      ({ kernel }) => setting.read(namespaceOfReader(kernel).limits),
      ({ kernel }, text, opener) => {
        const namespace = namespaceOfReader(kernel);
        return maySetFor(namespace.owner, opener) ? setting.write(namespace.limits, text) : -EPERM;
      },
    ),
  ]),
);

function usersOfReader({ current, users }: SupervisorContext): UserNamespace {
  return current?.credentials.userNamespace ?? users;
}

/** How many namespaces of each kind may be made in the reader's user namespace, and below. */
const USER: Table<SystemSubject> = Object.fromEntries(
  OWNED_KINDS.map((kind) => [
    `max_${kind}_namespaces`,
    {
      ...numbers(
        ({ kernel }) => String(usersOfReader(kernel).limits.get(kind) ?? LIMIT_MAX),
        ({ kernel }, text) => {
          const number = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1] ?? -1);
          if (number < 0 || number > LIMIT_MAX) return -EINVAL;
          const users = usersOfReader(kernel);
          if (kernel.current !== null && !capable(kernel.current.credentials, users, CAP_SYS_RESOURCE))
            return -EPERM;
          users.limits.set(kind, number);
          return 0;
        },
      ),
      owner: ({ kernel }: SystemSubject) => usersOfReader(kernel).root,
    },
  ]),
);

/** What is no changeable number, by path. */
const OTHERS: Table<SystemSubject> = {
  ...NET_SYSCTL_FILES,
  "net/netfilter/nf_conntrack_buckets": constant(CONNTRACK_BUCKETS),
  ...Object.fromEntries(Object.entries(IPC).map(([name, node]) => [`kernel/${name}`, node])),
  "fs/aio-nr": file(({ kernel }) => `${kernel.counters.aioEvents}\n`),
  "fs/dentry-state": file(({ kernel }) => {
    const { dentries } = kernel.counters;
    return `${dentries}\t0\t45\t0\t0\t0\n`;
  }),
  "fs/file-nr": file(
    ({ kernel }) => `${kernel.counters.openFiles}\t0\t${kernel.sysctls.text("fs/file-max")}\n`,
  ),
  "fs/inode-nr": constant("0\t0"),
  "fs/inode-state": constant("0\t0\t0\t0\t0\t0\t0"),
  "kernel/cap_last_cap": constant(CAP_LAST_CAP),
  "kernel/core_pattern": CORE_PATTERN,
  "kernel/domainname": utsName("domainname"),
  "kernel/hostname": utsName("nodename"),
  "kernel/ngroups_max": constant(65536),
  "kernel/ns_last_pid": LAST_PID,
  "kernel/osrelease": constant(RELEASE),
  "kernel/ostype": constant("Linux"),
  "kernel/pid_max": constant(PID_MAX),
  "kernel/random/boot_id": file(({ kernel }) => `${kernel.bootId}\n`),
  "kernel/random/entropy_avail": constant(256),
  "kernel/random/poolsize": constant(256),
  "kernel/random/uuid": file(() => `${randomUUID()}\n`),
  "kernel/sched_child_runs_first": constant(0),
  "kernel/tainted": constant(0),
  "kernel/threads-max": file(({ kernel }) => `${kernel.limits.tasks}\n`),
  "kernel/version": constant(VERSION),
  "net/ipv4/tcp_allowed_congestion_control": constant(CONGESTION_CONTROLS.join(" ")),
  "net/ipv4/tcp_available_congestion_control": constant(CONGESTION_CONTROLS.join(" ")),
};

/** All network namespaces share these, which are set in the first. */
const SHARED_BY_NETWORKS = /^net\/core\/[rw]mem_(default|max)$/;

/** Those of net are of the reader's network namespace. */
function settingsFor({ current, sysctls }: SupervisorContext, name: SettingName): Sysctls {
  const isOwn = name.startsWith("net/") && !SHARED_BY_NETWORKS.test(name);
  return isOwn && current !== null ? current.network.sysctls : sysctls;
}

function set(kernel: SupervisorContext, name: SettingName, text: string, opener: Credentials): number {
  const { network } = kernel.current ?? kernel;
  if (name.startsWith("net/") && !maySetFor(network.owner, opener)) return -EPERM;
  const isElsewhere = kernel.current !== null && kernel.current.network !== kernel.network;
  if (isElsewhere && SHARED_BY_NETWORKS.test(name)) return -EPERM;
  return settingsFor(kernel, name).set(name, text);
}

function setting(name: SettingName): FileNode<SystemSubject> {
  return numbers(
    ({ kernel }) => settingsFor(kernel, name).text(name),
    ({ kernel }, text, opener) => set(kernel, name, text, opener),
    SETTINGS[name].mode,
  );
}

/** Directories out of paths. */
function tree(nodes: readonly (readonly [string, Node<SystemSubject>])[]): Table<SystemSubject> {
  const below = new Map<string, [string, Node<SystemSubject>][]>();
  const table: Record<string, Node<SystemSubject>> = {};
  for (const [path, node] of nodes) {
    const slash = path.indexOf("/");
    if (slash < 0) table[path] = node;
    else {
      const name = path.slice(0, slash);
      below.set(name, [...(below.get(name) ?? []), [path.slice(slash + 1), node]]);
    }
  }
  for (const [name, inner] of below) table[name] = directory(tree(inner));
  return Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const names = Object.keys(SETTINGS) as SettingName[];

/** What is a namespace's own, of networks and System V IPC, belongs to the root of the user namespace that owns it. */
function withOwner(path: string, node: Node<SystemSubject>): Node<SystemSubject> {
  if (node.kind !== "file") return node;
  if (path.startsWith("net/"))
    return { ...node, owner: ({ kernel }) => (kernel.current?.network ?? kernel.network).owner.root };
  if (!Object.hasOwn(IPC, path.slice("kernel/".length))) return node;
  return { ...node, owner: ({ kernel }) => namespaceOfReader(kernel).owner.root };
}

export const SYSCTL = directory<SystemSubject>({
  user: directory(USER),
  ...tree(
    [...names.map((name) => [name, setting(name)] as const), ...Object.entries(OTHERS)].map(
      ([path, node]) => [path, withOwner(path, node)] as const,
    ),
  ),
});
