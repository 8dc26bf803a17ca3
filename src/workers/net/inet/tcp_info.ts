// struct tcp_info (tcp(7), TCP_INFO): fields by their places.

import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import { type TcpInfo, tcpInfo } from "../stack/tcp/info.ts";

const SIZE = 280;
const SCALES_AT = 6;
const MAX_PACING_RATE_AT = 112;

type Field = readonly [name: keyof TcpInfo, at: number, size: 1 | 4 | 8];

const FIELDS: readonly Field[] = [
  ["state", 0, 1],
  ["caState", 1, 1],
  ["retransmits", 2, 1],
  ["probes", 3, 1],
  ["backoff", 4, 1],
  ["options", 5, 1],
  ["rto", 8, 4],
  ["ato", 12, 4],
  ["sndMss", 16, 4],
  ["rcvMss", 20, 4],
  ["unacked", 24, 4],
  ["sacked", 28, 4],
  ["lost", 32, 4],
  ["retrans", 36, 4],
  ["lastDataSent", 44, 4],
  ["lastDataRecv", 52, 4],
  ["lastAckRecv", 56, 4],
  ["pmtu", 60, 4],
  ["rcvSsthresh", 64, 4],
  ["rtt", 68, 4],
  ["rttvar", 72, 4],
  ["sndSsthresh", 76, 4],
  ["sndCwnd", 80, 4],
  ["advmss", 84, 4],
  ["reordering", 88, 4],
  ["rcvRtt", 92, 4],
  ["rcvSpace", 96, 4],
  ["totalRetrans", 100, 4],
  ["bytesAcked", 120, 8],
  ["bytesReceived", 128, 8],
  ["segsOut", 136, 4],
  ["segsIn", 140, 4],
  ["notsentBytes", 144, 4],
  ["minRtt", 148, 4],
  ["dataSegsIn", 152, 4],
  ["dataSegsOut", 156, 4],
  ["delivered", 192, 4],
  ["deliveredCe", 196, 4],
  ["bytesSent", 200, 8],
  ["bytesRetrans", 208, 8],
  ["dsackDups", 216, 4],
  ["reordSeen", 220, 4],
  ["rcvOoopack", 224, 4],
  ["sndWnd", 228, 4],
  ["rcvWnd", 232, 4],
];

export function tcpInfoBytes(endpoint: TcpEndpoint): Buffer {
  const info = tcpInfo(endpoint);
  const bytes = Buffer.alloc(SIZE);
  for (const [name, at, size] of FIELDS) {
    const value = Math.floor(info[name]);
    if (size === 1) bytes.writeUInt8(value & 0xff, at);
    else bytes.writeUInt32LE(value >>> 0, at);
    if (size === 8) bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
  }
  bytes.writeUInt8((info.sndWscale & 0xf) | ((info.rcvWscale & 0xf) << 4), SCALES_AT);
  bytes.fill(0xff, MAX_PACING_RATE_AT, MAX_PACING_RATE_AT + 8);
  return bytes;
}
