// The error queue of a socket (IP_RECVERR, IPV6_RECVERR) as recvmsg with MSG_ERRQUEUE tells it: what was sent, whom it was
// for, and struct sock_extended_err with whoever has told it.

import * as I from "../../../shared/abi/inet.ts";
import * as S from "../../../shared/abi/socket.ts";
import type { Ancillary, ControlWriter } from "../control.ts";
import type { Received } from "../socket.ts";
import {
  type ErrorRecord,
  type InetEndpoint,
  ORIGIN_ICMP,
  ORIGIN_ICMP6,
  ORIGIN_ZEROCOPY,
} from "../stack/inet/endpoint.ts";
import { bytes4, bytes6, nameOf } from "./addresses.ts";

/** What a record costs beside its payload. */
export const RECORD_COST = 512;

function isOfIcmp({ origin }: ErrorRecord): boolean {
  return origin === ORIGIN_ICMP || origin === ORIGIN_ICMP6;
}

export class ErrorControl implements Ancillary {
  readonly #record: ErrorRecord;
  readonly #isV6: boolean;

  constructor(record: ErrorRecord, isV6: boolean) {
    this.#record = record;
    this.#isV6 = isV6;
  }

  release(): void {}

  write(writer: ControlWriter): void {
    const { errno, origin, type, code, info, data, offender } = this.#record;
    const name = Buffer.alloc(this.#isV6 ? I.SOCKADDR_IN6_SIZE : I.SOCKADDR_IN_SIZE);
    if (offender !== null && isOfIcmp(this.#record))
      name.set(this.#isV6 ? bytes6(offender, 0, 0) : bytes4(offender, 0));
    const bytes = Buffer.alloc(I.SOCK_EXTENDED_ERR_SIZE);
    bytes.writeUInt32LE(errno);
    bytes.set([origin, type, code], 4);
    bytes.writeUInt32LE(info, 8);
    bytes.writeUInt32LE(data, 12);
    const body = Buffer.concat([bytes, name]);
    if (this.#isV6) writer.add(S.IPPROTO_IPV6, I.IPV6_RECVERR, body);
    else writer.add(S.IPPROTO_IP, I.IP_RECVERR, body);
  }
}

/** The pending error when a record was taken: that of the next one, if ICMP has told it (sock_dequeue_err_skb). */
function errorBehind(taken: ErrorRecord, next: ErrorRecord | undefined, pending: number): number {
  if (next !== undefined && isOfIcmp(next)) return next.errno;
  return isOfIcmp(taken) ? 0 : pending;
}

/**
 * What a receive with MSG_ERRQUEUE takes; datagrams are told with whom they were for, notices of MSG_ZEROCOPY are not.
 * Null: there is nothing.
 */
export function receiveError(
  endpoint: InetEndpoint,
  room: number,
  isDatagram: boolean,
): Received<ErrorControl> | null {
  const record = endpoint.receiveError();
  if (record === null) return null;
  endpoint.pendingError = errorBehind(record, endpoint.errors[0], endpoint.pendingError);
  const { origin, payload, destination, port } = record;
  const hasName = isDatagram && origin !== ORIGIN_ZEROCOPY;
  return {
    data: payload.subarray(0, room),
    length: payload.length,
    flags: S.MSG_ERRQUEUE | (room < payload.length ? S.MSG_TRUNC : 0),
    address: hasName ? nameOf(endpoint.isV6, destination, port, endpoint.boundDevice) : "",
    ancillary: new ErrorControl(record, endpoint.isV6),
    putBack: () => {},
  };
}
