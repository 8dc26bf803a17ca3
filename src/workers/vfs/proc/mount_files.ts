// /proc/PID/mounts, mountinfo and mountstats (proc_pid_mountinfo(5)): the mounts that a process can reach
// from its root.

import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RELATIME } from "../../../shared/abi/mount.ts";
import type { FileSystem } from "../inode.ts";
import { type Mount, Path, pathName } from "../path.ts";
import type { ProcessSubject } from "./subjects.ts";

const MOUNT_FLAGS: readonly (readonly [number, string])[] = [
  [MS_NOSUID, "nosuid"],
  [MS_NODEV, "nodev"],
  [MS_NOEXEC, "noexec"],
  [MS_NOATIME, "noatime"],
  [MS_RELATIME, "relatime"],
];

/** Spaces and their like as octal numbers, as in all these files. */
function escaped(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function flagsOf(mount: Mount): string {
  const names = MOUNT_FLAGS.filter(([flag]) => (mount.flags & flag) !== 0).map(([, name]) => name);
  return [mount.readOnly ? "ro" : "rw", ...names].join(",");
}

function deviceOf({ dev }: FileSystem): string {
  return `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}

/** What of its file system a mount shows. */
function rootOf({ root }: Mount): string {
  let path = "";
  for (let at = root; at.parent !== null; at = at.parent) path = `/${at.name}${path}`;
  return escaped(path === "" ? "/" : path);
}

/** Mounts below the process's root, each with its place. */
function* visible(subject: ProcessSubject): Generator<[Mount, string]> {
  if (!subject.alive) return;
  const { root, namespace } = subject.task.fs;
  for (const mount of namespace.mounts) {
    const place = pathName(new Path(mount, mount.root), root);
    if (typeof place === "string") yield [mount, escaped(place)];
  }
}

export function mounts(subject: ProcessSubject): string {
  let text = "";
  for (const [mount, place] of visible(subject))
    text += `${escaped(mount.source)} ${place} ${mount.fs.type} ${flagsOf(mount)} 0 0\n`;
  return text;
}

export function mountInfo(subject: ProcessSubject): string {
  let text = "";
  for (const [mount, place] of visible(subject)) {
    const parent = mount.parent?.id ?? 0;
    const where = `${mount.id} ${parent} ${deviceOf(mount.fs)} ${rootOf(mount)} ${place}`;
    const access = mount.readOnly ? "ro" : "rw";
    text += `${where} ${flagsOf(mount)} - ${mount.fs.type} ${escaped(mount.source)} ${access}\n`;
  }
  return text;
}

export function mountStats(subject: ProcessSubject): string {
  let text = "";
  for (const [mount, place] of visible(subject))
    text += `device ${escaped(mount.source)} mounted on ${place} with fstype ${mount.fs.type}\n`;
  return text;
}
