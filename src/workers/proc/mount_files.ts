// /proc/PID/mounts, mountinfo and mountstats (proc_pid_mountinfo(5)): the mounts that a process can reach
// from its root, a record for each. An open file shows the mount namespace and the root that the process had
// when it was opened.

import { EINVAL } from "../../shared/abi/errno.ts";
import {
  MS_DIRSYNC,
  MS_LAZYTIME,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  MS_SYNCHRONOUS,
} from "../../shared/abi/mount.ts";
import { pin, unpin } from "../vfs/fs_state.ts";
import { bound, type FileNode } from "../vfs/generated/nodes.ts";
import type { FileSystem } from "../vfs/inode.ts";
import { type Mount, type MountNamespace, Path, pathName } from "../vfs/path.ts";
import { type Dominators, propagationFields } from "../vfs/propagation.ts";
import type { ProcessSubject } from "./subjects.ts";

const MOUNT_FLAGS: readonly (readonly [number, string])[] = [
  [MS_NOSUID, "nosuid"],
  [MS_NODEV, "nodev"],
  [MS_NOEXEC, "noexec"],
  [MS_NOATIME, "noatime"],
  [MS_NODIRATIME, "nodiratime"],
  [MS_RELATIME, "relatime"],
  [MS_NOSYMFOLLOW, "nosymfollow"],
];

const SUPER_FLAGS: readonly (readonly [number, string])[] = [
  [MS_SYNCHRONOUS, "sync"],
  [MS_DIRSYNC, "dirsync"],
  [MS_LAZYTIME, "lazytime"],
];

/** Mounts deeper than so many names are left out: no record costs more. */
const DEPTH_MAX = 16384;

/** Spaces and their like as octal numbers, as in all these files. */
function escaped(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function namesOf(flags: number, names: readonly (readonly [number, string])[]): string {
  return names.map(([flag, name]) => ((flags & flag) === 0 ? "" : `,${name}`)).join("");
}

const accessOf = (flags: number): string => ((flags & MS_RDONLY) === 0 ? "rw" : "ro");
const ownOptions = ({ fs }: Mount): string => (fs.options === "" ? "" : `,${fs.options}`);
const mountOptions = (mount: Mount): string => namesOf(mount.flags, MOUNT_FLAGS);
const superOptions = ({ fs }: Mount): string => namesOf(fs.superFlags, SUPER_FLAGS);

function deviceOf({ dev }: FileSystem): string {
  return `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}

/** What of its file system a mount shows. */
function rootOf({ root }: Mount): string {
  if (root.isAlone) return root.name;
  const names: string[] = [];
  for (let at = root; at.parent !== null && names.length < DEPTH_MAX; at = at.parent) names.push(at.name);
  return escaped(`/${names.reverse().join("/")}`);
}

type Format = (mount: Mount, place: string, visible: ReadonlySet<Mount>, known: Dominators) => string;

/** A record for each mount below the root, none for others. */
function* records(namespace: MountNamespace, root: Path, format: Format): Generator<string> {
  const known: Dominators = new Map();
  for (const mount of namespace.mounts) {
    const place = pathName(new Path(mount, mount.root), root, DEPTH_MAX);
    yield typeof place === "string" ? format(mount, escaped(place), namespace.mounts, known) : "";
  }
}

function perMount(format: Format, tells: boolean, mode = 0o444): FileNode<ProcessSubject> {
  return bound(
    (subject) => {
      if (!subject.alive) return -EINVAL;
      const { root, namespace } = subject.task.fs;
      namespace.use();
      pin(root);
      return {
        records: () => records(namespace, root, format),
        ...(tells && { changes: { count: () => namespace.changes, waiters: namespace.waiters } }),
        release: () => {
          unpin(root);
          namespace.letGo();
        },
      };
    },
    { mode },
  );
}

export const mounts = perMount((mount, place) => {
  const access = accessOf(mount.flags | mount.fs.superFlags);
  const options = `${access}${superOptions(mount)}${mountOptions(mount)}${ownOptions(mount)}`;
  return `${escaped(mount.source)} ${place} ${mount.fs.type} ${options} 0 0\n`;
}, true);

export const mountInfo = perMount((mount, place, visible, known) => {
  const parent = mount.parent?.id ?? 0;
  const where = `${mount.id} ${parent} ${deviceOf(mount.fs)} ${rootOf(mount)} ${place}`;
  const access = accessOf(mount.flags);
  const ofFs = `${accessOf(mount.fs.superFlags)}${superOptions(mount)}${ownOptions(mount)}`;
  const own = `${mount.fs.type} ${escaped(mount.source)} ${ofFs}`;
  return `${where} ${access}${mountOptions(mount)}${propagationFields(mount, visible, known)} - ${own}\n`;
}, true);

export const mountStats = perMount(
  (mount, place) => `device ${escaped(mount.source)} mounted on ${place} with fstype ${mount.fs.type}\n`,
  false,
  0o400,
);
