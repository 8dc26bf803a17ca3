// name_to_handle_at(2), open_by_handle_at(2): no file system of the sandbox can find a file by a handle, as
// with overlayfs on Linux; systemd, tar and others then go by mount ids and paths.

import { EBADF, EINVAL, EOPNOTSUPP, EPERM, ESTALE } from "../../shared/abi/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW } from "../../shared/abi/fcntl.ts";
import { CAP_DAC_READ_SEARCH } from "../../shared/abi/prctl.ts";
import type { Coroutine } from "../call/call.ts";
import type { Handlers } from "../call/dispatch.ts";
import { readGuest } from "../call/guest_copy.ts";
import { capable } from "../credentials/credentials.ts";
import type { VfsCaller } from "./caller.ts";
import { lookupTarget } from "./lookup.ts";

/** AT_HANDLE_MNT_ID_UNIQUE, AT_HANDLE_CONNECTABLE, AT_HANDLE_FID */
const HANDLE_FLAGS = 0x203;

/** struct file_handle: handle_bytes, handle_type; and the most bytes that Linux takes. */
const HANDLE_HEADER = 8;
const MAX_HANDLE_SIZE = 128;

function* openByHandle(task: VfsCaller, mountFd: number, handle: number): Coroutine {
  const header = yield* readGuest(task, handle, HANDLE_HEADER);
  if (typeof header === "number") return header;
  const length = header.readUInt32LE(0);
  if (length === 0 || length > MAX_HANDLE_SIZE) return -EINVAL;
  if (mountFd !== AT_FDCWD && task.files.get(mountFd) === undefined) return -EBADF;
  return capable(task.credentials, task.kernel.users.initial, CAP_DAC_READ_SEARCH) ? -ESTALE : -EPERM;
}

export const HANDLE_HANDLERS: Handlers<VfsCaller> = {
  name_to_handle_at: (task, dirfd, _path, _handle, _mountId, flags) => {
    if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | HANDLE_FLAGS)) !== 0) return -EINVAL;
    const follow = (flags & AT_SYMLINK_FOLLOW) !== 0 ? 0 : AT_SYMLINK_NOFOLLOW;
    const target = lookupTarget(task, dirfd, task.call.inString(0), follow | (flags & AT_EMPTY_PATH));
    return typeof target === "number" ? target : -EOPNOTSUPP;
  },

  open_by_handle_at: (task, mountFd, handle) => task.call.start(openByHandle(task, mountFd, handle)),
};
