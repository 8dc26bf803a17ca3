// IP_PKTOPTIONS: what a stream, whose bytes come with no control messages, tells of the packet that has opened it (ip_sockglue.c),
// as control messages of those kinds that are wanted. One that nobody has accepted tells what a socket begins with.

import { ENOPROTOOPT } from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import { IPPROTO_IP } from "../../../shared/abi/socket.ts";
import { ControlWriter } from "../control.ts";
import { int } from "../option_table.ts";
import type { TcpEndpoint } from "../stack/tcp/endpoint.ts";
import type { InetOption } from "./inet_options.ts";
import * as W from "./received_control.ts";

/** What Linux has in the place of an address that is none of IPv4 (LOOPBACK4_IPV6). */
const NOT_V4 = 0x7f000006;

/** struct in_pktinfo, of the socket's own address. */
function packetInfo({ local, opening }: TcpEndpoint): Buffer {
  const bytes = Buffer.alloc(I.IN_PKTINFO_SIZE);
  const own = local.isV4 || local.isAny ? local.w3 : NOT_V4;
  bytes.writeInt32LE(opening.device);
  bytes.writeInt32BE(own | 0, 4);
  bytes.writeInt32BE(own | 0, 8);
  return bytes;
}

export const PACKET_OPTIONS: InetOption = {
  get: ({ inet, wanted4 }, _task, room) => {
    const { stream } = inet;
    if (stream === null) return -ENOPROTOOPT;
    const writer = new ControlWriter(room);
    const { hopLimit, trafficClass } = stream.opening;
    if ((wanted4 & W.PACKET_INFO) !== 0) writer.add(IPPROTO_IP, I.IP_PKTINFO, packetInfo(stream));
    if ((wanted4 & W.HOP_LIMIT) !== 0) writer.add(IPPROTO_IP, I.IP_TTL, int(hopLimit));
    if ((wanted4 & W.TRAFFIC_CLASS) !== 0) writer.add(IPPROTO_IP, I.IP_TOS, int(trafficClass));
    return writer.bytes.subarray(0, writer.length);
  },
};
