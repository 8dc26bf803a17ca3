// Names of AF_UNIX sockets (unix(7)): abstract ones, and sockets in the file system, found by the inode
// that bind made.

import { EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, ENOSPC, EPROTOTYPE } from "../../../shared/abi/errno.ts";
import { AT_FDCWD } from "../../../shared/abi/fcntl.ts";
import { AF_UNIX } from "../../../shared/abi/socket.ts";
import { S_IFSOCK } from "../../../shared/abi/stat.ts";
import type { VfsCaller } from "../../vfs/caller.ts";
import { makeNode } from "../../vfs/directory_calls.ts";
import type { Inode } from "../../vfs/inode.ts";
import { lookup, mayAccess } from "../../vfs/lookup.ts";
import { FileTarget } from "../../vfs/path_walk.ts";
import { MAY_WRITE } from "../../vfs/permission.ts";
import type { Network } from "../network.ts";
import type { Address } from "../socket.ts";
import type { UnixSocket } from "./unix_socket.ts";

const FAMILY = String.fromCharCode(AF_UNIX, 0);
const ADDRESS_MAX = 110;
const SOCKET_MODE = 0o777;
/** Autobind names a socket by five hexadecimal digits. */
const AUTO_DIGITS = 5;
const AUTO_COUNT = 16 ** AUTO_DIGITS;

/** The address of a socket without a name. */
export const NO_NAME: Address = FAMILY;

/** What an address names: "" nothing, a path, or an abstract name with its leading NUL; or -EINVAL. */
function nameIn(address: Address): string | number {
  if (address.length < 2 || address.length > ADDRESS_MAX || !address.startsWith(FAMILY)) return -EINVAL;
  const name = address.slice(2);
  if (name === "" || name.startsWith("\0")) return name;
  const end = name.indexOf("\0");
  return end < 0 ? name : name.slice(0, end);
}

function keyOf(inode: Inode): string | null {
  const attributes = inode.attributes();
  return typeof attributes === "number" ? null : `${attributes.dev}:${attributes.ino}`;
}

/** Each type of socket has abstract names of its own, and each network namespace. */
function keyOfName(network: Network, type: number, name: string): string {
  return `${network.number}:${type}:${name}`;
}

export class UnixNames {
  readonly #abstract = new Map<string, UnixSocket>();
  readonly #inodes = new Map<string, UnixSocket>();
  #nextAuto = 0;

  /** Names: for counters. */
  get size(): number {
    return this.#abstract.size + this.#inodes.size;
  }

  /** Gives the socket a name: its address, or a negative errno. */
  bind(task: VfsCaller, socket: UnixSocket, address: Address): Address | number {
    const name = nameIn(address);
    if (typeof name === "number") return name;
    if (name === "") return this.autobind(socket);
    return name.startsWith("\0") ? this.#bindAbstract(socket, name) : this.#bindPath(task, socket, name);
  }

  /** What the bind of a socket that has a name answers: a path is looked at first. */
  bindAgain(task: VfsCaller, address: Address): number {
    const name = nameIn(address);
    if (typeof name === "number") return name;
    if (name === "" || name.startsWith("\0")) return name === "" ? 0 : -EINVAL;
    const found = lookup(task, AT_FDCWD, name, { follow: false });
    return typeof found === "number" ? -EINVAL : -EADDRINUSE;
  }

  autobind(socket: UnixSocket): Address | number {
    for (let tries = 0; tries < AUTO_COUNT; tries++) {
      this.#nextAuto = (this.#nextAuto + 1) % AUTO_COUNT;
      const name = `\0${this.#nextAuto.toString(16).padStart(AUTO_DIGITS, "0")}`;
      if (!this.#abstract.has(keyOfName(socket.network, socket.type, name)))
        return this.#bindAbstract(socket, name);
    }
    return -ENOSPC;
  }

  #bindAbstract(socket: UnixSocket, name: string): Address | number {
    const key = keyOfName(socket.network, socket.type, name);
    if (this.#abstract.has(key)) return -EADDRINUSE;
    this.#abstract.set(key, socket);
    return FAMILY + name;
  }

  #bindPath(task: VfsCaller, socket: UnixSocket, path: string): Address | number {
    const inode = makeNode(task, AT_FDCWD, path, S_IFSOCK | SOCKET_MODE, 0);
    if (typeof inode === "number") return inode === -EEXIST ? -EADDRINUSE : inode;
    const key = keyOf(inode);
    if (key !== null) this.#inodes.set(key, socket);
    socket.boundKey = key;
    return `${FAMILY}${path}\0`;
  }

  /** The socket that an address names, for a task that wants to reach it from another; or a negative errno. */
  find(task: VfsCaller, { network, type }: UnixSocket, address: Address): UnixSocket | number {
    const name = nameIn(address);
    if (typeof name === "number") return name;
    if (name === "") return -EINVAL;
    if (name.startsWith("\0")) return this.#abstract.get(keyOfName(network, type, name)) ?? -ECONNREFUSED;
    const found = lookup(task, AT_FDCWD, name, { follow: true });
    if (typeof found === "number") return found;
    if (found instanceof FileTarget) return -ECONNREFUSED;
    const error = mayAccess(task, found, MAY_WRITE);
    if (error < 0) return error;
    if (found.inode.type !== S_IFSOCK) return -ECONNREFUSED;
    const socket = this.#inodes.get(keyOf(found.inode) ?? "");
    if (socket === undefined) return -ECONNREFUSED;
    return socket.type === type ? socket : -EPROTOTYPE;
  }

  /** The socket ends: its name is free, its inode stays. */
  release(socket: UnixSocket): void {
    const name = keyOfName(socket.network, socket.type, socket.name().slice(2));
    if (this.#abstract.get(name) === socket) this.#abstract.delete(name);
    const key = socket.boundKey;
    if (key !== null && this.#inodes.get(key) === socket) this.#inodes.delete(key);
  }
}
