// An IPC namespace (ipc_namespaces(7)): the System V objects of the tasks that are in it, and their limits.
// The last task that leaves takes its objects along.

import { CLOCK_REALTIME, NSEC_PER_SEC } from "../../shared/abi/time.ts";
import type { Kernel } from "../kernel.ts";
import { PAGE_SIZE } from "../mem/vma.ts";
import { clockNs } from "../supervisor/clocks.ts";
import { Identifiers } from "./identifiers.ts";
import { IpcLimits } from "./limits.ts";
import type { Segment } from "./segment.ts";
import { Steps } from "./steps.ts";

export class IpcNamespace {
  readonly kernel: Kernel;
  readonly limits = new IpcLimits();
  readonly steps: Steps;
  readonly segments = new Identifiers<Segment>();
  /** Of all segments. */
  pages = 0;
  #tasks = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.steps = new Steps(kernel);
  }

  /** In seconds, as IPC_STAT tells times. */
  now(): number {
    return Math.floor(clockNs(this.kernel, CLOCK_REALTIME) / NSEC_PER_SEC);
  }

  enter(): void {
    this.#tasks++;
  }

  leave(): void {
    this.#tasks--;
    if (this.isGone) for (const segment of [...this.segments.all()]) segment.release();
  }

  /** Nobody is in it: its objects last only while they are in use. */
  get isGone(): boolean {
    return this.#tasks === 0;
  }

  // ---- Segments ----

  addSegment(segment: Segment): void {
    this.pages += segment.length / PAGE_SIZE;
  }

  removeSegment(segment: Segment): void {
    this.segments.remove(segment);
    this.pages -= segment.length / PAGE_SIZE;
  }

  memoryFreed(segment: Segment): void {
    this.kernel.ipcSpace.take(-segment.length);
  }
}
