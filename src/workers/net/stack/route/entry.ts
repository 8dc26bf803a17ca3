// A route, ready for lookups: its row's bytes as words, and its place in the list of its prefix.

import { AF_INET6 } from "../../../../shared/abi/socket.ts";
import { IpAddress, Prefix } from "../ip_address.ts";
import type { RouteRow } from "./rows.ts";

const RTAX_MTU = 2;

export class RouteEntry {
  readonly row: RouteRow;
  readonly prefix: Prefix;
  readonly type: number;
  readonly scope: number;
  readonly metric: number;
  readonly tos: number;
  /** 0: the device's. */
  readonly mtu: number;
  /** 0: none. */
  readonly deviceIndex: number;
  readonly gateway: IpAddress | null;
  readonly source: IpAddress | null;
  /** Of the same prefix, behind it. */
  next: RouteEntry | null = null;

  constructor(row: RouteRow) {
    this.row = row;
    this.prefix = new Prefix(IpAddress.fromBytes(row.destination), row.prefixLength);
    this.type = row.type;
    this.scope = row.scope;
    this.metric = row.metric;
    this.tos = row.tos;
    this.mtu = row.metrics.get(RTAX_MTU) ?? 0;
    this.deviceIndex = row.device?.index ?? 0;
    this.gateway = row.gateway === null ? null : IpAddress.fromBytes(row.gateway);
    this.source = row.source === null ? null : IpAddress.fromBytes(row.source);
  }

  get isV6(): boolean {
    return this.row.family === AF_INET6;
  }
}
