// A network namespace (network_namespaces(7)): devices with their addresses and routes, a stack that carries what is sent
// over them, the ports of netlink, and the settings of /proc/sys/net. Sockets and tasks are in one each; the last of those
// that are in it takes it along.
//
// Each kernel thread has an object for it. Which tasks and descriptors hold it thread 0 knows; the thread that has the
// sockets is told when it is gone.

import { inodeOf, NET_FIRST_INO, NET_KIND } from "../../shared/abi/nsfs.ts";
import type { Owned, UserNamespace } from "../credentials/user_namespace.ts";
import type { Sysctls } from "../sysctls.ts";
import type { NetContext } from "./context.ts";
import { Devices } from "./devices/devices.ts";
import { BRIDGE } from "./devices/kinds.ts";
import type { Device } from "./devices/rows.ts";
import { type InetContext, InetStack } from "./inet/inet_stack.ts";
import type { StackTurns } from "./inet/stack_turns.ts";
import { NetlinkPorts } from "./netlink/ports.ts";
import type { Causes } from "./netlink/route/cause.ts";
import type { StackMemory } from "./stack/memory.ts";

/** Others may send to it from elsewhere. */
function isJoined({ cable, kind }: Device): boolean {
  return cable !== null || kind === BRIDGE.name;
}

/** All that a kernel thread has. */
interface NetworkSet {
  readonly memory: StackMemory;
  readonly turns: StackTurns;
  remove(network: Network): void;
}

export class Network {
  readonly kernel: NetContext;
  /** 0: the sandbox's first. */
  readonly number: number;
  /** What its file in /proc/PID/ns says. */
  readonly inode: number;
  readonly sysctls: Sysctls;
  readonly netlinkPorts: NetlinkPorts;
  readonly devices: Devices;
  /** Who tells of changes; set when it is made. */
  routeNotifier!: Causes;
  readonly inet: InetStack;
  readonly #all: NetworkSet;
  /** Null: it belongs to the guests' own user namespace. */
  readonly #owned: Owned | null;
  #holders = 0;

  constructor(
    kernel: NetContext & InetContext,
    all: NetworkSet,
    number: number,
    sysctls: Sysctls,
    owned: Owned | null = null,
  ) {
    this.kernel = kernel;
    this.#owned = owned;
    this.number = number;
    this.inode = number === 0 ? NET_FIRST_INO : inodeOf(NET_KIND, number);
    this.sysctls = sysctls;
    this.#all = all;
    this.netlinkPorts = new NetlinkPorts(kernel);
    this.devices = new Devices(kernel, number === 0);
    this.inet = new InetStack(kernel, this);
    // What comes by a cable is answered though nobody here has a socket.
    this.devices.listeners.push((change) => {
      if (change.kind === "link" && !change.isGone && isJoined(change.row)) this.inet.start();
    });
  }

  /** The user namespace that it belongs to. */
  get owner(): UserNamespace {
    return this.#owned?.users ?? this.kernel.users;
  }

  /** A task, a socket or an open file is in it, or stands for it. */
  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.kernel.steps.run(() => this.#endDevices());
  }

  #endDevices(): boolean {
    const { longTurns, steps } = this.kernel;
    while (this.devices.endPart()) if (longTurns.isFull) return false;
    this.#all.remove(this);
    this.#owned?.release();
    steps.run(() => this.#endStack());
    return true;
  }

  #endStack(): boolean {
    if (!this.inet.endPart()) return false;
    this.kernel.counters.networks--;
    return true;
  }

  get memory(): StackMemory {
    return this.#all.memory;
  }

  get turns(): StackTurns {
    return this.#all.turns;
  }
}
