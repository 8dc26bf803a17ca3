// Turning the event loop: how the main thread gets a kernel thread, which never awaits, to serve a
// control request. The main thread posts its message, then asks; the kernel thread sees that more
// was asked than served, leaves its loop and turns its event loop at least two turns, and on until
// served = asked (one turn can end before a message that was posted during it is delivered). The
// handler of each request counts it as served when it has run.

import { CONTROL_ASKED, CONTROL_SERVED, CONTROL_WORDS } from "./private_sab.ts";

export class Turns {
  readonly #control: Int32Array;
  readonly #asked: number;
  readonly #served: number;

  constructor(control: Int32Array, thread: number) {
    this.#control = control;
    this.#asked = thread * CONTROL_WORDS + CONTROL_ASKED;
    this.#served = thread * CONTROL_WORDS + CONTROL_SERVED;
  }

  /** Main thread, after posting the message; the kernel thread's doorbell follows if it sleeps. */
  ask(): void {
    Atomics.add(this.#control, this.#asked, 1);
  }

  /** Kernel thread, in the handler of a request. */
  serve(): void {
    Atomics.add(this.#control, this.#served, 1);
  }

  /** Kernel thread, in its loop, and before it sleeps, behind the locked instruction that sets its sleeping flag. */
  due(): boolean {
    return this.#control[this.#asked] !== this.#control[this.#served];
  }
}
