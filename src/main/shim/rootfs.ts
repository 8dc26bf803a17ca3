// The root file system that containerd asks the shim to mount: what its snapshotter says (containerd.types.Mount), in
// order, each over the one before.

import { errnoText } from "../../shared/abi/errno_text.ts";
import * as MS from "../../shared/abi/mount.ts";
import { readOptions } from "../oci/mounts.ts";
import type { Addon } from "./addon.ts";

/** mount(2) takes a page of data. */
const DATA_MAX = 4095;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const MOUNTS_MAX = 64;

export interface RootMount {
  type: string;
  source: string;
  target: string;
  options: string[];
}

export class MountError extends Error {}

function check(result: number, { type, source }: RootMount): void {
  if (result < 0) throw new MountError(`mounting ${source} (${type}): ${errnoText(-result)}`);
}

/** Of many layers the paths are long: all of them begin alike, and need not say so where that is the working directory. */
function shortened(data: string): { directory: string; data: string } {
  const options = data.split(",");
  const at = options.findIndex((option) => option.startsWith("lowerdir="));
  const layers = at < 0 ? [] : options[at]!.slice("lowerdir=".length).split(":");
  let directory = layers[0] ?? "";
  for (const layer of layers)
    while (!layer.startsWith(`${directory}/`))
      directory = directory.slice(0, Math.max(directory.lastIndexOf("/"), 0));
  if (directory === "") return { directory: "/", data };
  options[at] = `lowerdir=${layers.map((layer) => layer.slice(directory.length + 1)).join(":")}`;
  return { directory, data: options.join(",") };
}

function mountOne(addon: Addon, target: string, mount: RootMount): void {
  const { flags, data, propagation } = readOptions(mount.options, mount.source);
  const words = data.join(",");
  if (Buffer.byteLength(words) > DATA_MAX) {
    const short = shortened(words);
    // The kernel would take the beginning alone.
    if (Buffer.byteLength(short.data) > DATA_MAX)
      throw new MountError(`mounting ${mount.source} (${mount.type}): its options are too long`);
    process.chdir(short.directory);
    try {
      check(addon.mount(mount.source, target, mount.type, flags, short.data), mount);
    } finally {
      process.chdir("/");
    }
  } else {
    check(addon.mount(mount.source, target, mount.type, flags, words), mount);
  }
  // A bind mount takes its other flags by being mounted again.
  const isBind = (flags & MS.MS_BIND) !== 0;
  const rest = flags & ~(MS.MS_BIND | MS.MS_REC);
  if (isBind && rest !== 0) check(addon.mount("", target, "", MS.MS_REMOUNT | MS.MS_BIND | rest, ""), mount);
  for (const kind of propagation) check(addon.mount("", target, "", kind, ""), mount);
}

/** Takes off whatever is mounted there. */
export function unmountRoot(addon: Addon, target: string): void {
  for (let i = 0; i <= MOUNTS_MAX && addon.unmount(target, MNT_DETACH | UMOUNT_NOFOLLOW) === 0; i++);
}

/** Mounts all; where one fails none is left, and a MountError or SchemaError says why. */
export function mountRoot(addon: Addon, target: string, mounts: readonly RootMount[]): void {
  if (mounts.length > MOUNTS_MAX) throw new MountError(`more than ${MOUNTS_MAX} mounts`);
  try {
    for (const mount of mounts)
      mountOne(addon, mount.target === "" ? target : `${target}/${mount.target}`, mount);
  } catch (error) {
    unmountRoot(addon, target);
    throw error;
  }
}
