// Options of UDP sockets (udp(7)).

import { EINVAL, ENOPROTOOPT } from "../../../shared/abi/errno.ts";
import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import { INT, int } from "../option_table.ts";
import type { InetOption, Level } from "./inet_options.ts";
import { flagAt } from "./ip_options.ts";

const SEGMENT_MAX = 0xffff;
// Of UDP-Lite, whose options answer on every socket.
const UDPLITE_SEND_CSCOV = 10;
const UDPLITE_RECV_CSCOV = 11;

const coverage: InetOption = {
  get: () => int(0),
  set: (_options, value) => (value.length < INT ? -EINVAL : -ENOPROTOOPT),
};

const flag = (name: number): InetOption => flagAt(S.IPPROTO_UDP, name, { least: INT });

const TABLE = new Map<number, InetOption>([
  [
    I.UDP_CORK,
    {
      get: ({ inet }) => int(Number(inet.isCorked)),
      set: ({ inet }, value, task) => {
        if (value.length < INT) return -EINVAL;
        return inet.setCorked(task, value.readInt32LE() !== 0);
      },
    },
  ],
  [UDPLITE_SEND_CSCOV, coverage],
  [UDPLITE_RECV_CSCOV, coverage],
  // Datagrams in which other packets come are told from others by who receives them.
  [
    I.UDP_ENCAP,
    {
      get: () => int(0),
      set: (_options, value) => (value.length < INT ? -EINVAL : value.readInt32LE() === 0 ? 0 : -ENOPROTOOPT),
    },
  ],
  [I.UDP_NO_CHECK6_TX, flag(I.UDP_NO_CHECK6_TX)],
  [I.UDP_NO_CHECK6_RX, flag(I.UDP_NO_CHECK6_RX)],
  [
    I.UDP_SEGMENT,
    {
      get: ({ inet }) => int(inet.segmentSize),
      set: ({ inet }, value) => {
        if (value.length < INT) return -EINVAL;
        const size = value.readInt32LE();
        if (size < 0 || size > SEGMENT_MAX) return -EINVAL;
        inet.segmentSize = size;
        return 0;
      },
    },
  ],
  [
    I.UDP_GRO,
    {
      get: ({ datagram }) => int(Number(datagram!.gathersSegments)),
      set: ({ datagram }, value) => {
        if (value.length < INT) return -EINVAL;
        datagram!.gathersSegments = value.readInt32LE() !== 0;
        return 0;
      },
    },
  ],
]);

export const UDP_LEVEL: Level = { table: TABLE, takesShort: true };
