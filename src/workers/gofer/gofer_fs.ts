// The gofer file system: a host directory, reached by directory descriptors one component at a time
// (docs/hardening.md, F6), read-only as the lower layer of an overlay, or writable. Devices, FIFOs and sockets of
// the host are never opened: the sandbox's own implementations stand in for them by type and number.
//
// Attributes are believed for a short while, names for as long as their directory does not change: what
// happens on the host is seen soon, without asking for every step of a walk.

import { S_IFMT } from "../../shared/abi/stat.ts";
import { statfs } from "../../shared/abi/structs.ts";
import type { Mapped } from "../mem/vma.ts";
import type { VfsContext } from "../vfs/context.ts";
import { FileSystem, type FileSystemStatus } from "../vfs/inode.ts";
import { readStat } from "../vfs/stat.ts";
import type { AttributeCache } from "./attribute_cache.ts";
import { ByFile } from "./by_file.ts";
import { GoferInode } from "./gofer_inode.ts";
import { HANDLES_MAX, type HandleOpener, Handles } from "./handles.ts";
import { JobOperation } from "./job_record.ts";
import { statusOf } from "./remote.ts";
import { RemoteInode } from "./remote_inode.ts";
import { closeRemotely, lookUp, REMOTE_HANDLES } from "./remote_names.ts";

/** A close is a call to the host (F26). */
const HANDLES_A_PIECE = 64;

interface Root {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  /** f_type (statfs(2)). */
  readonly type: number;
}

function look({ native }: VfsContext, directory: number): Root {
  native.fstat(directory);
  const { dev, ino, mode } = readStat(native.scratchView);
  const isTold = native.fstatfs(directory) === 0;
  return { dev, ino, mode, type: isTold ? statfs.decode(native.scratch).f_type : 0 };
}

/** The same where there are guests that wait for nobody: by a thread, and not for ever. Throws. */
function ask({ gofer }: VfsContext, directory: number): Root {
  const root = gofer.ask<Root | number>("root", () => ({
    lane: gofer.mounts.freeLane(),
    args: { operation: JobOperation.STAT, a: directory, c: 1 },
    read: (record) => {
      const { dev, ino, mode } = readStat(record.stat);
      return record.result < 0 ? record.result : { dev, ino, mode, type: record.type };
    },
  }));
  if (typeof root === "number") throw new Error("the host does not say what a mount is");
  return root;
}

export class GoferFs extends FileSystem {
  declare readonly kernel: VfsContext;
  readonly type = "gofer";
  readonly root: GoferInode;
  readonly handles: Handles;
  /** How handles of files are opened and closed where that may take long. */
  readonly slowHandles: HandleOpener = REMOTE_HANDLES;
  /** Changes reach the host. */
  readonly writable: boolean;
  /** Other mounts may show the same files: what changes here is theirs to know, and the other way round. */
  readonly shared: boolean;
  /** What is known of files with several names. */
  readonly linked = new ByFile<AttributeCache>();

  /** `directory`: a host directory descriptor, the file system's own. */
  constructor(kernel: VfsContext, directory: number, writable = false, shared = false) {
    super(kernel);
    this.writable = writable;
    this.shared = shared;
    const { dev, ino, mode, type } =
      kernel.counters.tasks === 0 ? look(kernel, directory) : ask(kernel, directory);
    const remote = kernel.gofer.mounts.of(dev, type, "/");
    const Kind = remote === null ? GoferInode : RemoteInode;
    this.root = new Kind(this, null, "", dev, ino, mode & S_IFMT, remote);
    const closeRoot = (fd: number) => closeRemotely(this.root, fd);
    this.handles = new Handles(kernel.native, directory, HANDLES_MAX, closeRoot);
  }

  /** What a name leads to behind which another of the host's mounts begins. */
  lookAcross(directory: GoferInode, name: string): GoferInode | number {
    return lookUp(directory, name, null);
  }

  /** What a name of a local mount leads to whose disk takes its time. */
  lookUpSlowly(directory: GoferInode, name: string): GoferInode | number {
    return lookUp(directory, name, this.kernel.gofer.mounts.localLane());
  }

  override unmounted(): void {
    super.unmounted();
    this.kernel.gofer.idle.dropAllOf(this);
    this.kernel.steps.run(() => this.handles.closeSome(HANDLES_A_PIECE));
  }

  status(): FileSystemStatus | number {
    if (this.root instanceof RemoteInode) return statusOf(this.root);
    const { native } = this.kernel;
    const fd = this.handles.get(this.root);
    const error = fd < 0 ? fd : native.fstatfs(fd);
    if (error < 0) return error;
    const st = statfs.decode(native.scratch);
    return {
      type: st.f_type,
      bsize: st.f_bsize,
      blocks: st.f_blocks,
      bfree: st.f_bfree,
      bavail: st.f_bavail,
      files: st.f_files,
      ffree: st.f_ffree,
      namelen: st.f_namelen,
    };
  }

  /** What mappings of a host file have in common. */
  mapped(dev: number, ino: number, path: string, isSlow: boolean): Mapped {
    const { kernel } = this;
    return kernel.hostFiles.mapped(dev, ino, () => ({ id: kernel.nextMappedId(), path, dev, ino, isSlow }));
  }
}
