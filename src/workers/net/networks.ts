// The network namespaces of a kernel thread, by number. The first is there from the start, and stays.

import { ENOSPC } from "../../shared/abi/errno.ts";
import type { Owned } from "../credentials/user_namespace.ts";
import type { HeapBudget } from "../heap_budget.ts";
import type { MemoryBudget } from "../memory_budget.ts";
import { Sysctls } from "../sysctls.ts";
import type { NetContext } from "./context.ts";
import { type InetContext, memoryFor } from "./inet/inet_stack.ts";
import { StackTurns } from "./inet/stack_turns.ts";
import { RouteNotifier } from "./netlink/route/notifier.ts";
import { Network } from "./network.ts";
import type { StackMemory } from "./stack/memory.ts";

/** The kernel thread that has the sockets of namespaces, as the one that has their tasks knows it. */
export interface NetworkOwner {
  networkMade(network: Network): void;
  networkGone(network: Network): void;
}

interface NetworksContext extends NetContext, InetContext {
  readonly commonMemory: MemoryBudget;
  readonly heap: HeapBudget;
}

export class Networks {
  readonly #kernel: NetworksContext;
  readonly first: Network;
  readonly #all = new Map<number, Network>();
  #memory: StackMemory | null = null;
  readonly turns: StackTurns;
  #last = 0;
  /** Who is told; null: it is this kernel thread. */
  owner: NetworkOwner | null = null;

  constructor(kernel: NetworksContext, sysctls: Sysctls) {
    this.#kernel = kernel;
    this.turns = new StackTurns(kernel);
    this.first = this.#add(0, sysctls).hold();
  }

  /** What all their stacks have together. */
  get memory(): StackMemory {
    this.#memory ??= memoryFor(this.#kernel.commonMemory, this.#kernel.heap);
    return this.#memory;
  }

  /** Those that are there: for who waits until none is. */
  get size(): number {
    return this.#kernel.counters.networks;
  }

  /** There must be one of that number. */
  at(number: number): Network {
    return this.#all.get(number)!;
  }

  /** Whether there may be one more: 0 or -ENOSPC. */
  mayMake(): number {
    return this.#kernel.heap.hasRoom("networks") ? 0 : -ENOSPC;
  }

  /** A new one, which is its maker's to hold, and belongs to his user namespace. */
  make(owned: Owned): Network {
    const network = this.#add(++this.#last, new Sysctls(), owned);
    this.owner?.networkMade(network);
    return network;
  }

  /** One that another kernel thread has made: it holds it. */
  adopt(number: number, owned: Owned): void {
    this.#add(number, new Sysctls(), owned).hold();
  }

  #add(number: number, sysctls: Sysctls, owned: Owned | null = null): Network {
    const network = new Network(this.#kernel, this, number, sysctls, owned);
    network.routeNotifier = new RouteNotifier(network.netlinkPorts, network.devices);
    this.#kernel.counters.networks++;
    this.#all.set(number, network);
    return network;
  }

  remove(network: Network): void {
    this.#all.delete(network.number);
    for (const other of this.#all.values()) other.devices.ids.forget(network.devices);
    this.owner?.networkGone(network);
  }
}
