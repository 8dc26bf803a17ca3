// devpts (pts(4)): /dev/pts with a node for each pseudo-terminal, ptmx, and the caller's terminal. A container has one; who mounts
// another in a user namespace of a guest's gets one with pseudo-terminals of its own.

import { makedev } from "../../../shared/abi/device.ts";
import { ENOENT, ENOTDIR, EPERM } from "../../../shared/abi/errno.ts";
import { DT_CHR, S_IFCHR, S_IFDIR } from "../../../shared/abi/stat.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { now } from "../clock.ts";
import type { VfsContext } from "../context.ts";
import { openDevice } from "../devices.ts";
import { DirectoryFile } from "../directory_file.ts";
import type { OpenFile } from "../file.ts";
import { numberOf } from "../generated/nodes.ts";
import {
  type AttributeChanges,
  type Attributes,
  type DirectoryEntry,
  FileSystem,
  type FileSystemStatus,
  Inode,
  simpleStatus,
  type Time,
} from "../inode.ts";
import type { Ptys } from "./pty.ts";
import { GID_TTY, terminalGroup } from "./pty_files.ts";

const ROOT_INO = 1;
const PTMX_INO = 2;
const FIRST_INO = 3;
const BLOCK_SIZE = 1024;

interface Ownership {
  uid: number;
  gid: number;
  mode: number;
}

export class DevPts extends FileSystem {
  declare readonly kernel: VfsContext;
  readonly type = "devpts";
  readonly root: Inode;
  override readonly cachesNames = false;
  // Whatever was asked for, that is how terminals are.
  override readonly options = `gid=${GID_TTY},mode=620,ptmxmode=666`;
  readonly ptmx: DevPtsDevice;
  readonly ptys: Ptys;

  /** `ptys`: the terminals that are seen in it. */
  constructor(kernel: VfsContext, ptys: Ptys) {
    super(kernel);
    this.ptys = ptys;
    this.root = new DevPtsDirectory(this);
    this.ptmx = new DevPtsDevice(this, PTMX_INO, makedev(5, 2), { uid: 0, gid: 0, mode: 0o666 });
  }

  /** All its devices are its own. */
  override get allowsDevices(): boolean {
    return true;
  }

  /** The node of a terminal, or null. */
  terminal(number: number): DevPtsDevice | null {
    const { ptys } = this;
    const { rootCredentials, users } = this.kernel;
    const pty = ptys.get(number);
    if (pty !== undefined) return new DevPtsDevice(this, FIRST_INO + number, pty.device, pty);
    const lent = ptys.lent.get(number);
    if (lent === undefined) return null;
    const uid = lent.owner ?? rootCredentials.uid;
    const gid = terminalGroup(users, rootCredentials);
    return new DevPtsDevice(this, FIRST_INO + number, lent.device, { uid, gid, mode: 0o620 });
  }

  status(): FileSystemStatus {
    return simpleStatus(this.type);
  }
}

abstract class DevPtsInode extends Inode {
  override readonly fs: DevPts;
  readonly #time: Time;

  constructor(fs: DevPts) {
    super(fs);
    this.fs = fs;
    this.#time = now(fs.kernel.native);
  }

  protected describe(mode: number, uid: number, gid: number, rdev: number, nlink: number): Attributes {
    const time = this.#time;
    const { dev } = this.fs;
    const sizes = { size: 0, blksize: BLOCK_SIZE, blocks: 0 };
    const times = { atime: time, mtime: time, ctime: time, btime: null };
    return {
      dev,
      ino: this.ino,
      mode: this.type | mode,
      nlink,
      uid,
      gid,
      rdev,
      ...sizes,
      ...times,
      acl: null,
    };
  }
}

class DevPtsDirectory extends DevPtsInode {
  readonly ino = ROOT_INO;
  readonly type = S_IFDIR;

  override attributes(): Attributes {
    return this.describe(0o755, 0, 0, 0, 2);
  }

  override open(flags: number): OpenFile {
    return new DirectoryFile(this, flags);
  }

  override lookup(name: string): Inode | number {
    if (name === "ptmx") return this.fs.ptmx;
    const number = numberOf(name);
    return (number < 0 ? null : this.fs.terminal(number)) ?? -ENOENT;
  }

  override entries(): readonly DirectoryEntry[] {
    const numbers = this.fs.ptys.numbers();
    return [
      { name: "ptmx", ino: PTMX_INO, type: DT_CHR },
      ...numbers.map((number) => ({ name: String(number), ino: FIRST_INO + number, type: DT_CHR })),
    ];
  }

  override create(): number {
    return -EPERM;
  }

  override mkdir(): number {
    return -EPERM;
  }

  override unlink(): number {
    return -EPERM;
  }
}

class DevPtsDevice extends DevPtsInode {
  readonly ino: number;
  readonly type = S_IFCHR;
  readonly #rdev: number;
  readonly #ownership: Ownership;

  constructor(fs: DevPts, ino: number, rdev: number, ownership: Ownership) {
    super(fs);
    this.ino = ino;
    this.#rdev = rdev;
    this.#ownership = ownership;
  }

  override attributes(): Attributes {
    const { mode, uid, gid } = this.#ownership;
    return this.describe(mode, uid, gid, this.#rdev, 1);
  }

  override setAttributes({ mode, uid, gid }: AttributeChanges): number {
    const own = this.#ownership;
    if (mode !== undefined) own.mode = mode;
    if (uid !== undefined) own.uid = uid;
    if (gid !== undefined) own.gid = gid;
    return 0;
  }

  override open(flags: number, credentials: Credentials): OpenFile | number {
    return openDevice(this.fs.kernel, this.#rdev, flags, credentials, this.fs.ptys);
  }

  override lookup(): number {
    return -ENOTDIR;
  }
}
