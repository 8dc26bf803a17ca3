// What an ICMP error does to the endpoint whose packet it quotes, as Linux's udp_err, raw_err and ping_err.

import { EMSGSIZE } from "../../../../shared/abi/errno.ts";
import type { IcmpError } from "../core.ts";
import { isTooBig, recordOf } from "../inet/icmp_errors.ts";
import { learnPathMtu, PMTUDISC_DONT } from "../mtu_discovery.ts";
import type { Packet } from "../packet.ts";
import type { DatagramEndpoint } from "./endpoint.ts";

/** `payloadAt`: where in the message what the endpoint had sent stands. */
export function errorCame(
  endpoint: DatagramEndpoint,
  packet: Packet,
  error: IcmpError,
  remotePort: number,
  payloadAt: number,
): void {
  const { core } = endpoint;
  const { isV6 } = packet;
  let { errno, isHard } = error;
  if (isTooBig(packet, error)) {
    // Of a packet that was sent, the path's MTU is believed.
    if (error.info > 0) learnPathMtu(core, packet, error.info);
    if ((isV6 ? endpoint.discovery6 : endpoint.discovery4) === PMTUDISC_DONT) return;
    errno = EMSGSIZE;
    isHard = true;
  }
  const isWanted = isV6 ? endpoint.receivesErrors6 : endpoint.receivesErrors4;
  if (!isWanted && !(isHard && endpoint.remote !== null)) return;
  endpoint.fail(errno, isWanted ? recordOf(packet, error, errno, remotePort, payloadAt) : null);
}
