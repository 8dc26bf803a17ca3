// What sockets are called in a profile: as /proc/PID/fd has them, and by their addresses. Those come while a socket is used, and
// it may be gone when the profile ends: it is looked at its first, second, fourth... call.

import { AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from "../../shared/abi/socket.ts";
import type { SocketFile } from "../net/socket.ts";
import { escaped, kept } from "./names.ts";

const DETAILS_MAX = 4096;
const TYPES: ReadonlyMap<number, string> = new Map([
  [SOCK_STREAM, "stream"],
  [SOCK_DGRAM, "dgram"],
]);

/** An address as sockaddr(3type) has it, one char a byte; "": there is nothing in it. */
export function addressText(address: string): string {
  const byte = (at: number) => address.charCodeAt(at) & 0xff;
  const port = byte(2) * 256 + byte(3);
  switch (address.length < 2 ? -1 : byte(0) + byte(1) * 256) {
    case AF_INET:
      return address.length < 8 ? "" : `${[4, 5, 6, 7].map(byte).join(".")}:${port}`;
    case AF_INET6: {
      if (address.length < 24) return "";
      const words = Array.from({ length: 8 }, (_none, i) => byte(8 + 2 * i) * 256 + byte(9 + 2 * i));
      return `[${words.map((word) => word.toString(16)).join(":")}]:${port}`;
    }
    case AF_UNIX: {
      const path = address.slice(2).replace(/(?!^)\0.*$/s, "");
      return path === "" || path === "\0" ? "" : path.replace(/^\0/, "@");
    }
    default:
      return "";
  }
}

function detailOf(socket: SocketFile): string {
  const [own, peer] = [socket.name(), socket.peerName()];
  const type = TYPES.get(socket.type) ?? `type ${socket.type}`;
  const [from, to] = [addressText(own), typeof peer === "number" ? "" : addressText(peer)];
  return `${type}${from === "" ? "" : ` ${from}`}${to === "" ? "" : ` to ${to}`}`;
}

export class SocketNames {
  readonly #uses = new WeakMap<SocketFile, number>();
  readonly #details = new Map<string, string>();

  /** A call is about it. */
  used(socket: SocketFile, name: string): void {
    const uses = (this.#uses.get(socket) ?? 0) + 1;
    this.#uses.set(socket, uses);
    if ((uses & (uses - 1)) !== 0) return;
    if (this.#details.size < DETAILS_MAX || this.#details.has(name))
      this.#details.set(name, kept(detailOf(socket)));
  }

  /** The name with what was last known of its addresses. */
  full(name: string): string {
    const detail = this.#details.get(name);
    return detail === undefined ? name : escaped(`${name} ${detail}`);
  }
}
