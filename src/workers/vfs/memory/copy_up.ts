// Copying a lower file's contents into a node of an overlay, in bounded rounds. Until the last the node
// shows the lower file's; a copy that is given up leaves nothing behind.

import { NOT_AT_HAND } from "../../call/asked.ts";
import { inBackground } from "../../gofer/background.ts";
import type { Native } from "../../native.ts";
import type { VfsCaller } from "../caller.ts";
import type { MappedFile } from "../file.ts";
import { closeMapped } from "../mapped_file.ts";
import { COPY_ROUND, type FileData } from "./file_data.ts";

/** What is asked for at once of a host that may take long. */
const SLOW_ROUND = 65536;

export class CopyUp {
  readonly #data: FileData;
  readonly #native: Native;
  readonly #source: MappedFile;
  readonly #size: number;
  readonly #onDone: (data: FileData) => void;
  #done = 0;
  #ended = false;

  /** Owns the host descriptor of `source`. */
  constructor(
    data: FileData,
    native: Native,
    source: MappedFile,
    size: number,
    onDone: (data: FileData) => void,
  ) {
    this.#data = data;
    this.#native = native;
    this.#source = source;
    this.#size = size;
    this.#onDone = onDone;
  }

  /** 1: there is more to do; 0: done; NOT_AT_HAND; or a negative errno, which ends it. */
  round(): number {
    const done = this.#size === 0 ? 0 : this.#copy();
    if (done === NOT_AT_HAND) return done;
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

  #copy(): number {
    const { slow, hostFd } = this.#source;
    if (slow === undefined) return this.#data.copyRound(hostFd, this.#done, this.#size);
    const bytes = slow.read(this.#done, SLOW_ROUND);
    if (typeof bytes === "number") return bytes;
    slow.taken(this.#done);
    return this.#data.copyPiece(bytes, this.#done, this.#size);
  }

  /** Waits until the next round's bytes are in the host's page cache. */
  *warm(task: VfsCaller): Generator<void, void, void> {
    if (this.#source.slow === undefined)
      yield* inBackground(task, "warm", this.#source.hostFd, this.#done, COPY_ROUND);
  }

  giveUp(): void {
    if (this.#ended) return;
    this.#end();
    this.#data.release();
  }

  #end(): void {
    this.#ended = true;
    closeMapped(this.#native, this.#source);
  }
}
