// Options of AF_UNIX sockets: those of every socket, and who the other end is.

import type { Peer } from "../ancillary.ts";
import { SocketOptions } from "../options.ts";
import type { UnixSocket } from "./unix_socket.ts";

export class UnixOptions extends SocketOptions {
  readonly #socket: UnixSocket;

  constructor(socket: UnixSocket) {
    super(socket);
    this.#socket = socket;
  }

  isListening(): boolean {
    return this.#socket.isListening;
  }

  peer(): Peer | null {
    return this.#socket.peerIdentity;
  }

  /** What a connection takes over from the socket that listened. */
  inherit(listener: UnixOptions): void {
    this.passCredentials = listener.passCredentials;
    this.passPidfd = listener.passPidfd;
  }
}
