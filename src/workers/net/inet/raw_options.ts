// Options of raw sockets (raw(7)): filters of ICMP, and where the checksum of what is sent stands.

import { EINVAL, ENOPROTOOPT, EOPNOTSUPP } from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import { INT, int } from "../option_table.ts";
import type { InetOption, InetOptions, Level } from "./inet_options.ts";

/** ICMP_FILTER: struct icmp_filter, as much of it as there is room for. */
const ICMP_FILTER_OPTION: InetOption = {
  get: ({ inet: { raw } }, _task, room) =>
    raw?.protocol === S.IPPROTO_ICMP ? int(raw.icmpFilter).subarray(0, room) : -EOPNOTSUPP,
  set: ({ inet: { raw } }, value) => {
    if (raw?.protocol !== S.IPPROTO_ICMP) return -EOPNOTSUPP;
    const bytes = int(raw.icmpFilter);
    value.copy(bytes, 0, 0, INT);
    raw.icmpFilter = bytes.readInt32LE();
    return 0;
  },
};

const ICMP6_FILTER_OPTION: InetOption = {
  get: ({ inet: { raw } }, _task, room) =>
    raw?.protocol === S.IPPROTO_ICMPV6 ? filterBytes(raw.icmp6Filter).subarray(0, room) : -EOPNOTSUPP,
  set: ({ inet: { raw } }, value) => {
    if (raw?.protocol !== S.IPPROTO_ICMPV6) return -EOPNOTSUPP;
    const bytes = filterBytes(raw.icmp6Filter);
    value.copy(bytes, 0, 0, I.ICMPV6_FILTER_SIZE);
    for (let i = 0; i < raw.icmp6Filter.length; i++) raw.icmp6Filter[i] = bytes.readInt32LE(i * INT);
    return 0;
  },
};

function filterBytes(filter: Int32Array): Buffer {
  return Buffer.from(
    new Uint8Array(filter.buffer.slice(filter.byteOffset, filter.byteOffset + filter.byteLength)),
  );
}

function setChecksum({ inet: { raw } }: InetOptions, value: Buffer, isOfIp: boolean): number {
  if (raw === null || !raw.isV6) return -ENOPROTOOPT;
  if (value.length < INT) return -EINVAL;
  // RFC 3542: what ICMPv6 has cannot be changed.
  if (raw.protocol === S.IPPROTO_ICMPV6 && isOfIp) return -EINVAL;
  const offset = value.readInt32LE();
  if (offset > 0 && (offset & 1) !== 0) return -EINVAL;
  raw.checksumAt = offset < 0 ? -1 : offset;
  return 0;
}

/** IPV6_CHECKSUM, which is of two levels. */
function checksum(isOfIp: boolean): InetOption {
  return {
    get: ({ inet: { raw } }) => (raw === null ? -ENOPROTOOPT : int(raw.checksumAt)),
    set: (options, value) => setChecksum(options, value, isOfIp),
  };
}

export const CHECKSUM_OPTION = checksum(true);

/** IPV6_HDRINCL */
export const HEADER_OPTION: InetOption = {
  get: ({ inet: { raw } }) => (raw === null ? -ENOPROTOOPT : int(Number(raw.hasHeader))),
  set: ({ inet: { raw } }, value) => {
    if (raw === null) return -ENOPROTOOPT;
    if (value.length < INT) return -EINVAL;
    return value.readInt32LE() === 0 ? 0 : -EOPNOTSUPP;
  },
};

/** Levels of raw sockets of IPv4, and of IPv6. */
export const RAW_LEVELS4: readonly (readonly [number, Level])[] = [
  [I.SOL_RAW, { table: new Map([[I.ICMP_FILTER, ICMP_FILTER_OPTION]]), takesShort: true }],
];
export const RAW_LEVELS6: readonly (readonly [number, Level])[] = [
  [I.SOL_RAW, { table: new Map([[I.IPV6_CHECKSUM, checksum(false)]]), takesShort: true }],
  [S.IPPROTO_ICMPV6, { table: new Map([[I.ICMPV6_FILTER, ICMP6_FILTER_OPTION]]), takesShort: true }],
];
