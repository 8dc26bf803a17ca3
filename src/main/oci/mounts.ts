// The `mounts` of an OCI config.json: options as words, turned into mount(2)'s flags by one table.

import * as MS from "../../shared/abi/mount.ts";
import type { MountSpec } from "../../shared/container_spec.ts";
import type { Descriptors } from "../boot.ts";
import { byteString, list, object, optional, type Reader, SchemaError } from "./schema.ts";

const MOUNTS_MAX = 1024;
const OPTIONS_MAX = 256;
const RANGES_MAX = 340;

/** Option -> flags it sets and flags it clears. */
type Flags = Readonly<Record<string, { set?: number; clear?: number }>>;

/** Attributes of a mount, which can be asked for of all below it as well (rro, rnosuid...). */
const ATTRIBUTES: Flags = {
  ro: { set: MS.MS_RDONLY },
  rw: { clear: MS.MS_RDONLY },
  nosuid: { set: MS.MS_NOSUID },
  suid: { clear: MS.MS_NOSUID },
  nodev: { set: MS.MS_NODEV },
  dev: { clear: MS.MS_NODEV },
  noexec: { set: MS.MS_NOEXEC },
  exec: { clear: MS.MS_NOEXEC },
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
};

const FLAGS: Flags = {
  ...ATTRIBUTES,
  // What the host has mounted below is one mount with it here, so that the two forms say the same.
  ...Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, flags]) => [`r${name}`, flags])),
  defaults: {},
  bind: { set: MS.MS_BIND },
  rbind: { set: MS.MS_BIND | MS.MS_REC },
  sync: { set: MS.MS_SYNCHRONOUS },
  async: { clear: MS.MS_SYNCHRONOUS },
  dirsync: { set: MS.MS_DIRSYNC },
  lazytime: { set: MS.MS_LAZYTIME },
  nolazytime: { clear: MS.MS_LAZYTIME },
  // Of no meaning to any file system of the sandbox's; mand has none on Linux either since 5.15.
  acl: {},
  noacl: {},
  iversion: {},
  noiversion: {},
  mand: {},
  nomand: {},
  silent: {},
  loud: {},
  // The launcher has mapped the ids of what it has opened.
  idmap: {},
  ridmap: {},
};

/** How what is mounted there later propagates, within the sandbox. */
export const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS.MS_SHARED,
  rshared: MS.MS_SHARED | MS.MS_REC,
  slave: MS.MS_SLAVE,
  rslave: MS.MS_SLAVE | MS.MS_REC,
  private: MS.MS_PRIVATE,
  rprivate: MS.MS_PRIVATE | MS.MS_REC,
  unbindable: MS.MS_UNBINDABLE,
  runbindable: MS.MS_UNBINDABLE | MS.MS_REC,
};

/** Options that are understood. */
export const MOUNT_OPTIONS: readonly string[] = [
  ...Object.keys(FLAGS),
  ...Object.keys(PROPAGATION),
  "tmpcopyup",
];

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

export interface MountWords {
  flags: number;
  data: string[];
  propagation: number[];
}

/** mount(2)'s flags and data of options as words. */
export function readOptions(options: readonly string[], at: string): MountWords {
  let flags = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  for (const option of options) {
    if (UNSUPPORTED.has(option)) throw new SchemaError(`${at}: mount option ${option} is not supported`);
    if (Object.hasOwn(PROPAGATION, option)) {
      propagation.push(PROPAGATION[option]!);
      continue;
    }
    const known = Object.hasOwn(FLAGS, option) ? FLAGS[option]! : undefined;
    if (known === undefined) data.push(option);
    else flags = (flags & ~(known.clear ?? 0)) | (known.set ?? 0);
  }
  return { flags, data, propagation };
}

/** All mounts; the launcher has opened what bind mounts show, in the same order. */
export function ociMounts(descriptors: Descriptors): Reader<MountSpec[]> {
  const readMounts = list(readMount, MOUNTS_MAX);
  return (value, at) =>
    readMounts(value, at).map(({ destination, type, source, options, ...ids }, index) => {
      const { flags, data, propagation } = readOptions(options, `${at}[${index}]`);
      // As with runc, a destination may be relative: to the root.
      const spec: MountSpec = {
        destination: destination.replace(/^\/*/, "/"),
        type,
        source,
        flags,
        data,
        propagation,
      };
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
