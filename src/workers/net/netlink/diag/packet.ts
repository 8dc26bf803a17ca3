// Sockets of AF_PACKET as sock_diag(7) tells them (linux/packet_diag.h): `ss -0`.

import * as E from "../../../../shared/abi/errno.ts";
import { NLM_F_DUMP, NLM_F_MULTI } from "../../../../shared/abi/netlink.ts";
import { SOCK_DIAG_BY_FAMILY } from "../../../../shared/abi/sock_diag.ts";
import { AF_PACKET } from "../../../../shared/abi/socket.ts";
import type { IdMap } from "../../../credentials/id_map.ts";
import type { Requester } from "../../caller.ts";
import type { Outcome } from "../../devices/outcome.ts";
import type { ListedPacketSocket } from "../../packet/taps.ts";
import type { Answer, Told } from "../answer.ts";
import type { MessageWriter, Request } from "../message.ts";

/** struct packet_diag_req, struct packet_diag_msg */
const REQUEST_SIZE = 20;
const MESSAGE_SIZE = 16;
const SHOW_INFO = 1;
const SHOW_RINGS = 4;
const SHOW_MEMORY = 0x10;
const [DIAG_INFO, DIAG_RX_RING, DIAG_TX_RING, DIAG_UID, DIAG_MEMORY] = [0, 2, 3, 5, 6];

export function servePacket(by: Requester, { flags, body }: Request): Answer | Outcome {
  if (body.length < REQUEST_SIZE) return -E.EINVAL;
  if (body[1] !== 0) return -E.EINVAL;
  return (flags & NLM_F_DUMP) === 0 ? -E.EOPNOTSUPP : dump(by, body.readUInt32LE(8));
}

function* dump({ network, credentials }: Requester, shown: number): Generator<Told, number> {
  const { packets } = network.inet;
  const { uids } = credentials.userNamespace;
  for (let i = 0; i < packets.length; i++) {
    const socket = packets.at(i);
    if (socket === null) yield null;
    else yield (writer) => write(writer, socket, shown, uids);
  }
  return 0;
}

function words(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function write(writer: MessageWriter, socket: ListedPacketSocket, shown: number, uids: IdMap): void {
  const bytes = Buffer.alloc(MESSAGE_SIZE);
  bytes.set([AF_PACKET, socket.type]);
  bytes.writeUInt16LE(socket.frameType, 2);
  bytes.writeUInt32LE(socket.inodeNumber, 4);
  bytes.writeUInt32LE(socket.cookie % 2 ** 32, 8);
  bytes.writeUInt32LE(Math.floor(socket.cookie / 2 ** 32), 12);
  writer.begin(SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, bytes);
  const { info, receiveRing, sendRing, memory } = socket.told();
  if ((shown & SHOW_INFO) !== 0) {
    writer.attribute(DIAG_INFO, words(info));
    writer.u32(DIAG_UID, uids.told(socket.uid));
  }
  if ((shown & SHOW_RINGS) !== 0) {
    if (receiveRing !== null) writer.attribute(DIAG_RX_RING, words(receiveRing));
    if (sendRing !== null) writer.attribute(DIAG_TX_RING, words(sendRing));
  }
  if ((shown & SHOW_MEMORY) !== 0) writer.attribute(DIAG_MEMORY, words(memory));
  writer.end();
}
