// A UDP endpoint: a SOCK_DGRAM socket's. Its ports, and its place in the table of those who get datagrams; all else is in
// datagram/endpoint.ts, which says how it is used. A received packet's head stands at its payload.

import { EADDRINUSE, EAGAIN, ENOBUFS } from "../../../../shared/abi/errno.ts";
import { IPPROTO_UDP } from "../../../../shared/abi/socket.ts";
import { DatagramEndpoint } from "../datagram/endpoint.ts";
import type { Message } from "../datagram/message.ts";
import type { PortUser } from "../inet/port_groups.ts";
import type { Packet } from "../packet.ts";
import { choosePort } from "./ports.ts";
import { sendDatagram } from "./send.ts";
import type { Udp } from "./udp.ts";

export class UdpEndpoint extends DatagramEndpoint implements PortUser {
  readonly udp: Udp;
  override readonly protocol = IPPROTO_UDP;
  readonly isListening = false;
  readonly isTimeWait = false;

  constructor(udp: Udp, isV6: boolean) {
    super(udp.shared, isV6);
    this.udp = udp;
  }

  protected override get mayBind(): boolean {
    return this.localPort === 0;
  }

  protected override takePort(wanted: number): number {
    const { core, table, ports } = this.udp;
    const port = choosePort(core, ports, this, wanted);
    if (port < 0) return port;
    if (table.isFull) return -ENOBUFS;
    this.localPort = port;
    return 0;
  }

  override autobind(): number {
    if (this.localPort !== 0) return 0;
    let error = 0;
    this.rehash(() => {
      error = this.takePort(0);
    });
    return error === -EADDRINUSE ? -EAGAIN : error;
  }

  protected override rehash(change: () => void): void {
    const { table, ports } = this.udp;
    if (this.localPort !== 0) table.remove(this);
    ports.remove(this, true);
    change();
    if (this.localPort !== 0) {
      table.add(this);
      ports.add(this, this.localPort, true);
    }
    this.way = null;
  }

  override optionsChanged(): void {
    super.optionsChanged();
    this.udp.ports.changed(this, true);
  }

  protected override unhash(): void {
    if (this.localPort !== 0) this.udp.table.remove(this);
    this.udp.ports.remove(this, true);
    this.localPort = 0;
  }

  /** As Linux does, datagrams are counted when they are received. */
  override receive(): Packet | null {
    const packet = super.receive();
    if (packet === null) return null;
    const { udp, udp6 } = this.shared.core.counters;
    (packet.isV6 ? udp6 : udp).InDatagrams++;
    return packet;
  }

  /** The bytes that were sent: all of them, or a negative errno. `data` is copied. */
  override send(data: Uint8Array, message: Message): number {
    return sendDatagram(this, data, message);
  }
}
