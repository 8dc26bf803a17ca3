// The sandbox's control server: the launcher's own connection, and a listening socket where the sandbox
// has a state directory. Peers are checked by user id; the directory's mode keeps others away as well.

import { closeSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { type Host, READABLE } from "../host.ts";
import { Connection } from "./connection.ts";
import { type Control, handleRequest, type Peer, peerGone } from "./methods.ts";

const CONNECTIONS_MAX = 1024;

export class ControlServer {
  readonly #host: Host;
  readonly #control: Control;
  readonly #uid: number;
  readonly #peers = new Map<Connection, Peer>();

  /** `launcher`: its own connection. Whoever runs as its user may ask for the same. */
  constructor(host: Host, control: Control, launcher: number) {
    this.#uid = host.peerUid(launcher);
    this.#host = host;
    this.#control = control;
  }

  /** Serves a connection that is there already. */
  attach(fd: number): Peer {
    const connection = new Connection(this.#host, fd, {
      line: (from, value) => this.#line(from, value),
      closed: (from) => this.#closed(from),
    });
    const peer: Peer = { connection };
    this.#peers.set(connection, peer);
    return peer;
  }

  listen(fd: number): void {
    this.#host.pollStart(fd, READABLE, () => this.#accept(fd));
  }

  #accept(listening: number): void {
    const fd = this.#host.accept(listening);
    if (fd < 0) {
      if (fd !== -EAGAIN) this.#control.log.warn({ errno: -fd }, "accept failed");
      return;
    }
    const uid = this.#host.peerUid(fd);
    if (uid === this.#uid && this.#peers.size < CONNECTIONS_MAX) this.attach(fd);
    else {
      this.#control.log.warn({ uid, connections: this.#peers.size }, "connection refused");
      closeSync(fd);
    }
  }

  #line(connection: Connection, value: unknown): void {
    const peer = this.#peers.get(connection);
    if (!peer) return;
    void handleRequest(this.#control, peer, value).then((understood) => {
      if (!understood) connection.close();
    });
  }

  #closed(connection: Connection): void {
    const peer = this.#peers.get(connection);
    this.#peers.delete(connection);
    if (peer) peerGone(this.#control, peer);
  }
}
