// proc (proc(5)): the root of the tables. Directories of processes come and go with them.

import { ENOENT } from "../../shared/abi/errno.ts";
import { sysvipcMsg, sysvipcSem, sysvipcShm } from "../ipc/proc_files.ts";
import type { SupervisorContext } from "../process/context.ts";
import type { ThreadGroup } from "../process/thread_group.ts";
import { GeneratedFs, GeneratedInode } from "../vfs/generated/generated_fs.ts";
import { bound, directory, link, numberOf } from "../vfs/generated/nodes.ts";
import type { Inode } from "../vfs/inode.ts";
import { PROCESS } from "./process_files.ts";
import { ProcessSubject, SystemSubject } from "./subjects.ts";
import { SYSCTL } from "./sysctl_files.ts";
import { SYSTEM_FILES } from "./system_files.ts";

const ROOT = directory<SystemSubject>(
  {
    ...SYSTEM_FILES,
    mounts: link(() => "self/mounts"),
    net: link(() => "self/net"),
    self: link(({ kernel }) => (kernel.current === null ? -ENOENT : String(kernel.current.group.pid))),
    sys: SYSCTL,
    sysvipc: directory<SystemSubject>({
      msg: bound(({ kernel }) => sysvipcMsg(kernel)),
      sem: bound(({ kernel }) => sysvipcSem(kernel)),
      shm: bound(({ kernel }) => sysvipcShm(kernel)),
    }),
    "thread-self": link(({ kernel: { current } }) =>
      current === null ? -ENOENT : `${current.group.pid}/task/${current.tid}`,
    ),
  },
  {
    lookup: (system, name) => {
      const pid = numberOf(name);
      const { pids } = system.kernel;
      // A thread's number leads to its process, though it is not listed.
      const group = pid < 0 ? undefined : (pids.group(pid) ?? pids.task(pid)?.group);
      if (group === undefined) return -ENOENT;
      return { node: PROCESS, subject: system.process(group) };
    },
    names: ({ kernel }) =>
      [...kernel.pids.groups()]
        .map(({ pid }) => pid)
        .sort((a, b) => a - b)
        .map(String),
  },
);

export function makeProc(kernel: SupervisorContext): GeneratedFs {
  return new GeneratedFs(kernel, "proc", ROOT, new SystemSubject(kernel));
}

/** The process whose directory /proc/PID an inode is; null for any other. */
export function processAt(inode: Inode): ThreadGroup | null {
  if (!(inode instanceof GeneratedInode) || inode.node !== PROCESS) return null;
  const { subject } = inode;
  return subject instanceof ProcessSubject && !subject.isThread ? subject.group : null;
}
