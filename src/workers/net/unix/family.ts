// AF_UNIX as an address family: which sockets there are.

import { ENFILE, EPROTONOSUPPORT, ESOCKTNOSUPPORT } from "../../../shared/abi/errno.ts";
import { AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from "../../../shared/abi/socket.ts";
import type { Family } from "../family.ts";
import type { UnixCaller } from "./context.ts";
import { connectPair, UnixSocket } from "./unix_socket.ts";

const TYPES: ReadonlySet<number> = new Set([SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW]);

function create(task: UnixCaller, type: number, protocol: number, status: number): UnixSocket | number {
  const { kernel, network } = task;
  if (protocol !== 0 && protocol !== AF_UNIX) return -EPROTONOSUPPORT;
  if (!TYPES.has(type)) return -ESOCKTNOSUPPORT;
  if (!kernel.heap.hasRoom("sockets")) return -ENFILE;
  // Raw ones are believed to be datagrams.
  const real = type === SOCK_RAW ? SOCK_DGRAM : type;
  return new UnixSocket(network, kernel.anonymous.socket(task.credentials), real, protocol, status);
}

export const UNIX: Family<UnixCaller> = {
  isOnNet: false,
  create,

  createPair: (task, type, protocol, status) => {
    const first = create(task, type, protocol, status);
    if (typeof first === "number") return first;
    const second = create(task, type, protocol, status);
    if (typeof second === "number") {
      task.files.discard(first);
      return second;
    }
    connectPair(task, first, second);
    return [first, second];
  },
};
