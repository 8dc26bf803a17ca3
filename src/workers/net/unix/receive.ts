// What a receive takes out of an AF_UNIX socket's queue: one message, or the bytes of a stream that run
// together. A stream's bytes come back when they did not reach their reader.

import * as S from "../../../shared/abi/socket.ts";
import { releaseRights, type Ucred } from "../ancillary.ts";
import type { Received } from "../socket.ts";
import { DATAGRAMS_MAX, type Message } from "./message.ts";
import type { UnixSocket } from "./unix_socket.ts";

export function receiveMessage(socket: UnixSocket, message: Message, room: number, flags: number): Received {
  const peek = (flags & S.MSG_PEEK) !== 0;
  const data = message.data.subarray(0, Math.min(room, message.data.length));
  if (!peek) {
    socket.queue.shift();
    if (socket.queue.length <= DATAGRAMS_MAX) socket.wakeSenders();
  }
  const ancillary = peek ? message.ancillary : message.takeRights();
  if (!peek) message.release();
  return {
    data,
    length: message.data.length,
    flags: data.length < message.data.length ? S.MSG_TRUNC : 0,
    address: message.address,
    ancillary,
    // A message that did not fit its reader's memory is gone, as on Linux.
    putBack: () => {},
  };
}

// Messages of one writer run together, up to one that brings files.
export function receiveStream(socket: UnixSocket, first: Message, room: number, flags: number): Received {
  const peek = (flags & S.MSG_PEEK) !== 0;
  const checks = socket.options.passCredentials;
  const parts: { message: Message; from: number; length: number }[] = [];
  let length = 0;
  for (let i = 0; length < room; i++) {
    const message = socket.queue.at(i);
    if (message === undefined) break;
    if (checks && !sameWriter(message.credentials, first.credentials)) break;
    const part = Math.min(room - length, message.left);
    parts.push({ message, from: message.consumed, length: part });
    length += part;
    if (message.hasRights || part < message.left) break;
  }
  const data = gather(parts, length);
  const last = parts.at(-1)?.message ?? first;
  const credentials = first.ancillary?.credentials ?? null;
  const rights = last.ancillary?.rights ?? [];
  const ancillary = rights.length > 0 || credentials !== null ? { rights, credentials } : null;
  if (peek) return { data, length, flags: 0, address: first.address, ancillary, putBack: () => {} };
  for (const { message, length: part } of parts) consume(socket, message, part);
  const taken = last.ancillary;
  if (last.hasRights) last.takeRights();
  const putBack = () => {
    if (socket.ended) {
      releaseRights(socket, taken);
      return;
    }
    last.ancillary = taken;
    for (const { message, from } of parts.reverse()) restore(socket, message, from);
  };
  return { data, length, flags: 0, address: first.address, ancillary, putBack };
}

function consume(socket: UnixSocket, message: Message, length: number): void {
  socket.queue.bytes -= length;
  message.consumed += length;
  if (message.left > 0) return;
  socket.queue.shift();
  message.sender.uncharge(message.size);
}

// What was read comes back: to the front of the queue, or to the message that is there still.
function restore(socket: UnixSocket, message: Message, from: number): void {
  const back = message.consumed - from;
  const gone = message.left === 0;
  message.consumed = from;
  if (!gone) {
    socket.queue.bytes += back;
    return;
  }
  message.sender.charge(message.size);
  socket.queue.unshift(message);
}

/** What a receive gives at the end. */
export function nothing(): Received {
  return { data: new Uint8Array(0), length: 0, flags: 0, address: "", ancillary: null, putBack: () => {} };
}

function sameWriter(a: Ucred, b: Ucred): boolean {
  return a.pid === b.pid && a.uid === b.uid && a.gid === b.gid;
}

function gather(
  parts: readonly { message: Message; from: number; length: number }[],
  length: number,
): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined)
    return only.message.data.subarray(only.from, only.from + only.length);
  const data = new Uint8Array(length);
  let at = 0;
  for (const { message, from, length: part } of parts) {
    data.set(message.data.subarray(from, from + part), at);
    at += part;
  }
  return data;
}
