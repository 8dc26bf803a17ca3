// A kernel thread's end of the mailboxes: records go out at once, and whoever sleeps is rung; those that have come are
// taken at the loop top.

import type { KernelPage } from "../../shared/ring/kernel_page.ts";
import { Mailbox, RECORD_PAYLOAD_WORDS } from "../../shared/ring/mailbox.ts";
import { MAILBOX_RECORDS, type PrivateSab } from "../../shared/ring/private_sab.ts";
import type { LoopPost } from "../loop.ts";
import type { Native } from "../native.ts";
import type { ThreadFigures } from "../thread_figures.ts";

/** As many as a ring holds: what was sent before the loop top is taken behind it. */
const TAKEN_AT_ONCE = MAILBOX_RECORDS;

interface PostContext {
  readonly native: Native;
  readonly page: KernelPage;
  readonly thread: number;
  readonly figures: ThreadFigures;
}

export class Post implements LoopPost {
  readonly #kernel: PostContext;
  readonly #mailbox: Mailbox;
  readonly #sab: PrivateSab;
  readonly #threads: number;
  readonly #incoming = new Int32Array(RECORD_PAYLOAD_WORDS);
  readonly #outgoing = new Int32Array(RECORD_PAYLOAD_WORDS);
  /** Takes a record, which lasts until it comes back. */
  readonly #onRecord: (record: Int32Array) => void;

  /** `threads`: how many there are. */
  constructor(kernel: PostContext, sab: PrivateSab, threads: number, onRecord: (record: Int32Array) => void) {
    this.#kernel = kernel;
    this.#mailbox = new Mailbox(sab.mailboxes, kernel.thread, threads);
    this.#sab = sab;
    this.#threads = threads;
    this.#onRecord = onRecord;
  }

  /** A record to fill and send next; its first word is the kind. */
  record(kind: number): Int32Array {
    this.#outgoing[0] = kind;
    return this.#outgoing;
  }

  /** Sends it: now, or when there is room. */
  send(to: number): void {
    if (this.#mailbox.send(to, this.#outgoing)) this.wake(to);
    else this.#sab.setBehind(this.#kernel.thread, true);
  }

  /** As send; whoever sleeps is rung only where there is no more room. */
  leave(to: number): void {
    if (this.#mailbox.send(to, this.#outgoing)) return;
    this.#sab.setBehind(this.#kernel.thread, true);
    this.wake(to);
  }

  /** Another thread has said more than has found room. */
  isBehind(thread: number): boolean {
    return this.#sab.isBehind(thread);
  }

  /** Has a thread look at what was done before, behind a locked instruction. */
  wake(thread: number): void {
    const { native, page, figures } = this.#kernel;
    if (!page.isSleeping(thread)) return;
    figures.doorbells++;
    native.doorbellRing(this.#sab.doorbell(thread));
  }

  exchange(): boolean {
    const mailbox = this.#mailbox;
    if (mailbox.unsent === 0 && !mailbox.seemsWaiting) return false;
    const told = this.#mailbox.flush();
    if (told !== 0 && this.isFlushed) this.#sab.setBehind(this.#kernel.thread, false);
    if (told !== 0)
      for (let thread = 0; thread < this.#threads; thread++)
        if ((told & (1 << thread)) !== 0) this.wake(thread);
    let taken = 0;
    while (taken < TAKEN_AT_ONCE && this.#mailbox.receive(this.#incoming) >= 0) {
      taken++;
      this.#onRecord(this.#incoming);
    }
    const { figures } = this.#kernel;
    if (taken > figures.queuedMax) figures.queuedMax = taken;
    return taken > 0 || told !== 0;
  }

  /** Records that have come and were not taken yet. */
  get queued(): number {
    return this.#mailbox.waiting;
  }

  /** Those that found no room where they go. */
  get unsent(): number {
    return this.#mailbox.unsent;
  }

  /** All that was sent is where its receiver finds it. */
  get isFlushed(): boolean {
    return this.#mailbox.unsent === 0;
  }

  get isWaiting(): boolean {
    return this.#mailbox.unsent > 0 || this.#mailbox.anyRecord();
  }
}
