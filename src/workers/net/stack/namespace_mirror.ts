// Keeps a stack in step with its network namespace (devices/devices.ts): its devices, addresses, routes and rules are the
// namespace's rows, told of change by change. A change costs what it changes: of routes, those of one prefix.
//
// Devices that send nowhere (dummy ones) swallow what they are given. Those with a link of their own are made by `make`.

import { IFF_LOOPBACK } from "../../../shared/abi/netlink.ts";
import { AF_INET, AF_INET6 } from "../../../shared/abi/socket.ts";
import type { Devices } from "../devices/devices.ts";
import type { Change, Device, Route } from "../devices/rows.ts";
import { LoopbackDevice, NetDevice } from "./device.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** `ip link add type dummy`: what is sent there is gone. */
class DummyDevice extends NetDevice {
  override output(packet: Packet): void {
    this.countSent(packet);
    packet.release();
  }
}

export class NamespaceMirror {
  readonly #stack: Stack;
  readonly #devices: Devices;
  readonly #make: (row: Device) => NetDevice | null;

  /** `make`: the device of a row, null for one of the usual kinds. */
  constructor(stack: Stack, devices: Devices, make: (row: Device) => NetDevice | null = () => null) {
    this.#stack = stack;
    this.#devices = devices;
    this.#make = make;
    for (const row of devices.all) this.#linkChanged(row);
    this.#loadRoutes();
    this.#loadRules();
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
        this.#loadRoutes();
        break;
      case "rule":
        this.#loadRules();
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
    core.tables.changed();
  }

  #usual(row: Device): NetDevice {
    const { core } = this.#stack;
    return (row.flags & IFF_LOOPBACK) !== 0 ? new LoopbackDevice(row, core) : new DummyDevice(row, true);
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

  #loadRoutes(): void {
    const { routes } = this.#devices;
    this.#stack.core.tables.setRoutes([routes.of(AF_INET), routes.of(AF_INET6)]);
  }

  #loadRules(): void {
    const { rules } = this.#devices;
    for (const family of [AF_INET, AF_INET6] as const)
      this.#stack.core.tables.setRules(family, rules.of(family));
  }
}
