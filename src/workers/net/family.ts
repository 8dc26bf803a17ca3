// An address family, as socket(2) and socketpair(2) see it: a row of FAMILIES (families.ts). Everything else of it is
// in the sockets that it makes.

import type { Caller } from "../call/caller.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { OpenFile } from "../vfs/file.ts";
import type { Inode } from "../vfs/inode.ts";
import type { NetContext } from "./context.ts";
import type { Network } from "./network.ts";
import type { Address, SocketFile } from "./socket.ts";
import type { StandIn } from "./stand_in.ts";

/** Who is in a network namespace. */
export interface NetworkMember {
  readonly credentials: Credentials;
  readonly network: Network;
}

/** Who asks for a socket. */
export interface Creator {
  readonly kernel: NetContext;
  readonly credentials: Credentials;
  /** Where the socket is to be. */
  readonly network: Network;
}

export interface Family<C extends Creator> {
  /** Its sockets are the kernel thread NET's, where there is one. */
  readonly isOnNet: boolean;
  /** 0, or the negative errno of who may not have such a socket: asked where who asks is known. */
  refuses?(by: Creator, type: number, protocol: number): number;
  /** A socket of a type (SOCK_*, at most SOCK_PACKET) and a protocol, with O_* flags; or a negative errno. */
  create(task: C, type: number, protocol: number, status: number): SocketFile | number;
  /** Two that are the ends of a connection; or a negative errno, EOPNOTSUPP where the family has no pairs. */
  createPair(task: C, type: number, protocol: number, status: number): [SocketFile, SocketFile] | number;
}

/** A connection, and who has made it; or none, and how long a call waits for one (nanoseconds). */
export type Accepted =
  | { readonly file: OpenFile; readonly peer: Address | number }
  | { readonly file: null; readonly timeoutNs: number };

/** A kernel thread that makes sockets for others. */
export interface SocketMaker {
  /** What stands in for the next connection; or a negative errno. */
  accept(task: Caller, listener: StandIn, status: number): Generator<void, Accepted | number, void>;
  /** What stands in for a new one, on that inode; or a negative errno. */
  create(
    task: Caller & NetworkMember,
    inode: Inode,
    family: number,
    type: number,
    protocol: number,
    status: number,
  ): Generator<void, OpenFile | number, void>;
}
