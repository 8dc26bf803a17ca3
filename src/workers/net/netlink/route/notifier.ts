// Telling members of NETLINK_ROUTE's groups what has changed (rtnetlink(7)).

import * as N from "../../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../../shared/abi/socket.ts";
import type { Devices } from "../../devices/devices.ts";
import type { Change } from "../../devices/rows.ts";
import { MessageWriter } from "../message.ts";
import type { NetlinkPorts } from "../ports.ts";
import { ADDRESS } from "./address.ts";
import type { Cause, Causes } from "./cause.ts";
import { ROUTE, toldRoute } from "./fib.ts";
import type { Kind } from "./kind.ts";
import { LINK } from "./link.ts";
import { NEIGHBOUR } from "./neighbour.ts";
import { RULE } from "./rule.ts";

/** Groups of kinds that belong to a family. */
const GROUPS = {
  address: { [AF_INET]: N.RTNLGRP_IPV4_IFADDR, [AF_INET6]: N.RTNLGRP_IPV6_IFADDR },
  route: { [AF_INET]: N.RTNLGRP_IPV4_ROUTE, [AF_INET6]: N.RTNLGRP_IPV6_ROUTE },
  rule: { [AF_INET]: N.RTNLGRP_IPV4_RULE, [AF_INET6]: N.RTNLGRP_IPV6_RULE },
} as const;

const KERNEL_PORT = 0;

export class RouteNotifier implements Causes {
  readonly #ports: NetlinkPorts;
  readonly #devices: Devices;
  #cause: Cause | null = null;

  constructor(ports: NetlinkPorts, devices: Devices) {
    this.#ports = ports;
    this.#devices = devices;
    devices.listeners.push((change) => this.#tell(change));
  }

  because<T>(cause: Cause, make: () => T): T {
    this.#cause = cause;
    try {
      return make();
    } finally {
      this.#cause = null;
    }
  }

  #causeOf(kind: Change["kind"]): Cause | null {
    return this.#cause?.kind === kind ? this.#cause : null;
  }

  #tell(change: Change): void {
    switch (change.kind) {
      case "link":
        this.#send(null, N.RTNLGRP_LINK, LINK, change.isGone, 0, {
          device: change.row,
          changed: change.changedFlags,
        });
        return;
      case "address": {
        const { family } = change.row;
        const cause = family === AF_INET ? this.#causeOf("address") : null;
        this.#send(cause, GROUPS.address[family], ADDRESS, change.isGone, 0, change.row);
        return;
      }
      case "route": {
        const { kind, row, isGone, how } = change;
        this.#send(this.#causeOf(kind), GROUPS.route[row.family], ROUTE, isGone, how, toldRoute(row));
        return;
      }
      case "rule": {
        const { kind, row, isGone } = change;
        this.#send(this.#causeOf(kind), GROUPS.rule[row.family], RULE, isGone, 0, row);
        return;
      }
      case "neighbour":
        this.#send(null, N.RTNLGRP_NEIGH, NEIGHBOUR, change.isGone, 0, change.row);
        return;
      default: // those of which nobody is told
    }
  }

  #send<T>(cause: Cause | null, group: number, kind: Kind<T>, isGone: boolean, flags: number, one: T): void {
    const isEchoed = cause?.isEchoed === true;
    if (!isEchoed && !this.#ports.hasMembers(N.NETLINK_ROUTE, group)) return;
    const writer = new MessageWriter(cause?.sequence ?? 0, cause?.port ?? KERNEL_PORT);
    kind.write(writer, isGone ? kind.gone : kind.told, flags, one, this.#devices);
    const { bytes } = writer;
    const sender = isEchoed ? cause.socket : null;
    const telling = { sender, port: KERNEL_PORT, except: KERNEL_PORT };
    this.#ports.tellGroups(N.NETLINK_ROUTE, 1 << (group - 1), telling, bytes);
    sender?.enqueue(bytes, KERNEL_PORT, 0);
  }
}
