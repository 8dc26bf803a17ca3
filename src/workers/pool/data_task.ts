// A guest's thread as a kernel thread that moves bytes of files knows it: a served task (served_task.ts), whose call is thread
// 0's as soon as there is more to it than one host call.

import { kindOf, sequenceOf } from "../../shared/ring/claims.ts";
import { WORD_SEQUENCE } from "../../shared/ring/slot_states.ts";
import { NOT_AT_HAND } from "../call/asked.ts";
import { LastRead } from "../vfs/last_read.ts";
import type { BorrowedFile } from "./borrowed_file.ts";
import type { DataCaller } from "./data_calls.ts";
import { ServedCall, ServedTask, type ServingContext } from "./served_task.ts";

/** Where its files come from. */
export interface MovingContext extends ServingContext {
  /** What the descriptor of the call in a slot names, if it may be served here now; else null. */
  fileOf(slot: number): BorrowedFile | null;
}

class DataCall extends ServedCall {
  readonly #task: DataTask;

  constructor(task: DataTask, context: ServingContext, slot: number) {
    super(task, context, slot);
    this.#task = task;
  }

  override complete(result: number): void {
    if (result === NOT_AT_HAND) this.#task.pass();
    else super.complete(result);
  }
}

export class DataTask extends ServedTask implements DataCaller {
  readonly kernel: MovingContext;
  readonly call: DataCall;
  readonly lastRead = new LastRead(this);
  #file: BorrowedFile | null = null;
  /** What its stub has posted. */
  #request = 0;

  constructor(kernel: MovingContext, slot: number) {
    super(kernel);
    this.kernel = kernel;
    this.call = new DataCall(this, kernel, slot);
  }

  get file(): BorrowedFile {
    return this.#file!;
  }

  /** It has posted a call on a file that is lent. */
  begin(request: number, nr: number, file: BorrowedFile): void {
    const { call } = this;
    call.cancelWait();
    call.takeBack(sequenceOf(request), nr);
    this.#request = request;
    this.#file = file;
    this.signal = 0;
  }

  /** Its stub has posted what comes of a round of the call. */
  goOn(request: number): void {
    const { call } = this;
    call.takeBack(sequenceOf(request), call.nr);
    // Passed from now on, it is the call itself that is passed, under this sequence.
    this.#request = (request & -WORD_SEQUENCE) | kindOf(this.#request);
  }

  // Whatever happened while its stub had the slot: a signal, another file under the number, a watch.
  mayGoOn(): boolean {
    return this.#file !== null && this.kernel.fileOf(this.call.slot) === this.#file;
  }

  /** The call is thread 0's, which begins with it anew: nothing has come of it here. */
  pass(): void {
    const { call, kernel } = this;
    const { slot, nr } = call;
    call.handOver();
    kernel.passRequest(slot, this.#request, nr);
  }

  override end(): void {
    super.end();
    this.#file = null;
  }
}
