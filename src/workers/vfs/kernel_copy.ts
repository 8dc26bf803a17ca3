// Copies between two open files inside the kernel, through the caller's data window in bounded rounds:
// what sendfile, splice and copy_file_range are made of. Nothing is taken from a source before its
// destination has it. While another kernel thread, or a host that takes its time, reads one end or writes it, nobody else
// may read or write the other one, as far as that is a pipe (Linux has its mutex).

import { EAGAIN, EPIPE, ERESTARTSYS } from "../../shared/abi/errno.ts";
import { O_NONBLOCK } from "../../shared/abi/fcntl.ts";
import { POLLIN, POLLOUT } from "../../shared/abi/poll.ts";
import { SIGPIPE } from "../../shared/abi/signal.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { NOT_AT_HAND, untilAnswered } from "../call/asked.ts";
import { breathe } from "../call/breathe.ts";
import type { Coroutine } from "../call/call.ts";
import { fromUser } from "../call/siginfo.ts";
import type { VfsCaller } from "./caller.ts";
import type { OpenFile } from "./file.ts";
import { holding } from "./file_table.ts";
import type { PipeFile } from "./pipe.ts";
import { SeekableFile } from "./seekable_file.ts";
import { waitFor } from "./wait.ts";

/** Where bytes come from. */
export interface Source {
  readonly file: OpenFile;
  /** Puts up to `length` of them into the window, perhaps in steps; 0 at the end, or a negative errno. */
  look(task: VfsCaller, length: number): number | Coroutine;
  /** So many of those that were looked at are taken. */
  take(length: number): void;
  /** Nobody else reads it until it is let go, or writes it: POLLIN, POLLOUT. */
  hold(side: number): void;
  letGo(side: number): void;
}

/** Where bytes go. */
export interface Target {
  readonly file: OpenFile;
  /** How many bytes fit at once, as far as that is known. */
  room(): number;
  /** Takes up to `length` bytes of the window, perhaps in steps. */
  put(task: VfsCaller, length: number): number | Coroutine;
  hold(side: number): void;
  letGo(side: number): void;
}

/** A file with a position: the one that is given, and moved. */
export class Place implements Source, Target {
  readonly file: OpenFile;
  position: number;

  constructor(file: OpenFile, position: number) {
    this.file = file;
    this.position = position;
  }

  look(task: VfsCaller, length: number): number {
    return this.file.pread(task, WINDOW, length, this.position);
  }

  take(length: number): void {
    this.position += length;
  }

  room(): number {
    return WINDOW_SIZE;
  }

  put(task: VfsCaller, length: number): number {
    const n = this.file.pwrite(task, WINDOW, length, this.position);
    if (n > 0) this.position += n;
    return n;
  }

  hold(): void {}

  letGo(): void {}
}

/** A stream that is not a pipe: what was read of it cannot be given back. */
export class Stream implements Source, Target {
  readonly file: OpenFile;

  constructor(file: OpenFile) {
    this.file = file;
  }

  look(task: VfsCaller, length: number): number | Coroutine {
    return this.file.readElsewhere(task, WINDOW, length) ?? this.file.read(task, WINDOW, length);
  }

  take(): void {}

  room(): number {
    return WINDOW_SIZE;
  }

  put(task: VfsCaller, length: number): number | Coroutine {
    return this.file.writeElsewhere(task, WINDOW, length) ?? this.file.write(task, WINDOW, length);
  }

  hold(): void {}

  letGo(): void {}
}

export class PipeEnd implements Source, Target {
  readonly file: PipeFile;
  /** tee: what is looked at stays. */
  readonly #keeps: boolean;

  constructor(file: PipeFile, keeps = false) {
    this.file = file;
    this.#keeps = keeps;
  }

  look(task: VfsCaller, length: number): number {
    return this.file.peek(task, WINDOW, length);
  }

  take(length: number): void {
    if (!this.#keeps) this.file.skip(length);
  }

  room(): number {
    const { pipe } = this.file;
    return pipe.held !== 0 && pipe.keepsOut(POLLOUT) ? 0 : pipe.buffer.room;
  }

  put(task: VfsCaller, length: number): number {
    return this.file.write(task, WINDOW, length);
  }

  hold(side: number): void {
    this.file.pipe.hold(side);
  }

  letGo(side: number): void {
    this.file.pipe.letGo(side);
  }
}

function* whileHeld(end: Source | Target, side: number, step: Coroutine): Coroutine {
  end.hold(side);
  try {
    return yield* step;
  } finally {
    end.letGo(side);
  }
}

function* putAnswered(task: VfsCaller, target: Target, length: number): Coroutine {
  const put = yield* untilAnswered<Coroutine>(task, () => target.put(task, length));
  return typeof put === "number" ? put : yield* put;
}

/** How a copy waits and ends. */
export interface CopyRules {
  /** It does not wait for the source, or for the target. */
  readonly sourceNoWait: boolean;
  readonly targetNoWait: boolean;
  /** What has been moved is enough, when there is no more at once. */
  readonly partial: boolean;
  /** One round is all. */
  readonly once?: boolean;
}

export function noWait(file: OpenFile): boolean {
  return (file.flags & O_NONBLOCK) !== 0;
}

/** Copies up to `length` bytes: how many, or a negative errno when none was. */
export function copyBetween(
  task: VfsCaller,
  source: Source,
  target: Target,
  length: number,
  rules: CopyRules,
): Coroutine {
  const copying = copyRounds(task, source, target, length, rules);
  return holding(task, source.file, holding(task, target.file, copying));
}

function* copyRounds(
  task: VfsCaller,
  source: Source,
  target: Target,
  length: number,
  rules: CopyRules,
): Coroutine {
  let done = 0;
  const { longTurns } = task.kernel;
  while (done < length) {
    if (longTurns.isFull && (yield* breathe(task))) break;
    const room = Math.min(length - done, WINDOW_SIZE, target.room());
    // A pipe without readers says so, whether or not it is full.
    const looked = room > 0 ? source.look(task, room) : -EAGAIN;
    const ready = typeof looked === "number" ? looked : yield* whileHeld(target, POLLOUT, looked);
    if (room > 0 && ready <= 0 && ready !== -EAGAIN) return done > 0 ? done : ready;
    const first = ready > 0 ? target.put(task, ready) : room > 0 ? ready : target.put(task, 0);
    // What was looked at is nobody else's to take until the target's host has answered.
    const put = first === NOT_AT_HAND ? putAnswered(task, target, ready) : first;
    const n = typeof put === "number" ? put : yield* whileHeld(source, POLLIN, put);
    if (n > 0) {
      source.take(n);
      done += n;
      if (rules.once === true) break;
      continue;
    }
    if (n !== -EAGAIN) {
      if (n === -EPIPE) task.send(fromUser(task, SIGPIPE));
      return done > 0 ? done : n;
    }
    const forSource = room > 0 && ready <= 0;
    // Of what another thread makes the next part is to be waited for, not an event.
    if (forSource && source instanceof Place && source.file instanceof SeekableFile) {
      yield* holding(task, source.file, source.file.warm(task, source.position, room));
      continue;
    }
    if (done > 0 && rules.partial) break;
    if (forSource ? rules.sourceNoWait : rules.targetNoWait) return done > 0 ? done : -EAGAIN;
    const file = forSource ? source.file : target.file;
    if (yield* waitFor(task, file, forSource ? POLLIN : POLLOUT)) return done > 0 ? done : -ERESTARTSYS;
  }
  return done;
}
