// Keeps a stack in step with its network namespace (devices/devices.ts): its devices, addresses, routes and rules are the
// namespace's rows, told of change by change. A change costs what it changes: of routes, those of one prefix.
//
// Devices that send nowhere (dummy ones) swallow what they are given. Those with a link of their own are made by `make`.

import {
  IFF_LOOPBACK,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  NTF_ROUTER,
  NUD_FAILED,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_UNICAST,
} from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Devices } from "../devices/devices.ts";
import { BRIDGE } from "../devices/kinds.ts";
import type { Change, Device, Route, Neighbour as Row } from "../devices/rows.ts";
import { LoopbackDevice, type NetDevice } from "./device.ts";
import { DummyDevice } from "./dummy_device.ts";
import { BridgeDevice } from "./eth/bridge.ts";
import { EthernetDevice } from "./eth/device.ts";
import { IpAddress } from "./ip_address.ts";
import { Cable, CableDevice } from "./link/cable.ts";
import type { LearnedRoute } from "./ndp/routers.ts";
import type { LinkOwner } from "./neigh/link_layer.ts";
import type { Neighbour } from "./neigh/neighbour.ts";
import type { Stack } from "./stack.ts";

/** What one route costs that goes alone, in routes that are loaded. */
const ONE_BY_ONE = 4;

export class NamespaceMirror implements LinkOwner {
  readonly #stack: Stack;
  readonly #devices: Devices;
  /** A change is on its way from one to the other: it does not come back. */
  #isTelling = false;
  readonly #make: (row: Device) => NetDevice | null;

  /** `make`: the device of a row, null for one of the usual kinds. */
  constructor(stack: Stack, devices: Devices, make: (row: Device) => NetDevice | null = () => null) {
    this.#stack = stack;
    this.#devices = devices;
    this.#make = make;
    for (const row of devices.all) this.#linkChanged(row);
    for (const row of devices.all) if (row.master !== null) this.#linkChanged(row); // whose bridge may have come behind it
    for (const row of devices.neighbours.all()) this.#neighbourChanged(row, false);
    this.#loadRoutes();
    this.#loadRules();
    stack.links.owner = this;
    devices.listeners.push((change) => this.#changed(change));
  }

  #changed(change: Change): void {
    switch (change.kind) {
      case "link":
        if (change.isGone) this.#linkGone(change.row);
        else this.#linkChanged(change.row);
        break;
      case "address":
        this.#addressesChanged(change.row.device);
        break;
      case "route":
        this.#prefixChanged(change.row);
        break;
      case "routes":
        this.#routesGone(change.rows);
        break;
      case "rule":
        this.#loadRules();
        break;
      case "neighbour":
        this.#neighbourChanged(change.row, change.isGone);
        break;
    }
  }

  #linkChanged(row: Device): void {
    const { core } = this.#stack;
    let device = core.devices.byIndex(row.index);
    if (device === null) {
      device = this.#make(row) ?? this.#usual(row);
      this.#stack.addDevice(device);
      this.#addressesChanged(row);
    }
    device.name = row.name;
    device.flags = row.flags;
    device.mtu = row.mtu;
    device.group = row.group;
    device.ignoresRouters = row.ignoresRouters || row.isInet6Off;
    if (device instanceof EthernetDevice) this.#followBridge(device, row);
    device.stateChanged(row.address);
    core.tables.changed();
  }

  #followBridge(device: EthernetDevice, { master }: Device): void {
    const bridge = master === null ? null : this.#stack.core.devices.byIndex(master.index);
    if (device.bridge === bridge) return;
    if (device.bridge instanceof BridgeDevice) device.bridge.detach(device);
    if (bridge instanceof BridgeDevice) bridge.attach(device);
  }

  #usual(row: Device): NetDevice {
    const { core } = this.#stack;
    if ((row.flags & IFF_LOOPBACK) !== 0) return new LoopbackDevice(row, core);
    if (row.cable instanceof Cable)
      return new CableDevice(row, row.address, core, this.#stack.links, row.cable);
    if (row.kind === BRIDGE.name) return new BridgeDevice(row, row.address, core, this.#stack.links);
    return new DummyDevice(row, row.address, core);
  }

  #linkGone(row: Device): void {
    const device = this.#stack.core.devices.byIndex(row.index);
    if (device !== null) this.#stack.removeDevice(device);
  }

  #addressesChanged(row: Device): void {
    const { core } = this.#stack;
    core.devices.byIndex(row.index)?.setAddresses([...row.inet, ...row.inet6]);
    core.tables.changed();
  }

  #prefixChanged(row: Route): void {
    const table = this.#devices.routes.table(row.family, row.table);
    this.#stack.core.tables.setPrefix(row, table?.ofPrefix(row.destination, row.prefixLength) ?? []);
  }

  /** Few of very many go one after the other. */
  #routesGone(rows: readonly Route[]): void {
    if (rows.length * ONE_BY_ONE > this.#stack.core.tables.routeCount) this.#loadRoutes();
    else for (const row of rows) this.#prefixChanged(row);
  }

  #loadRoutes(): void {
    const { routes } = this.#devices;
    this.#stack.core.tables.setRoutes([routes.of(AF_INET), routes.of(AF_INET6)]);
  }

  #loadRules(): void {
    const { rules } = this.#devices;
    for (const family of [AF_INET, AF_INET6] as const)
      this.#stack.core.tables.setRules(family, rules.of(family));
  }

  // ---- Neighbours: the stack's and the namespace's are the same ones ----

  #ethernet(row: Device): EthernetDevice | null {
    const device = this.#stack.core.devices.byIndex(row.index);
    return device instanceof EthernetDevice ? device : null;
  }

  #neighbourChanged(row: Row, isGone: boolean): void {
    const device = this.#ethernet(row.device);
    if (device === null || this.#isTelling) return;
    const { neighbours } = row.family === AF_INET6 ? this.#stack.links.discovery : this.#stack.links.arp;
    const address = IpAddress.fromBytes(row.address);
    this.#isTelling = true;
    if (!isGone) {
      neighbours.set(device, address, row.linkAddress, row.state, row.flags, row.protocol);
      row.state = neighbours.find(device, address.w0, address.w1, address.w2, address.w3)?.state ?? row.state;
    } else {
      const known = neighbours.find(device, address.w0, address.w1, address.w2, address.w3);
      if (known !== null) neighbours.remove(known);
    }
    this.#isTelling = false;
  }

  neighbourChanged(
    { device, address, mac, hasMac, state, flags, isRouter, protocol }: Neighbour,
    isTold: boolean,
  ): void {
    const row = this.#devices.byIndex(device.index);
    if (row === undefined || this.#isTelling) return;
    this.#isTelling = true;
    this.#devices.neighbours.found(
      {
        family: address.isV4 ? AF_INET : AF_INET6,
        device: row,
        address: address.toBytes(),
        linkAddress: hasMac && (state & NUD_FAILED) === 0 ? Uint8Array.from(mac) : null,
        state,
        flags: isRouter ? flags | NTF_ROUTER : flags & ~NTF_ROUTER,
        protocol,
      },
      isTold,
    );
    this.#isTelling = false;
  }

  neighbourGone({ device, address }: Neighbour): void {
    const row = this.#devices.byIndex(device.index);
    if (row === undefined || this.#isTelling) return;
    this.#isTelling = true;
    this.#devices.neighbours.lost(address.isV4 ? AF_INET : AF_INET6, row, address.toBytes());
    this.#isTelling = false;
  }

  // ---- What the link says of this host's configuration ----

  addressVerified(device: EthernetDevice, address: IpAddress, isDuplicate: boolean): void {
    const row = this.#devices.byIndex(device.index);
    if (row !== undefined) this.#devices.inet6.verified(row, address.toBytes(), isDuplicate);
  }

  addressLearned(
    device: EthernetDevice,
    address: IpAddress,
    prefixLength: number,
    validSeconds: number,
    preferredSeconds: number,
  ): void {
    const row = this.#devices.byIndex(device.index);
    if (row === undefined) return;
    this.#devices.inet6.learned(row, address.toBytes(), prefixLength, validSeconds, preferredSeconds);
  }

  /** The namespace's row of a route that a router has told of. */
  #learnedRow({ device, prefix, gateway, metric, protocol }: LearnedRoute): Route | undefined {
    return this.#devices.routes
      .table(AF_INET6, RT_TABLE_MAIN)
      ?.ofPrefix(prefix.first.toBytes(), prefix.length)
      .find(
        (row) =>
          row.device?.index === device.index &&
          row.metric === metric &&
          row.protocol === protocol &&
          (gateway === null
            ? row.gateway === null
            : row.gateway !== null && IpAddress.fromBytes(row.gateway).equals(gateway)),
      );
  }

  routeLearned(route: LearnedRoute): void {
    const device = this.#devices.byIndex(route.device.index);
    if (device === undefined) return;
    const { routes } = this.#devices;
    const before = this.#learnedRow(route);
    const row: Route = {
      family: AF_INET6,
      table: RT_TABLE_MAIN,
      destination: route.prefix.first.toBytes(),
      prefixLength: route.prefix.length,
      tos: 0,
      type: RTN_UNICAST,
      scope: RT_SCOPE_UNIVERSE,
      protocol: route.protocol,
      flags: 0,
      source: null,
      gateway: route.gateway?.toBytes() ?? null,
      device,
      metric: route.metric,
      metrics: new Map(),
      preference: route.preference,
    };
    if (before === undefined) routes.add(row, NLM_F_CREATE);
    else if (before.preference !== row.preference) routes.replace(before, row, NLM_F_REPLACE);
  }

  routeLost(route: LearnedRoute): void {
    const row = this.#learnedRow(route);
    if (row !== undefined) this.#devices.routes.remove(row);
    this.#stack.core.redirects.forget();
  }
}
