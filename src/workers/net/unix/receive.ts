// What a receive takes out of an AF_UNIX socket's queue: one message, or the bytes of a stream that run
// together. A stream's bytes come back when they did not reach their reader.

import * as S from "../../../shared/abi/socket.ts";
import { CAN_READ, type Received } from "../socket.ts";
import type { UnixAncillary } from "./ancillary.ts";
import { DATAGRAMS_MAX, type Message } from "./message.ts";
import type { Ucred } from "./peer.ts";
import type { UnixSocket } from "./unix_socket.ts";

type UnixReceived = Received<UnixAncillary>;

/** Where a receive begins: the message and how much of it is skipped, of a peek with SO_PEEK_OFF; else the first. */
function startOf(socket: UnixSocket, flags: number): { index: number; skip: number } {
  let skip = (flags & S.MSG_PEEK) === 0 ? 0 : Math.max(0, socket.options.peekOffset);
  let index = 0;
  for (let message = socket.queue.at(0); message !== undefined; message = socket.queue.at(++index)) {
    if (skip < message.left || skip === 0) break;
    skip -= message.left;
  }
  return { index, skip };
}

/** Null: there is nothing (behind what was peeked at). */
export function receiveMessage(socket: UnixSocket, room: number, flags: number): UnixReceived | null {
  const peek = (flags & S.MSG_PEEK) !== 0;
  const { index, skip } = startOf(socket, flags);
  const message = socket.queue.at(index);
  if (message === undefined) return null;
  const length = message.data.length - skip;
  const data = message.data.subarray(skip, skip + Math.min(room, length));
  socket.options.movePeek(peek, data.length, message.data.length);
  if (!peek) {
    socket.queue.shift();
    if (socket.queue.length <= DATAGRAMS_MAX) socket.wakeSenders();
  }
  const ancillary = peek ? message.ancillary : message.takeRights();
  if (!peek) message.release();
  return {
    data,
    length,
    flags: data.length < length ? S.MSG_TRUNC : 0,
    address: message.address,
    ancillary,
    sentAt: message.sentAt,
    // A message that did not fit its reader's memory is gone, as on Linux.
    putBack: () => {},
  };
}

// Messages of one writer run together, up to one that brings files.
export function receiveStream(socket: UnixSocket, room: number, flags: number): UnixReceived | null {
  const start = startOf(socket, flags);
  const first = socket.queue.at(start.index);
  if (first === undefined) return null;
  let { skip } = start;
  const peek = (flags & S.MSG_PEEK) !== 0;
  const checks = socket.options.wantsCredentials;
  const parts: { message: Message; from: number; length: number }[] = [];
  let length = 0;
  for (let i = start.index; length < room; i++) {
    const message = socket.queue.at(i);
    if (message === undefined) break;
    if (checks && !sameWriter(message.credentials, first.credentials)) break;
    const left = message.left - skip;
    const part = Math.min(room - length, left);
    parts.push({ message, from: message.consumed + skip, length: part });
    length += part;
    skip = 0;
    if (message.hasRights || part < left) break;
  }
  const data = gather(parts, length);
  const last = parts.at(-1)?.message ?? first;
  const ancillary = together(first, last);
  socket.options.movePeek(peek, length, length);
  if (peek) return { data, length, flags: 0, address: first.address, ancillary, putBack: () => {} };
  for (const { message, length: part } of parts) consume(socket, message, part);
  const { place } = socket.queue;
  const taken = last.ancillary;
  if (last.hasRights) last.takeRights();
  const putBack = () => {
    if (!comesBack(socket, place, length)) {
      taken?.release();
      return;
    }
    last.ancillary = taken;
    for (const { message, from } of parts.reverse()) restore(socket, message, from);
    socket.waiters.wake(CAN_READ);
  };
  return { data, length, flags: 0, address: first.address, ancillary, putBack };
}

/** The files of the last message, from who has written the first. */
function together({ ancillary: first }: Message, last: Message): UnixAncillary | null {
  const credentials = first?.credentials ?? null;
  if (last.hasRights) return last.ancillary!.from(credentials);
  return credentials === null ? null : first!.withoutRights();
}

export function consume(socket: UnixSocket, message: Message, length: number): void {
  socket.queue.bytes -= length;
  socket.queue.place = (socket.queue.place + length) | 0;
  message.consumed += length;
  if (message.left > 0) return;
  socket.queue.shift();
  message.sender.uncharge(message.size);
}

/** Whether bytes that were read up to that place are the next again: nobody has read since, and there is memory (F20, F25). */
export function comesBack(socket: UnixSocket, place: number, length: number): boolean {
  if (socket.ended) return false;
  if (socket.queue.place === place && socket.hasMemory(length)) return true;
  socket.kernel.counters.lostReads++;
  return false;
}

// What was read comes back: to the front of the queue, or to the message that is there still.
export function restore(socket: UnixSocket, message: Message, from: number): void {
  const back = message.consumed - from;
  socket.queue.place = (socket.queue.place - back) | 0;
  const gone = message.left === 0;
  message.consumed = from;
  if (!gone) {
    socket.queue.bytes += back;
    return;
  }
  message.sender.charge(message.size);
  socket.queue.unshift(message);
}

function sameWriter(a: Ucred, b: Ucred): boolean {
  return a.process === b.process && a.uid === b.uid && a.gid === b.gid;
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
