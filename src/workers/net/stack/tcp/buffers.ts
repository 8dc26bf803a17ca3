// Room in the send buffer (SO_SNDBUF, autotuned): how much may wait, and when a writer who found none is told.

import { INITIAL_WINDOW } from "./congestion/congestion.ts";
import { type Connection, NOTICE_WRITABLE } from "./connection.ts";

/** What was acknowledged makes room for what is written (sk_stream_write_space). */
export function spaceWasFreed(c: Connection): void {
  if (!c.noSpace) return;
  expandSendBuffer(c);
  if (!hasRoom(c)) return;
  c.noSpace = false;
  c.notices |= NOTICE_WRITABLE;
}

/** The buffer holds three times what the window lets go (tcp_sndbuf_expand). */
export function expandSendBuffer(c: Connection): void {
  if (c.endpoint.options.sendBuffer !== 0) return;
  const { sendBuffer } = c.tcp.settings;
  const each = perPacket(Math.max(c.mssClamp, c.mss));
  const packets = Math.max(INITIAL_WINDOW, c.cwnd, c.reordering + 1);
  const wanted = Math.min(3 * packets * each, sendBuffer.max);
  if (wanted > c.sendBufferSize && !c.tcp.blocks.isUnderPressure) c.sendBufferSize = wanted;
}

/** MAX_TCP_HEADER and struct skb_shared_info; struct sk_buff. */
const HEADERS = 576;
const SK_BUFF = 256;

// What a full packet costs in Linux's counting.
function perPacket(mss: number): number {
  return 2 ** Math.ceil(Math.log2(mss + HEADERS)) + SK_BUFF;
}

/** Of the memory of all connections, so many blocks are left to those that receive. */
function memoryIsShort(c: Connection): boolean {
  const { blocks } = c.tcp;
  return blocks.used >= blocks.max - (blocks.max >> 4);
}

function notSentLowat(c: Connection): number {
  return c.endpoint.options.notSentLowat || c.tcp.settings.notSentLowat;
}

/** Whether a writer who waits is to be told: a third of the buffer is free, and little is not sent (TCP_NOTSENT_LOWAT). */
export function hasRoom(c: Connection): boolean {
  const used = c.unacknowledged;
  if (c.sendBufferSize - used < used >> 1) return false;
  return c.notSent * 2 < notSentLowat(c) && !memoryIsShort(c);
}

export function roomNow(c: Connection): number {
  if (memoryIsShort(c) || c.notSent >= notSentLowat(c)) return 0;
  return Math.max(0, c.sendBufferSize - c.unacknowledged);
}
