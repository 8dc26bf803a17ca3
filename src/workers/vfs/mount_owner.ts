// What mounting a file system by its type asks for in a user namespace that guests have made (mount_namespaces(7),
// user_namespaces(7)): whose it becomes, and whether it would show what was covered up where it is mounted already.

import { MS_RDONLY } from "../../shared/abi/mount.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { VfsCaller } from "./caller.ts";
import { ATIME_FLAGS } from "./mount_flags.ts";
import type { Mount, MountNamespace } from "./path.ts";

/** What of a kind of namespaces is shown belongs to whom the namespace does. */
const OF_NAMESPACES: ReadonlyMap<string, (task: VfsCaller) => UserNamespace> = new Map([
  ["proc", ({ ownersOfShown }: VfsCaller) => ownersOfShown.pids],
  ["sysfs", ({ ownersOfShown }: VfsCaller) => ownersOfShown.network],
  ["mqueue", ({ ownersOfShown }: VfsCaller) => ownersOfShown.ipc],
  ["cgroup", ({ ownersOfShown }: VfsCaller) => ownersOfShown.cgroups],
  ["cgroup2", ({ ownersOfShown }: VfsCaller) => ownersOfShown.cgroups],
]);

/** The user namespace that a new file system of that type belongs to, in which its mounter must be mighty. */
export function ownerOfNew(task: VfsCaller, type: string): UserNamespace {
  return OF_NAMESPACES.get(type)?.(task) ?? task.credentials.userNamespace;
}

/** Types of which a new one shows what others may have covered up (SB_I_USERNS_VISIBLE). */
export const REVEALING: ReadonlySet<string> = new Set(["proc", "sysfs"]);

/** In place of flags: none of that type is there to be seen as a whole. */
export const NOT_VISIBLE = -1;

/** Whether all of a file system is seen there: nothing stands in it that is locked, but on directories that are always empty. */
function isWhole({ root, children }: Mount): boolean {
  return (
    root.parent === null &&
    children.every(({ isLocked, mountPoint }) => {
      return !isLocked || mountPoint?.inode?.isAlwaysEmpty === true;
    })
  );
}

/** The flags of those that a new mount keeps since the one that shows as much has them locked; null: none; or NOT_VISIBLE. */
export function visibleLocks(namespace: MountNamespace, type: string, flags: number): number | null {
  for (const mount of namespace.mounts) {
    const { fs, lockedFlags } = mount;
    if (fs.type !== type || !isWhole(mount)) continue;
    const readOnly = ((lockedFlags ?? 0) | fs.superFlags) & MS_RDONLY;
    if (readOnly !== 0 && (flags & MS_RDONLY) === 0) continue;
    if (lockedFlags !== null && ((mount.flags ^ flags) & ATIME_FLAGS) !== 0) continue;
    return lockedFlags === null && readOnly === 0 ? null : readOnly;
  }
  return NOT_VISIBLE;
}
