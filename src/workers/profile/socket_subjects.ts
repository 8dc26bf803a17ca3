// What the calls are about that the kernel thread NET serves: the sockets of their descriptors, by the names that they have on
// thread 0.

import type { Call } from "../call/call.ts";
import type { SocketFile } from "../net/socket.ts";
import type { CallSubjects, Subject } from "./recorder.ts";
import { SocketNames } from "./socket_names.ts";

/** As NetTask is. */
interface SocketCaller {
  readonly socket: { readonly file: SocketFile } | null;
}

export class SocketSubjects implements CallSubjects {
  readonly #known = new WeakMap<SocketFile, Subject>();

  readonly #names = new SocketNames();

  of(call: Call): Subject | null {
    const { socket } = call.caller as unknown as SocketCaller;
    if (socket === null) return null;
    const { file } = socket;
    let subject = this.#known.get(file);
    if (subject === undefined) {
      subject = { kind: "sockets", name: `socket:[${file.givenInode}]` };
      this.#known.set(file, subject);
    }
    this.#names.used(file, subject.name);
    return subject;
  }

  socketName(name: string): string {
    return this.#names.full(name);
  }
}
