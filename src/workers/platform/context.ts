// What the platform uses of its kernel, beside what every subsystem does.

import type { ActiveChunks } from "../../shared/ring/active.ts";
import type { ChunkPlaces } from "../../shared/ring/chunk_places.ts";
import type { Claims } from "../../shared/ring/claims.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import type { HostThread } from "./host_thread.ts";
import type { Kicks } from "./kicks.ts";
import type { LocalContext } from "./local_answers.ts";
import type { Platform } from "./platform.ts";
import type { Stubs } from "./stubs.ts";

/** Who decides on which CPUs threads run. */
interface ThreadPlacement {
  /** A new host task; `isForked`: its maker is one of ours, and where that may run it may run as well. */
  born(tid: number, isForked: boolean): void;
}

/** Other kernel threads, which serve calls on slots as well. */
export interface SlotServers {
  /**
   * The task of a slot is to come by. True: what one of them serves there comes back to thread 0 when it ends; false: none
   * serves anything.
   */
  recall(slot: number): boolean;
  /** As recall, because of a signal or the like, which ends waits. */
  cutShort(slot: number): boolean;
  /** A call of the slot's task is served by one of them. */
  serves(slot: number): boolean;
  /** Who the task of a slot is, or what its descriptors are, has changed. */
  forgetTask(slot: number): void;
  /** A slot has gone back to its guest without an answer. */
  letGo(slot: number): void;
  /** A slot was closed. */
  closed(slot: number): void;
  /** Calls `then` when none of them is on the way any more to what is given up now; perhaps at once. */
  whenPassed(then: () => void): void;
  /** A slot is one of a new chunk. */
  renewed(slot: number): void;
  /** One of them may write to a slot that was closed. */
  isLeaving(slot: number): boolean;
}

/** Address spaces in which threads wait for pages that others have locked. */
interface WaitedForSpaces {
  watch(space: AddressSpace): void;
}

export interface PlatformContext extends LocalContext {
  /** Null: there is no other kernel thread. */
  readonly otherThreads: SlotServers | null;
  readonly platform: Platform;
  readonly claims: Claims;
  /** Number of this kernel thread. */
  readonly thread: number;
  readonly active: ActiveChunks;
  readonly places: ChunkPlaces;
  /** The thread of each slot, by slot number. */
  readonly taskAt: (HostThread | undefined)[];
  readonly stubs: Stubs;
  readonly kicks: Kicks;
  readonly lateHolders: WaitedForSpaces;
  readonly placement: ThreadPlacement;
  /** A stub's host process is gone, and these threads with it. */
  onStubDeath(threads: readonly HostThread[]): void;
}
