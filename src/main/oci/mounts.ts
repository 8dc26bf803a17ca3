// The `mounts` of an OCI config.json: options as words, turned into mount(2)'s flags by one table.

import * as MS from "../../shared/abi/mount.ts";
import type { MountSpec } from "../../shared/container_spec.ts";
import type { Descriptors } from "../boot.ts";
import { byteString, list, object, optional, type Reader, SchemaError } from "./schema.ts";

const MOUNTS_MAX = 1024;
const OPTIONS_MAX = 256;
const RANGES_MAX = 340;

/** Option -> flags it sets and flags it clears. Propagation has no meaning: nothing is shared with the host. */
const FLAGS: Readonly<Record<string, { set?: number; clear?: number }>> = {
  defaults: {},
  bind: { set: MS.MS_BIND },
  rbind: { set: MS.MS_BIND | MS.MS_REC },
  ro: { set: MS.MS_RDONLY },
  rro: { set: MS.MS_RDONLY },
  rw: { clear: MS.MS_RDONLY },
  nosuid: { set: MS.MS_NOSUID },
  suid: { clear: MS.MS_NOSUID },
  nodev: { set: MS.MS_NODEV },
  dev: { clear: MS.MS_NODEV },
  noexec: { set: MS.MS_NOEXEC },
  exec: { clear: MS.MS_NOEXEC },
  sync: { set: MS.MS_SYNCHRONOUS },
  async: { clear: MS.MS_SYNCHRONOUS },
  dirsync: { set: MS.MS_DIRSYNC },
  noatime: { set: MS.MS_NOATIME },
  atime: { clear: MS.MS_NOATIME },
  nodiratime: { set: MS.MS_NODIRATIME },
  diratime: { clear: MS.MS_NODIRATIME },
  relatime: { set: MS.MS_RELATIME },
  norelatime: { clear: MS.MS_RELATIME },
  strictatime: { set: MS.MS_STRICTATIME },
  nostrictatime: { clear: MS.MS_STRICTATIME },
  nosymfollow: { set: MS.MS_NOSYMFOLLOW },
  symfollow: { clear: MS.MS_NOSYMFOLLOW },
  silent: {},
  loud: {},
  shared: {},
  rshared: {},
  slave: {},
  rslave: {},
  private: {},
  rprivate: {},
  unbindable: {},
  runbindable: {},
  // The launcher has mapped the ids of what it has opened.
  idmap: {},
  ridmap: {},
};

/** Options that are understood. */
export const MOUNT_OPTIONS: readonly string[] = [...Object.keys(FLAGS), "tmpcopyup"];

const UNSUPPORTED: ReadonlySet<string> = new Set(["remount"]);

/** Options of bind mounts of the host's files. */
const MAPS_IDS: ReadonlySet<string> = new Set(["idmap", "ridmap"]);

/** The launcher has read it. */
const anything: Reader<unknown> = (value) => value;

const readMount = object({
  destination: byteString,
  type: optional(byteString, ""),
  source: optional(byteString, ""),
  options: optional(list(byteString, OPTIONS_MAX), []),
  uidMappings: optional(list(anything, RANGES_MAX), []),
  gidMappings: optional(list(anything, RANGES_MAX), []),
});

function readOptions(options: readonly string[], at: string): { flags: number; data: string[] } {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    if (UNSUPPORTED.has(option)) throw new SchemaError(`${at}: mount option ${option} is not supported`);
    const known = Object.hasOwn(FLAGS, option) ? FLAGS[option]! : undefined;
    if (known === undefined) data.push(option);
    else flags = (flags & ~(known.clear ?? 0)) | (known.set ?? 0);
  }
  return { flags, data };
}

/** All mounts; the launcher has opened what bind mounts show, in the same order. */
export function ociMounts(descriptors: Descriptors): Reader<MountSpec[]> {
  const readMounts = list(readMount, MOUNTS_MAX);
  return (value, at) =>
    readMounts(value, at).map(({ destination, type, source, options, ...ids }, index) => {
      const { flags, data } = readOptions(options, `${at}[${index}]`);
      // As with runc, a destination may be relative: to the root.
      const spec: MountSpec = { destination: destination.replace(/^\/*/, "/"), type, source, flags, data };
      if (type !== "bind" && (flags & MS.MS_BIND) === 0) {
        const maps = [...ids.uidMappings, ...ids.gidMappings];
        if (maps.length > 0 || options.some((option) => MAPS_IDS.has(option)))
          throw new SchemaError(`${at}[${index}]: ids are mapped of bind mounts alone`);
        return spec;
      }
      const descriptor = descriptors[`mount:${index}`];
      if (descriptor === undefined) throw new SchemaError(`${at}[${index}] was not opened by the launcher`);
      return { ...spec, type: "bind", descriptor, isHostReadOnly: (flags & MS.MS_RDONLY) !== 0 };
    });
}
