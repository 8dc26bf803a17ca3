// The UDP header (RFC 768), and what a datagram costs in a receive queue.

export const HEADER = 8;
export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 2;
export const LENGTH = 4;
export const CHECKSUM = 6;

/** The longest payloads: of a packet of 65535 bytes, and of an IPv6 packet's payload of as many. */
export const PAYLOAD_MAX4 = 65535 - 20 - HEADER;
export const PAYLOAD_MAX6 = 65535 - HEADER;

const SK_BUFF = 256;
const SHARED_INFO = 320;
/** SKB_SMALL_HEAD_CACHE_SIZE */
const SMALL_HEAD = 576;
/** hh_len and its alignment, and headers of IPv4 and UDP. */
const OVERHEAD = 16 + 15 + 28;
/** SKB_MAX_ALLOC: above, the payload lies in pages of its own. */
const LINEAR_MAX = 16384 - SHARED_INFO;
const KMALLOC_MIN = 1024;

/** skb->truesize of a datagram of so many bytes that was sent over loopback: what SO_RCVBUF is counted by. */
export function trueSize(length: number): number {
  if (length + OVERHEAD > LINEAR_MAX) return SK_BUFF + SMALL_HEAD + length;
  const needed = ((length + OVERHEAD + 63) & ~63) + SHARED_INFO;
  if (needed <= SMALL_HEAD) return SK_BUFF + SMALL_HEAD;
  let size = KMALLOC_MIN;
  while (size < needed) size *= 2;
  return SK_BUFF + size;
}
