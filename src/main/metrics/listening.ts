// Where a server listens: HOST:PORT, [IPV6]:PORT, :PORT for all addresses, or unix:PATH.

import { lstatSync, unlinkSync } from "node:fs";
import { connect, type ListenOptions } from "node:net";

const PORT_MAX = 65_535;
const PATH_MAX = 107;

/** What is wrong, in words. */
export function readAddress(text: string): ListenOptions | string {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    const isFit = path.startsWith("/") && Buffer.byteLength(path) <= PATH_MAX && !path.includes("\0");
    return isFit ? { path } : `unix: wants an absolute path of at most ${PATH_MAX} bytes: ${text}`;
  }
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > PORT_MAX) return `an address is HOST:PORT or unix:PATH: ${text}`;
  const host = six ?? four;
  return host === undefined || host === "" ? { port } : { host, port };
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    // Whoever is only late, or speaks otherwise, is there.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED"));
  });
}

/** Takes a socket away that a server has left which ended by a signal; nothing else, and not one that somebody serves. */
export async function clearPath(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket() || (await isListening(path))) return;
    unlinkSync(path);
  } catch {
    // It is not there, or may not be looked at: listening fails with the reason.
  }
}
