// Files of anon_inodefs: descriptors that stand for something which is no file (eventfd, epoll, ...).
// They share one inode and know no offsets.

import { OpenFile } from "../file.ts";
import type { AnonymousContext } from "./anonymous_fs.ts";

export abstract class AnonymousFile extends OpenFile {
  override readonly isStream: boolean = true;
  readonly kernel: AnonymousContext;
  /** "[eventfd]": what /proc/PID/fd shows. */
  protected abstract readonly kind: string;

  constructor(kernel: AnonymousContext, flags: number) {
    super(flags);
    this.kernel = kernel;
    this.inode = kernel.anonymous.other;
  }

  /** What could not be delivered is lost, as on Linux. */
  override undelivered(): number {
    return 0;
  }

  override get splices(): boolean {
    return false;
  }

  override seek(): number {
    return 0;
  }

  override describe(): string {
    return `anon_inode:${this.kind}`;
  }

  release(): void {}
}
