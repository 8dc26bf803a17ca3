// /proc/net/unix (proc_pid_net(5)): the sockets of AF_UNIX that there are, those that wait to be accepted among them. `ss`,
// `netstat` and `lsof` read it.

import { upperHex as hex } from "../files/hex.ts";
import type { Network } from "../network.ts";
import type { Address } from "../socket.ts";
import type { UnixSocket } from "./unix_socket.ts";

/** SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED; __SO_ACCEPTCON. */
const [UNCONNECTED, CONNECTING, CONNECTED] = [1, 2, 3];
const ACCEPTS = 0x10000;
const LISTENING = "listening";

/** A path without its NUL; an abstract name with `@` for each. */
function nameOf(address: Address): string {
  const name = address.slice(2);
  if (name === "") return "";
  return ` ${name.startsWith("\0") ? name.replaceAll("\0", "@") : name.replace(/\0.*/s, "")}`;
}

function line(socket: UnixSocket): string {
  const isConnected = socket.peer !== null;
  const state = !isConnected ? UNCONNECTED : socket.isEmbryo ? CONNECTING : CONNECTED;
  const references = isConnected ? 3 : 2;
  const flags = socket.state === LISTENING ? ACCEPTS : 0;
  const ino = socket.isEmbryo ? 0 : socket.inode!.ino;
  const columns = [
    `${"0".repeat(16)}:`,
    hex(references, 8),
    hex(0, 8),
    hex(flags, 8),
    hex(socket.type, 4),
    hex(state, 2),
    String(ino).padStart(5),
  ];
  return `${columns.join(" ")}${nameOf(socket.name())}\n`;
}

/** Those of a network namespace. */
export function* unixLines(sockets: Iterable<UnixSocket>, network: Network): Generator<string> {
  yield "Num       RefCount Protocol Flags    Type St Inode Path\n";
  for (const socket of sockets) if (socket.network === network) yield line(socket);
}
