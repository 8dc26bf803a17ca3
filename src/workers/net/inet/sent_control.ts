// Control messages with what is sent: as ip_cmsg_send, ip6_datagram_send_ctl and udp_cmsg_send read them. Whom a message
// is for decides how they are read, so that it is done when it is sent.

import { EINVAL, ENODEV, EOPNOTSUPP, EPERM } from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import { RTN_UNICAST } from "../../../shared/abi/netlink.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { NetCaller } from "../caller.ts";
import { type Ancillary, controlMessages } from "../control.ts";
import type { Network } from "../network.ts";
import { mayMark, mayUseRaw } from "../privileges.ts";
import type { StackCore } from "../stack/core.ts";
import type { Message } from "../stack/datagram/message.ts";
import { IpAddress } from "../stack/ip_address.ts";

const FLOW_INFO_MASK = 0xfffff;

/** What they say beside what the stack's message has. */
export class SentControl implements Ancillary {
  readonly bytes: Buffer;
  /** UDP_SEGMENT; -1: the socket's. */
  segmentSize = -1;
  /** SO_MARK; null: the socket's. */
  mark: number | null = null;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  release(): void {}
}

interface Reader {
  readonly task: NetCaller;
  readonly core: StackCore;
  /** The network namespace that its socket is in. */
  readonly network: Network;
  readonly message: Message;
  readonly control: SentControl;
  /** The socket is AF_INET6, whatever its message is. */
  readonly isOfV6: boolean;
}

/** Reads one: 0 or a negative errno. */
type Read = (reader: Reader, type: number, body: Buffer) => number;

function numberIn(body: Buffer): number {
  return body.length >= 4 ? body.readInt32LE() : -2;
}

/** Of SOL_SOCKET: __sock_cmsg_send. */
const readSocketLevel: Read = ({ task, network, control }, type, body) => {
  switch (type) {
    case S.SO_MARK:
      if (!mayMark(task, network)) return -EPERM;
      if (body.length !== 4) return -EINVAL;
      control.mark = body.readInt32LE();
      return 0;
    case S.SO_TIMESTAMPING_OLD:
    case S.SO_TIMESTAMPING_NEW:
      return body.length === 4 ? 0 : -EINVAL;
    case S.SO_TXTIME:
      return -EINVAL;
    case S.SCM_RIGHTS:
    case S.SCM_CREDENTIALS:
      return 0;
    case S.SO_PRIORITY:
      return body.length === 4 ? 0 : -EINVAL;
    default:
      return -EINVAL;
  }
};

/** struct in_pktinfo */
function readPacketInfo4({ message }: Reader, body: Buffer): number {
  if (body.length !== I.IN_PKTINFO_SIZE) return -EINVAL;
  const device = body.readInt32LE();
  if (device !== 0) message.device = device;
  const source = body.readInt32BE(4);
  message.source = source === 0 ? null : IpAddress.v4(source);
  return 0;
}

const read4: Read = (reader, type, body) => {
  const { message } = reader;
  switch (type) {
    case I.IP_RETOPTS:
      return body.length === 0 ? 0 : -EOPNOTSUPP;
    case I.IP_PKTINFO:
      return readPacketInfo4(reader, body);
    case I.IP_TTL: {
      if (body.length !== 4) return -EINVAL;
      const ttl = body.readInt32LE();
      if (ttl < 1 || ttl > 255) return -EINVAL;
      message.hopLimit = ttl;
      return 0;
    }
    case I.IP_TOS: {
      const tos = body.length === 4 ? body.readInt32LE() : body.length === 1 ? body[0]! : -1;
      if (tos < 0 || tos > 255) return -EINVAL;
      message.trafficClass = tos;
      return 0;
    }
    case I.IP_PROTOCOL: {
      const protocol = body.length === 4 ? body.readInt32LE() : 0;
      return protocol < 1 || protocol > 255 ? -EINVAL : 0;
    }
    default:
      return -EINVAL;
  }
};

/** What a socket of IPv6 may say in that form of an IPv4 message: its packet info alone. */
const readMapped: Read = (reader, type, body) => {
  if (!reader.isOfV6 || type !== I.IPV6_PKTINFO) return 0;
  if (body.length < I.IN6_PKTINFO_SIZE) return -EINVAL;
  const address = IpAddress.fromBytes(body, 0, 16);
  if (!address.isV4) return -EINVAL;
  const device = body.readInt32LE(16);
  if (device !== 0) reader.message.device = device;
  reader.message.source = address.w3 === 0 ? null : address;
  return 0;
};

/** struct in6_pktinfo */
function readPacketInfo6({ core, message }: Reader, body: Buffer): number {
  if (body.length < I.IN6_PKTINFO_SIZE) return -EINVAL;
  const device = body.readInt32LE(16);
  if (device !== 0) {
    if (message.device !== 0 && message.device !== device) return -EINVAL;
    message.device = device;
  }
  if (message.device !== 0 && core.devices.byIndex(message.device) === null) return -ENODEV;
  const address = IpAddress.fromBytes(body, 0, 16);
  if (address.isAny) return 0;
  if (address.isV4 || core.tables.addressType(address.w0, address.w1, address.w2, address.w3) === RTN_UNICAST)
    return -EINVAL;
  message.source = address;
  return 0;
}

const read6: Read = (reader, type, body) => {
  const { message, task, network } = reader;
  switch (type) {
    case I.IPV6_PKTINFO:
    case I.IPV6_2292PKTINFO:
      return readPacketInfo6(reader, body);
    case I.IPV6_FLOWINFO:
      if (body.length < 4) return -EINVAL;
      message.flowLabel = body.readUInt32BE() & FLOW_INFO_MASK;
      return 0;
    case I.IPV6_HOPLIMIT:
    case I.IPV6_2292HOPLIMIT: {
      const limit = body.length === 4 ? body.readInt32LE() : -2;
      if (limit < -1 || limit > 255) return -EINVAL;
      message.hopLimit = limit;
      return 0;
    }
    case I.IPV6_TCLASS: {
      const value = body.length === 4 ? body.readInt32LE() : -2;
      if (value < -1 || value > 255) return -EINVAL;
      // As Linux has it, -1 is a class.
      message.trafficClass = value & 0xff;
      return 0;
    }
    case I.IPV6_DONTFRAG:
      return body.length === 4 && (numberIn(body) & ~1) === 0 ? 0 : -EINVAL;
    case I.IPV6_HOPOPTS:
    case I.IPV6_2292HOPOPTS:
    case I.IPV6_DSTOPTS:
    case I.IPV6_2292DSTOPTS:
    case I.IPV6_RTHDRDSTOPTS:
    case I.IPV6_RTHDR:
    case I.IPV6_2292RTHDR:
      return mayUseRaw(task, network) ? -EOPNOTSUPP : -EPERM;
    default:
      return -EINVAL;
  }
};

const readUdp: Read = ({ control }, type, body) => {
  if (type !== I.UDP_SEGMENT || body.length !== 2) return -EINVAL;
  control.segmentSize = body.readUInt16LE();
  return 0;
};

/** Reads all of a message that goes to an address of IPv6, or not: 0 or a negative errno. */
export function readSentControl(
  task: NetCaller,
  core: StackCore,
  network: Network,
  control: SentControl,
  message: Message,
  isOfV6: boolean,
  isTo6: boolean,
): number {
  const reader = { task, core, network, message, control, isOfV6 };
  for (const one of controlMessages(control.bytes)) {
    if (one === null) return -EINVAL;
    const { level, type, body } = one;
    let error = 0;
    if (level === S.SOL_SOCKET) error = readSocketLevel(reader, type, body);
    else if (level === S.IPPROTO_UDP) error = readUdp(reader, type, body);
    else if (level === S.IPPROTO_IP && !isTo6) error = read4(reader, type, body);
    else if (level === S.IPPROTO_IPV6) error = (isTo6 ? read6 : readMapped)(reader, type, body);
    if (error < 0) return error;
  }
  return 0;
}
