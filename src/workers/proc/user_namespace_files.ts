// /proc/PID/uid_map, gid_map, projid_map and setgroups (user_namespaces(7)): of the user namespace that the process was in
// when they were opened.

import { EACCES } from "../../shared/abi/errno.ts";
import { O_ACCMODE, O_RDONLY } from "../../shared/abi/fcntl.ts";
import { CAP_SYS_ADMIN } from "../../shared/abi/prctl.ts";
import { type Credentials, capable } from "../credentials/credentials.ts";
import type { IdMap } from "../credentials/id_map.ts";
import type { MapName, OwnerIds, UserNamespace } from "../credentials/user_namespace.ts";
import { writeMap, writeSetgroups } from "../identity/user_maps.ts";
import type { FileNode } from "../vfs/generated/nodes.ts";
import type { ProcessSubject } from "./subjects.ts";

/** Whose ids stand beside those of a map for somebody who has opened it; null: as the sandbox was given them. */
function besides(users: UserNamespace, name: MapName, { userNamespace: own }: Credentials): IdMap | null {
  if (own !== users) return own[name];
  return users.number === 0 ? null : users.parent![name];
}

/** What a program that others may not look into has is not theirs to write, nor its own (proc(5)). */
function owner({ task, owner: own }: ProcessSubject): OwnerIds {
  const { space } = task.stub;
  return space.dumpable === 1 ? own : space.owner.root;
}

function map(name: MapName): FileNode<ProcessSubject> {
  return {
    kind: "file",
    mode: 0o644,
    owner,
    open: ({ kernel, task }, opener) => {
      const { userNamespace: users } = task.credentials;
      return {
        *records() {
          yield users[name].text(besides(users, name, opener));
        },
        write: (text, position) => writeMap(kernel, users, name, text, position, opener),
      };
    },
  };
}

const setgroups: FileNode<ProcessSubject> = {
  kind: "file",
  mode: 0o644,
  owner,
  open: ({ task }, opener, flags) => {
    const { userNamespace: users } = task.credentials;
    if ((flags & O_ACCMODE) !== O_RDONLY && !capable(opener, users, CAP_SYS_ADMIN)) return -EACCES;
    return {
      *records() {
        yield users.allowsSetgroups ? "allow\n" : "deny\n";
      },
      write: (text, position) => writeSetgroups(users, text, position),
    };
  },
};

export const USER_NAMESPACE_FILES = {
  gid_map: map("gids"),
  projid_map: map("projects"),
  setgroups,
  uid_map: map("uids"),
};
