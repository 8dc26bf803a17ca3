// The network of the host as the sandbox process has it: sockets are asked for one by one of a process that stands in it
// (native/keeper/maker.c), which answers in the order in which it was asked. No more is asked at once than its channel
// holds; who comes then waits for a turn.

import { EAGAIN, ENETDOWN, ENFILE } from "../../../shared/abi/errno.ts";
import { POLLIN } from "../../../shared/abi/poll.ts";
import type { Caller } from "../../call/caller.ts";
import type { Log } from "../../log.ts";
import { TRANSFER_MAX } from "../../mem/direct_memory.ts";
import type { Native } from "../../native.ts";
import type { SleepSet } from "../../sleep_set.ts";
import type { NetCaller } from "../caller.ts";
import type { NetContext } from "../context.ts";
import type { Creator } from "../family.ts";
import { KeptReads } from "../inet/kept_reads.ts";
import type { Address, SocketFile } from "../socket.ts";
import type { HostNetwork } from "./host_network.ts";
import { HostSocket } from "./host_socket.ts";

export interface MakerContext extends NetContext {
  readonly native: Native;
  readonly sleep: SleepSet;
  readonly log: Log;
}

/** Questions under way: fewer than the channel holds. */
const UNDER_WAY_MAX = 64;

/** A call that waits for an answer, or to ask. */
interface Asking {
  /** Null: it has been given up. */
  call: Caller["call"] | null;
  /** Sends the question: 0 or a negative errno. */
  readonly ask: () => number;
  /** 0 or a negative errno, and the descriptor that came with it. */
  result: number;
  fd: number;
  isAnswered: boolean;
  /** The call goes on by completeWait. */
  waits: boolean;
}

/** 0 or a negative errno, and the descriptor that came, or -1. */
type Answer = Generator<void, { result: number; fd: number }, void>;

export class SocketMaker implements HostNetwork {
  readonly #kernel: MakerContext;
  /** -1: the maker has gone. */
  #channel: number;
  readonly #watch: number;
  readonly #asked: Asking[] = [];
  /** Whose turn comes, in this order. */
  readonly #queue: Asking[] = [];
  #passing: Uint8Array | null = null;
  #keptReads: KeptReads | null = null;

  constructor(kernel: MakerContext, channel: number) {
    this.#kernel = kernel;
    this.#channel = channel;
    this.#watch = kernel.sleep.add(channel, POLLIN, () => this.#hear());
  }

  get sleep(): SleepSet {
    return this.#kernel.sleep;
  }

  get passing(): Uint8Array {
    this.#passing ??= new Uint8Array(TRANSFER_MAX);
    return this.#passing;
  }

  get keptReads(): KeptReads {
    this.#keptReads ??= new KeptReads();
    return this.#keptReads;
  }

  *create(
    task: NetCaller & Creator,
    domain: number,
    type: number,
    protocol: number,
    status: number,
  ): Generator<void, SocketFile | number, void> {
    const kernel = this.#kernel;
    if (!kernel.heap.hasRoom("sockets") || !kernel.heap.hasRoom("hostSockets")) return -ENFILE;
    const { result, fd } = yield* this.#counted(
      this.#ask(task, () => kernel.native.makerAsk(this.#channel, domain, type, protocol)),
    );
    if (result < 0) return result;
    // The descriptor was lost on its way.
    if (fd < 0) return -ENFILE;
    const inode = kernel.anonymous.socket(task.credentials);
    return new HostSocket(task.network, this, inode, fd, domain, type, protocol, status);
  }

  *bind(task: Caller, fd: number, address: Address): Generator<void, number, void> {
    const { native } = this.#kernel;
    const { result } = yield* this.#ask(task, () => {
      for (let i = 0; i < address.length; i++) native.scratch[i] = address.charCodeAt(i);
      return native.makerBind(this.#channel, fd, address.length);
    });
    return result;
  }

  /** A socket that is asked for is one of those that there are. */
  *#counted(asking: Answer): Answer {
    const { counters } = this.#kernel;
    counters.sockets++;
    counters.hostSockets++;
    try {
      return yield* asking;
    } finally {
      counters.sockets--;
      counters.hostSockets--;
    }
  }

  *#ask({ call }: Caller, ask: () => number): Answer {
    if (this.#channel < 0) return { result: -ENETDOWN, fd: -1 };
    const asking: Asking = { call, ask, result: 0, fd: -1, isAnswered: false, waits: false };
    this.#queue.push(asking);
    this.#askNext();
    try {
      while (!asking.isAnswered) {
        asking.waits = true;
        call.replyBlocked();
        yield;
      }
      const { fd } = asking;
      asking.fd = -1;
      return { result: asking.result, fd };
    } finally {
      // Cut off: what comes for it is nobody's.
      asking.call = null;
      if (asking.fd >= 0) this.#kernel.native.close(asking.fd);
    }
  }

  /** Asks for those whose turn it is. */
  #askNext(): void {
    while (this.#queue.length > 0 && this.#asked.length < UNDER_WAY_MAX) {
      const [asking] = this.#queue as [Asking];
      const error = asking.call === null ? 0 : asking.ask();
      // The channel is full: the next answer makes room.
      if (error === -EAGAIN && this.#asked.length > 0) return;
      this.#queue.shift();
      if (error < 0) this.#answer(asking, error, 0);
      else if (asking.call !== null) this.#asked.push(asking);
    }
  }

  #hear(): void {
    this.#hearAll();
    if (this.#channel >= 0) this.#askNext();
  }

  // No more than were under way.
  #hearAll(): void {
    const { native } = this.#kernel;
    for (;;) {
      const fd = native.makerAnswer(this.#channel);
      if (fd === -EAGAIN) return;
      if (fd < 0) {
        this.#end();
        return;
      }
      const asking = this.#asked.shift();
      if (asking !== undefined) this.#answer(asking, native.scratchView.getInt32(0, true), fd);
      else if (fd > 0) native.close(fd);
    }
  }

  #answer(asking: Asking, result: number, fd: number): void {
    asking.result = result;
    asking.isAnswered = true;
    if (fd > 0 && asking.call === null) this.#kernel.native.close(fd);
    else if (fd > 0) asking.fd = fd;
    if (asking.waits) asking.call?.completeWait(0);
  }

  /** There are no more sockets; those that there are stay. */
  #end(): void {
    const { native, sleep, log } = this.#kernel;
    sleep.remove(this.#channel, this.#watch);
    native.close(this.#channel);
    this.#channel = -1;
    log("warn", "the maker of the host's sockets has gone: there are no new ones");
    for (const asking of [...this.#asked.splice(0), ...this.#queue.splice(0)])
      this.#answer(asking, -ENETDOWN, 0);
  }
}
