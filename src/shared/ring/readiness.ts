// Readiness of the sockets that another kernel thread than 0 owns: of each the events that hold (POLLIN, ...), and how
// often something has come, of its three kinds. Written by the owner alone; thread 0 reads the events for poll and its
// like, and before it lets somebody wait asks to be told of the next edge, with the counts that it has seen: the owner
// compares, and answers at once where they differ. So no edge is lost between look and wait, and none is told to nobody.

import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP } from "../abi/poll.ts";
import { READINESS_WORDS } from "./private_sab.ts";

const EVENTS = 0;
const KINDS = 3;
/** Which events are of which kind. */
const INPUT = POLLIN | POLLPRI | POLLRDHUP;
const OUTPUT = POLLOUT;
const ENDS = POLLERR | POLLHUP;
const OF_KIND = [INPUT, OUTPUT, ENDS] as const;

export class Readiness {
  readonly #words: Int32Array;

  /** The view of PrivateSab.readiness. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** By the owner: what holds now. */
  publish(socket: number, events: number): void {
    this.#words[socket * READINESS_WORDS + EVENTS] = events;
  }

  /** By the owner: these events have come. Before it looks whether anybody is to be told. */
  edge(socket: number, events: number): void {
    const at = socket * READINESS_WORDS + 1;
    for (let kind = 0; kind < KINDS; kind++)
      if ((events & OF_KIND[kind]!) !== 0) Atomics.add(this.#words, at + kind, 1);
  }

  events(socket: number): number {
    return this.#words[socket * READINESS_WORDS + EVENTS]!;
  }

  /** How often something of a kind (0: input, 1: output, 2: ends) has come. */
  count(socket: number, kind: number): number {
    return this.#words[socket * READINESS_WORDS + 1 + kind]!;
  }

  /** Before a new socket gets the number. */
  clear(socket: number): void {
    this.#words.fill(0, socket * READINESS_WORDS, (socket + 1) * READINESS_WORDS);
  }
}
