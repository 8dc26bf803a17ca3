// The mount tree of a container: its root file system, the mounts of its config.json in their order, device
// nodes, and what is masked or made read-only (runtime-spec, config.md "Mounts", config-linux.md).

import { makedev } from "../../shared/abi/device.ts";
import { EINVAL, ENOENT } from "../../shared/abi/errno.ts";
import { errnoText } from "../../shared/abi/errno_text.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_RELATIME } from "../../shared/abi/mount.ts";
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../../shared/abi/stat.ts";
import type { ContainerSpec, DeviceSpec, MountSpec } from "../../shared/container_spec.ts";
import { GoferFs } from "../gofer/gofer_fs.ts";
import type { VfsContext } from "./context.ts";
import { makeDevNodes, owned } from "./dev_nodes.ts";
import { isDevice } from "./devices.ts";
import { makeRoot } from "./initial_mounts.ts";
import { MemoryFs } from "./memory/memory_fs.ts";
import { mountFlags, SUPER_FLAGS } from "./mount_flags.ts";
import { emptyFs, newFileSystem, ownersFit } from "./mountable.ts";
import { Dentry, type Mount, type MountNamespace, Path } from "./path.ts";
import { walkPath } from "./path_walk.ts";
import { kernelContext, makePlace } from "./places.ts";

/** As many names of devices stand in one record of the log. */
const NAMES_LOGGED = 16;

class MountError extends Error {}

/** `cgroup` is what engines ask for whatever the host has; a mount of one hierarchy names its controllers. */
const typeOf = ({ type, data }: MountSpec) => (type === "cgroup" && data.length === 0 ? "cgroup2" : type);

const failure = (what: string, errno: number) => new MountError(`${what}: ${errnoText(-errno)}`);

/**
 * Builds the tree of a container in a namespace that is empty, over the host's directory that the descriptor has open: its
 * root. `taken` gets the descriptors that are a mount's from then on. Throws an Error whose message says what is wrong.
 */
export function mountContainerTree(
  kernel: VfsContext,
  mounts: MountNamespace,
  container: ContainerSpec,
  directory: number,
  taken: Set<number>,
): Path {
  const rootFs = makeRoot(kernel, directory);
  const root = mounts.mountRoot(rootFs, MS_RELATIME, rootFs.type);
  taken.add(directory);
  const mounted = container.mounts.map((mount) => {
    const made = addMount(kernel, root, mount);
    if (mount.descriptor !== undefined) taken.add(mount.descriptor);
    return made;
  });
  populateDev(kernel, root, container);
  for (const path of container.readOnlyPaths) makeReadOnly(kernel, root, path);
  for (const path of container.maskedPaths) mask(kernel, root, path);
  // At the end: mount points below are made first, where they are missing.
  for (const [index, { flags }] of container.mounts.entries())
    for (const mount of mounted[index]!) mount.flags |= flags & MS_RDONLY;
  for (const [index, { propagation }] of container.mounts.entries())
    for (const type of propagation) propagateAs(mounted[index]![0], type);
  if (container.rootPropagation !== 0) propagateAs(root.mount, container.rootPropagation);
  if (container.rootReadOnly) root.mount.flags |= MS_RDONLY;
  return root;
}

function propagateAs(mount: Mount, type: number): void {
  mount.namespace!.setPropagation(mount, type & ~MS_REC, (type & MS_REC) !== 0);
}

const legacyOnes = (kernel: VfsContext) => kernel.hierarchies.filter(({ controllers }) => controllers !== "");

/** What stands for an entry of config.json: a mount, and those that are made in it. */
type Mounted = [Mount, ...Mount[]];

/** A directory with a mount for each hierarchy of v1, as runc makes them where the host has these. */
function mountHierarchies(kernel: VfsContext, root: Path, mount: MountSpec): Mounted {
  const { destination, flags } = mount;
  const directory = { type: "tmpfs", source: "tmpfs", data: ["mode=755"] };
  const topFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const mounted: Mounted = [mountOne(kernel, root, { ...mount, ...directory, flags: topFlags })];
  for (const { controllers } of legacyOnes(kernel)) {
    const name = controllers.replace(/^name=/, "");
    const data = controllers.split(",");
    const one = {
      destination: `${destination}/${name}`,
      type: "cgroup",
      source: "cgroup",
      flags,
      data,
      propagation: [],
    };
    mounted.push(mountOne(kernel, root, one));
    // Each of several controllers has its name, too.
    const parent = existing(kernel, root, destination);
    if (data.length > 1)
      for (const word of data) parent?.inode.symlink(word, controllers, owned(S_IFLNK | 0o777));
  }
  return mounted;
}

/** Mounts one, writable for now. */
function addMount(kernel: VfsContext, root: Path, mount: MountSpec): Mounted {
  if (mount.type === "cgroup" && legacyOnes(kernel).length > 0) return mountHierarchies(kernel, root, mount);
  return [mountOne(kernel, root, mount)];
}

function mountOne(kernel: VfsContext, root: Path, mount: MountSpec): Mount {
  if (!ownersFit(kernel.users, mount.data)) throw failure(`mounting ${mount.destination}`, -EINVAL);
  const covered = existing(kernel, root, mount.destination);
  const fs =
    mount.type === "bind"
      ? new GoferFs(kernel, mount.descriptor!, mount.isHostReadOnly !== true, true)
      : newFileSystem(kernel, typeOf(mount), mount.data, kernel.rootCredentials, covered?.inode);
  if (typeof fs === "number") throw failure(`mounting ${mount.destination}: type ${mount.type}`, fs);
  const kind = fs.root.isDirectory ? S_IFDIR | 0o755 : S_IFREG | 0o644;
  const place = makePlace(kernel, root, mount.destination, owned(kind));
  if (typeof place === "number") throw failure(`mounting ${mount.destination}`, place);
  if (place.inode.isDirectory !== fs.root.isDirectory)
    throw new MountError(`mounting ${mount.destination}: a directory and a file do not go together`);
  const source = mount.type === "bind" ? fs.type : mount.source;
  fs.superFlags |= mount.flags & SUPER_FLAGS;
  return place.mount.namespace!.mount(fs, place, mountFlags(mount.flags) & ~MS_RDONLY, source);
}

/** Devices and links where /dev is a file system of the sandbox's own, and the nodes of config.json. */
function populateDev(kernel: VfsContext, root: Path, { devices, process }: ContainerSpec): void {
  const dev = makePlace(kernel, root, "/dev", owned(S_IFDIR | 0o755));
  if (typeof dev === "number") throw failure("/dev", dev);
  if (!(dev.inode.fs instanceof MemoryFs)) return;
  makeDevNodes(dev.inode, kernel.users);
  if (process.terminal) dev.inode.mknod("console", owned(S_IFCHR | 0o620), makedev(5, 1));
  for (const device of devices) makeDevice(kernel, root, device);
  const missing = devices.filter(
    ({ mode, major, minor }) => (mode & S_IFMT) !== S_IFCHR || !isDevice(makedev(major, minor)),
  );
  if (missing.length === 0) return;
  const names = missing.slice(0, NAMES_LOGGED).map(({ path }) => path);
  kernel.log("warn", "devices that no program can open here: the sandbox has none such", {
    devices: names.join(" "),
    count: missing.length,
  });
}

function makeDevice(
  kernel: VfsContext,
  root: Path,
  { path, mode, major, minor, ...given }: DeviceSpec,
): void {
  const slash = path.lastIndexOf("/");
  if (["", ".", ".."].includes(path.slice(slash + 1)))
    throw new MountError(`device ${path}: that is no name`);
  const directory = makePlace(kernel, root, path.slice(0, slash), owned(S_IFDIR | 0o755));
  if (typeof directory === "number") throw failure(`device ${path}`, directory);
  const { parent, systemOwner } = kernel.users;
  const owner = parent === null ? { uid: given.uid, gid: given.gid } : systemOwner;
  const made = directory.inode.mknod(path.slice(slash + 1), { mode, ...owner }, makedev(major, minor));
  // What every container has anyway is in the list too.
  if (typeof made === "number") kernel.log("debug", "a device node was not made", { path, errno: -made });
}

function existing(kernel: VfsContext, root: Path, path: string): Path | null {
  const found = walkPath(kernelContext(kernel, root), root, path, { follow: true });
  if (found instanceof Path) return found;
  if (found !== -ENOENT) kernel.log("debug", "a path of config.json cannot be looked up", { path });
  return null;
}

function makeReadOnly(kernel: VfsContext, root: Path, path: string): void {
  const place = existing(kernel, root, path);
  if (place === null) return;
  const { fs, flags, source } = place.mount;
  place.mount.namespace!.mount(fs, place, flags | MS_RDONLY, source, place.dentry);
}

/** An empty directory over a directory, /dev/null over anything else. */
function mask(kernel: VfsContext, root: Path, path: string): void {
  const place = existing(kernel, root, path);
  if (place === null) return;
  const flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (place.inode.isDirectory) {
    place.mount.namespace!.mount(emptyFs(kernel), place, flags, "tmpfs");
    return;
  }
  const nulls = emptyFs(kernel);
  const mode = S_IFCHR | 0o666;
  const node = nulls.root.mknod("null", { mode, ...kernel.users.systemOwner }, makedev(1, 3));
  if (typeof node === "number") throw failure(`masking ${path}`, node);
  place.mount.namespace!.mount(nulls, place, MS_NOSUID | MS_NOEXEC, "devtmpfs", new Dentry("", null, node));
}
