// Options of AF_UNIX sockets: those of every socket, and who the other end is (unix(7)).

import { ENODATA, ERANGE, ESRCH } from "../../../shared/abi/errno.ts";
import * as S from "../../../shared/abi/socket.ts";
import { install } from "../../vfs/install.ts";
import { INT, int, type Option, type OptionTable } from "../option_table.ts";
import { SOCKET_LEVEL, SocketOptions } from "../options.ts";
import type { UnixCaller } from "./context.ts";
import { credentialBytes, NO_PEER, type Peer } from "./peer.ts";
import type { UnixSocket } from "./unix_socket.ts";

function flag(key: "passCredentials" | "passPidfd"): Option<UnixOptions> {
  return {
    get: (options) => int(Number(options[key])),
    set: (options, value) => {
      options[key] = value.readInt32LE() !== 0;
      return 0;
    },
  };
}

function peerGroups({ peer }: UnixOptions, { credentials }: UnixCaller, room: number): Buffer | number {
  if (peer === null) return -ENODATA;
  const { groups } = peer;
  if (room < groups.length * INT) return -ERANGE;
  const bytes = Buffer.alloc(groups.length * INT);
  const { gids } = credentials.userNamespace;
  for (const [index, gid] of groups.entries()) bytes.writeUInt32LE(gids.told(gid), index * INT);
  return bytes;
}

function peerPidfd({ peer }: UnixOptions, task: UnixCaller): Buffer | number {
  if (peer === null) return -ENODATA;
  const { group } = peer.process;
  if (group === null) return -ESRCH;
  const fd = install(task, task.kernel.newPidFile(group), true);
  return fd < 0 ? fd : int(fd);
}

const UNIX_LEVEL: OptionTable = new Map<number, Option>([
  ...SOCKET_LEVEL,
  [S.SO_PASSCRED, flag("passCredentials")],
  [S.SO_PASSPIDFD, flag("passPidfd")],
  [
    S.SO_PEERCRED,
    { get: ({ peer }: UnixOptions, task: UnixCaller) => credentialBytes(task, peer ?? NO_PEER) },
  ],
  [S.SO_PEERGROUPS, { get: peerGroups }],
  [S.SO_PEERPIDFD, { get: peerPidfd }],
]);

export class UnixOptions extends SocketOptions {
  readonly #socket: UnixSocket;
  passCredentials = false;
  passPidfd = false;

  constructor(socket: UnixSocket) {
    super(socket);
    this.#socket = socket;
  }

  protected override get socketLevel(): OptionTable {
    return UNIX_LEVEL;
  }

  isListening(): boolean {
    return this.#socket.isListening;
  }

  get peer(): Peer | null {
    return this.#socket.peerIdentity;
  }

  /** Messages for this socket say who they are from. */
  get wantsCredentials(): boolean {
    return this.passCredentials || this.passPidfd;
  }

  /** What a connection takes over from the socket that listened. */
  inherit(listener: UnixOptions): void {
    this.passCredentials = listener.passCredentials;
    this.passPidfd = listener.passPidfd;
  }
}
