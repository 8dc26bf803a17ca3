// What the calls are about that the kernel thread NET serves: the sockets of their descriptors, by the names that they have on
// thread 0.

import type { Call } from "../call/call.ts";
import type { SocketFile } from "../net/socket.ts";
import type { CallSubjects, Subject } from "./recorder.ts";

/** As NetTask is. */
interface SocketCaller {
  readonly socket: { readonly file: SocketFile } | null;
}

export class SocketSubjects implements CallSubjects {
  readonly #known = new WeakMap<SocketFile, Subject>();

  of(call: Call): Subject | null {
    const { socket } = call.caller as unknown as SocketCaller;
    if (socket === null) return null;
    const known = this.#known.get(socket.file);
    if (known !== undefined) return known;
    const subject: Subject = { kind: "sockets", name: `socket:[${socket.file.givenInode}]` };
    this.#known.set(socket.file, subject);
    return subject;
  }
}
