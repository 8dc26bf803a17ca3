// The sandbox's control server: the launcher's own connection, and a listening socket where the sandbox
// has a state directory. Peers are checked by user id; the directory's mode keeps others away as well.

import { closeSync, fstatSync } from "node:fs";
import { EAGAIN } from "../../shared/abi/errno.ts";
import { type Host, READABLE } from "../host.ts";
import type { Log } from "../log.ts";
import { Connection } from "./connection.ts";
import { type Control, handleRequest, type Peer, peerGone } from "./methods.ts";

const CONNECTIONS_MAX = 1024;

export class ControlServer {
  readonly #host: Host;
  readonly #uid: number;
  readonly #peers = new Map<Connection, { peer: Peer; control: Control }>();

  readonly #log: Log;

  /** `launcher`: its own connection. Whoever runs as its user may ask for the same. */
  constructor(host: Host, log: Log, launcher: number) {
    this.#uid = host.peerUid(launcher);
    this.#host = host;
    this.#log = log;
  }

  /** Serves a connection that is there already; `control`: what it is about. */
  attach(fd: number, control: Control): Peer {
    const connection = new Connection(this.#host, fd, {
      line: (from, value) => this.#line(from, value),
      closed: (from) => this.#closed(from),
    });
    const peer: Peer = { connection };
    this.#peers.set(connection, { peer, control });
    return peer;
  }

  /** As attach, of what a peer has sent along: it may be anything, and too much. */
  adopt(fd: number, control: Control): void {
    if (fstatSync(fd).isSocket() && this.#connectionsOf(control) < CONNECTIONS_MAX) this.attach(fd, control);
    else closeSync(fd);
  }

  /** Returns how to end it, with all connections that came by it. */
  listen(fd: number, control: Control): () => void {
    const poll = this.#host.pollStart(fd, READABLE, () => this.#accept(fd, control));
    return () => {
      this.#host.pollStop(poll);
      closeSync(fd);
      for (const [connection, peer] of this.#peers) if (peer.control === control) connection.close();
    };
  }

  #accept(listening: number, control: Control): void {
    const fd = this.#host.accept(listening);
    if (fd < 0) {
      if (fd !== -EAGAIN) this.#log.warn({ errno: -fd }, "accept failed");
      return;
    }
    const uid = this.#host.peerUid(fd);
    if (uid === this.#uid && this.#connectionsOf(control) < CONNECTIONS_MAX) this.attach(fd, control);
    else {
      this.#log.warn({ uid, connections: this.#peers.size }, "connection refused");
      closeSync(fd);
    }
  }

  #connectionsOf(control: Control): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.control === control) count++;
    return count;
  }

  #line(connection: Connection, value: unknown): void {
    const asked = this.#peers.get(connection);
    if (!asked) return;
    void handleRequest(asked.control, asked.peer, value).then((understood) => {
      if (!understood) connection.close();
    });
  }

  #closed(connection: Connection): void {
    const gone = this.#peers.get(connection);
    this.#peers.delete(connection);
    if (gone) peerGone(gone.control, gone.peer);
  }
}
