// A file on a remote mount of the host's (host_mounts.ts): all that is asked of it goes to its mount's lane.

import { ENOTDIR, EROFS, EXDEV } from "../../shared/abi/errno.ts";
import { O_ACCMODE } from "../../shared/abi/fcntl.ts";
import { S_IFDIR } from "../../shared/abi/stat.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { AttributeChanges, Attributes, Creation, DirectoryEntry, Inode } from "../vfs/inode.ts";
import { GoferInode } from "./gofer_inode.ts";
import type { HostMount } from "./host_mounts.ts";
import {
  askAttributes,
  getAttribute,
  listAttributes,
  listRemotely,
  openRemotely,
  readLink,
} from "./remote.ts";
import * as changes from "./remote_changes.ts";
import { RemoteFile } from "./remote_file.ts";
import { lookUp } from "./remote_names.ts";

export class RemoteInode extends GoferInode {
  declare readonly remote: HostMount;

  /** Where its mount's questions go. */
  get lane(): number {
    return this.remote.lane;
  }

  override get isSlow(): boolean {
    return true;
  }

  protected override closeDescriptor(fd: number): void {
    this.fs.kernel.gofer.close(this.lane, fd);
  }

  protected override ask(): Attributes | number {
    return askAttributes(this);
  }

  /** For a call that has asked it stays what it was. */
  override namesVersion(): number {
    const attributes = this.attributes();
    if (typeof attributes === "number") return attributes;
    return this.fs.kernel.gofer.transaction?.pin(this)?.version ?? this.version;
  }

  override lookup(name: string): Inode | number {
    return this.type === S_IFDIR ? lookUp(this, name, this.lane) : -ENOTDIR;
  }

  override entries(): readonly DirectoryEntry[] | number {
    return listRemotely(this);
  }

  override longListing(): null {
    return null;
  }

  override readlink(): string | number {
    return readLink(this);
  }

  protected override openFile(flags: number): OpenFile | number {
    // Access mode 3 is for ioctl alone: nothing is read through it.
    const access = (flags & O_ACCMODE) === O_ACCMODE ? 0 : flags & O_ACCMODE;
    if (access !== 0 && !this.fs.writable) return -EROFS;
    const loan = openRemotely(this, access, "open");
    return typeof loan === "number" ? loan : new RemoteFile(this, loan, flags);
  }

  // ---- Changes ----

  override setAttributes(wanted: AttributeChanges): number {
    return this.fs.writable ? changes.changeAttributes(this, wanted) : -EROFS;
  }

  override create(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? changes.make(this, name, creation) : -EROFS;
  }

  override mkdir(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? changes.make(this, name, creation) : -EROFS;
  }

  override symlink(name: string, target: string, creation: Creation): Inode | number {
    return this.fs.writable ? changes.make(this, name, creation, target) : -EROFS;
  }

  /** A FIFO or a socket, which the sandbox serves itself; devices are nobody's to make. */
  override mknod(name: string, creation: Creation): Inode | number {
    return this.fs.writable ? changes.make(this, name, creation) : -EROFS;
  }

  override tmpfile(creation: Creation, linkable: boolean): Inode | number {
    return this.fs.writable ? changes.makeNameless(this, creation, linkable) : -EROFS;
  }

  override link(name: string, target: Inode): number {
    const linked = target as GoferInode;
    if (linked.remote !== this.remote) return -EXDEV;
    return this.fs.writable ? changes.linkFile(this, name, linked) : -EROFS;
  }

  override unlink(name: string, child: Inode): number {
    return this.fs.writable ? changes.removeName(this, name, child as GoferInode, false) : -EROFS;
  }

  override rmdir(name: string, child: Inode): number {
    return this.fs.writable ? changes.removeName(this, name, child as GoferInode, true) : -EROFS;
  }

  override rename(
    name: string,
    child: Inode,
    newParent: Inode,
    newName: string,
    replaced: Inode | null,
    exchange: boolean,
  ): number {
    if (!this.fs.writable) return -EROFS;
    const [moving, to, there] = [child, newParent, replaced] as [GoferInode, GoferInode, GoferInode | null];
    // What another lane holds it may close while this one's job waits.
    if (to.remote !== this.remote || moving.remote !== this.remote) return -EXDEV;
    return changes.renameFile(this, name, moving, to, newName, there, exchange);
  }

  // ---- Extended attributes ----

  override setxattr(name: string, value: string, flags: number): number {
    return this.fs.writable ? changes.setAttribute(this, name, value, flags) : -EROFS;
  }

  override removexattr(name: string): number {
    return this.fs.writable ? changes.removeAttribute(this, name) : -EROFS;
  }

  override getxattr(name: string): string | number {
    return getAttribute(this, name);
  }

  override listxattr(): readonly string[] | number {
    return listAttributes(this);
  }
}
