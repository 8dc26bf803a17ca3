// An address family, as socket(2) and socketpair(2) see it: a row of FAMILIES (families.ts). Everything else of it is
// in the sockets that it makes.

import type { NetCaller } from "./caller.ts";
import type { SocketFile } from "./socket.ts";

export interface Family<C extends NetCaller> {
  /** A socket of a type (SOCK_STREAM, ...; less than SOCK_PACKET + 1) and a protocol, with O_* flags; or a negative errno. */
  create(task: C, type: number, protocol: number, status: number): SocketFile | number;
  /** Two that are the ends of a connection; or a negative errno, EOPNOTSUPP where the family has no pairs. */
  createPair(task: C, type: number, protocol: number, status: number): [SocketFile, SocketFile] | number;
}
