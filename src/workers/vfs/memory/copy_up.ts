// Copying a lower file's contents into a node of an overlay, in bounded rounds. Until the last the node
// shows the lower file's; a copy that is given up leaves nothing behind.

import { inBackground } from "../../gofer/background.ts";
import type { Native } from "../../native.ts";
import type { VfsCaller } from "../caller.ts";
import { COPY_ROUND, type FileData } from "./file_data.ts";

export class CopyUp {
  readonly #data: FileData;
  readonly #native: Native;
  readonly #source: number;
  readonly #size: number;
  readonly #onDone: (data: FileData) => void;
  #done = 0;
  #ended = false;

  /** Owns the host descriptor `source`. */
  constructor(
    data: FileData,
    native: Native,
    source: number,
    size: number,
    onDone: (data: FileData) => void,
  ) {
    this.#data = data;
    this.#native = native;
    this.#source = source;
    this.#size = size;
    this.#onDone = onDone;
  }

  /** 1: there is more to do; 0: done; or a negative errno, which ends it. */
  round(): number {
    const done = this.#size === 0 ? 0 : this.#data.copyRound(this.#source, this.#done, this.#size);
    if (done < 0) {
      this.giveUp();
      return done;
    }
    this.#done = done;
    if (done < this.#size) return 1;
    this.#end();
    this.#onDone(this.#data);
    return 0;
  }

  /** Waits until the next round's bytes are in the host's page cache. */
  *warm(task: VfsCaller): Generator<void, void, void> {
    yield* inBackground(task, "warm", this.#source, this.#done, COPY_ROUND);
  }

  giveUp(): void {
    if (this.#ended) return;
    this.#end();
    this.#data.release();
  }

  #end(): void {
    this.#ended = true;
    this.#native.close(this.#source);
  }
}
