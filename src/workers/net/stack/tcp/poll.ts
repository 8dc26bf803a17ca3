// What poll(2) says of a TCP endpoint, as Linux's tcp_poll.

import * as P from "../../../../shared/abi/poll.ts";
import { URGENT_NONE, URGENT_VALID } from "./connection.ts";
import type { TcpEndpoint } from "./endpoint.ts";
import * as S from "./states.ts";

const READABLE = P.POLLIN | P.POLLRDNORM;
const WRITABLE = P.POLLOUT | P.POLLWRNORM;

/** `returned`: bytes of the stream that were read, and are there again. */
export function pollMask(endpoint: TcpEndpoint, returned: number): number {
  const { state, listener, connection: c } = endpoint;
  if (listener !== null) return listener.queue.length > 0 ? READABLE : 0;
  let mask = 0;
  const { hasShutRead, hasShutWrite } = endpoint;
  if ((hasShutRead && hasShutWrite) || state === S.TCP_CLOSE) mask |= P.POLLHUP;
  if (hasShutRead) mask |= READABLE | P.POLLRDHUP;
  if (!S.isIn(state, S.OPENING)) {
    if (c === null ? returned > 0 : isReadable(endpoint, returned)) mask |= READABLE;
    if (hasShutWrite || endpoint.isWritable) mask |= WRITABLE;
    else if (c !== null) c.noSpace = true;
    if (c?.urgentState === URGENT_VALID) mask |= P.POLLPRI;
  }
  if (endpoint.pendingError !== 0 || endpoint.errors.length > 0) mask |= P.POLLERR;
  return mask;
}

// As many bytes as SO_RCVLOWAT asks for, or as many as there will be (tcp_stream_is_readable).
function isReadable(endpoint: TcpEndpoint, returned: number): boolean {
  const c = endpoint.connection!;
  const { options, tcp } = endpoint;
  const available = ((c.rcvNxt - c.copiedSeq) | 0) + returned;
  if (available <= 0) return false;
  let target = Math.max(options.receiveLowat, 1);
  if (c.urgentState !== URGENT_NONE && c.urgentSeq === c.copiedSeq && !options.urgentInline) target++;
  return available >= target || tcp.blocks.isUnderPressure || c.receiveWindow <= c.receiveMss;
}
