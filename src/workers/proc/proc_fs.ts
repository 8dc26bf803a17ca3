// proc (proc(5)): the root of the tables. Directories of processes come and go with them.

import { ENOENT } from "../../shared/abi/errno.ts";
import { sysvipcMsg, sysvipcSem, sysvipcShm } from "../ipc/proc_files.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { PidNamespace } from "../process/pids.ts";
import type { ThreadGroup } from "../process/thread_group.ts";
import { GeneratedFs, GeneratedInode } from "../vfs/generated/generated_fs.ts";
import { bound, directory, link, numberOf } from "../vfs/generated/nodes.ts";
import type { Inode } from "../vfs/inode.ts";
import { PROCESS } from "./process_files.ts";
import { ProcessSubject, SystemSubject } from "./subjects.ts";
import { SYSCTL } from "./sysctl_files.ts";
import { SYSTEM_FILES } from "./system_files.ts";

/** The numbers of whoever reads; null: he is not to be seen here. */
function reader({ kernel: { current }, pids }: SystemSubject): { process: string; thread: string } | null {
  const process = current?.process.in(pids) ?? 0;
  return process === 0 ? null : { process: String(process), thread: String(current!.id.in(pids)) };
}

const ROOT = directory<SystemSubject>(
  {
    ...SYSTEM_FILES,
    mounts: link(() => "self/mounts"),
    net: link(() => "self/net"),
    self: link((system) => reader(system)?.process ?? -ENOENT),
    sys: SYSCTL,
    sysvipc: directory<SystemSubject>({
      msg: bound(({ kernel }) => sysvipcMsg(kernel)),
      sem: bound(({ kernel }) => sysvipcSem(kernel)),
      shm: bound(({ kernel }) => sysvipcShm(kernel)),
    }),
    "thread-self": link((system) => {
      const self = reader(system);
      return self === null ? -ENOENT : `${self.process}/task/${self.thread}`;
    }),
  },
  {
    lookup: (system, name) => {
      const pid = numberOf(name);
      const group = pid < 0 ? undefined : system.pids.groupOfTask(pid);
      if (group === undefined) return -ENOENT;
      // A thread's number leads there as well, though it is not listed.
      const task = system.pids.task(pid);
      const isOther = task !== undefined && task !== group.leader && group.tasks.includes(task);
      return { node: PROCESS, subject: isOther ? system.throughThread(task) : system.process(group) };
    },
    names: ({ pids }) =>
      [...pids.groups()]
        .map(({ id }) => id.in(pids))
        .sort((a, b) => a - b)
        .map(String),
    directories: ({ pids }) => {
      let count = 0;
      for (const _ of pids.groups()) count++;
      return count;
    },
  },
);

/** That shows a PID namespace. */
export function makeProc(kernel: SupervisorContext, pids: PidNamespace): GeneratedFs {
  return new GeneratedFs(kernel, "proc", ROOT, new SystemSubject(kernel, pids));
}

/** The process whose directory /proc/PID an inode is; null for any other. */
export function processAt(inode: Inode): ThreadGroup | null {
  if (!(inode instanceof GeneratedInode) || inode.node !== PROCESS) return null;
  const { subject } = inode;
  return subject instanceof ProcessSubject && !subject.isThread ? subject.group : null;
}
