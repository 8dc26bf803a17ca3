// Owners of host files as guests have them. In a user namespace the host tells OVERFLOW_ID of all who are not mapped. Where
// that is somebody's id inside as well, the host is asked who it is: the sandbox is as good as the owner of what is his
// (CAP_FOWNER), and may open it with O_NOATIME (open(2)); of others' files it may not.

import { O_NOATIME, O_NONBLOCK, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { S_IFDIR, S_IFREG } from "../../shared/abi/stat.ts";
import { NO_ID, OVERFLOW_ID } from "../credentials/id_map.ts";
import type { UserNamespace } from "../credentials/user_namespace.ts";
import type { Native } from "../native.ts";
import type { Attributes, Time } from "../vfs/inode.ts";

interface OwnersContext {
  readonly native: Native;
  readonly users: UserNamespace;
  readonly descriptors: { readonly proc: number };
}

/** What was found out about a file, until its owner can have changed. */
export interface KnownOwner {
  readonly ctime: Time;
  readonly isMapped: boolean;
}

interface OwnedFile {
  /** S_IFMT */
  readonly type: number;
  knownOwner: KnownOwner | null;
  /** A descriptor of it, or a negative errno. */
  handle(): number;
}

/** Attributes of a file as they are for guests. Of what may not be opened the host is not asked (F6). */
export function withOwner(kernel: OwnersContext, file: OwnedFile, attributes: Attributes): Attributes {
  const { uid, gid, ctime } = attributes;
  if (uid !== OVERFLOW_ID || kernel.users.parent === null) return attributes;
  if (file.type !== S_IFREG && file.type !== S_IFDIR) return attributes;
  const known = file.knownOwner;
  const isSame = known !== null && known.ctime.sec === ctime.sec && known.ctime.nsec === ctime.nsec;
  const { isMapped } = isSame ? known : askHost(kernel, file, ctime);
  return isMapped ? attributes : { ...attributes, uid: NO_ID, gid: gid === OVERFLOW_ID ? NO_ID : gid };
}

function askHost({ native, descriptors }: OwnersContext, file: OwnedFile, ctime: Time): KnownOwner {
  const fd = file.handle();
  const opened = fd < 0 ? fd : native.reopen(descriptors.proc, fd, O_RDONLY | O_NOATIME | O_NONBLOCK);
  if (opened >= 0) native.close(opened);
  file.knownOwner = { ctime, isMapped: opened >= 0 };
  return file.knownOwner;
}
