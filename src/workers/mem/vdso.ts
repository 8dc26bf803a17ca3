// The guest's vDSO: an image of our own (native/vdso), whose functions go on in the host's, at the place in
// the stub window to which the zygote has moved it. One memfd for all address spaces, which nobody can
// write any more: guests map it privately, read-only and executable.

import { readFileSync } from "node:fs";
import { O_RDONLY } from "../../shared/abi/fcntl.ts";
import { PROT_EXEC, PROT_READ } from "../../shared/abi/mman.ts";
import type { CallContext } from "../call/context.ts";
import { type Mapped, PAGE_SIZE } from "./vma.ts";

export const VDSO_SIZE = PAGE_SIZE;
export const VDSO_PROT = PROT_READ | PROT_EXEC;

const IMAGE = "/vdso.so";
/** First word of the table of addresses in the image (vdso.c). */
const TARGETS_MARK = 0x6f7364766666696en;
const TARGETS = [
  "__vdso_gettimeofday",
  "__vdso_time",
  "__vdso_clock_gettime",
  "__vdso_clock_getres",
  "__vdso_getcpu",
] as const;

/** The image, of which each kernel has a copy: to be read before the process is confined. Throws. */
export function readVdso(): Buffer {
  return readFileSync(IMAGE);
}

export class Vdso {
  readonly backing: Mapped;
  /** Addresses of the host's functions in every stub, in the order of TARGETS; 0: there is none. */
  readonly targets: readonly number[];
  /** Read-only host descriptor, to be donated. */
  readonly hostFd: number;

  /** `ownImage`: as it was read; `hostImage`: address of the host's vDSO in every stub, or 0. Throws: without it no program starts. */
  constructor(kernel: CallContext, ownImage: Buffer, hostImage: number) {
    const { native, descriptors } = kernel;
    const image = Buffer.from(ownImage);
    const mark = Buffer.alloc(8);
    mark.writeBigUInt64LE(TARGETS_MARK);
    const at = image.indexOf(mark);
    if (at < 0 || image.length > VDSO_SIZE) throw new Error("vdso: the image is not what it should be");
    this.targets = TARGETS.map((name) => {
      const offset = hostImage === 0 ? -1 : native.hostVdsoOffset(name);
      return offset < 0 ? 0 : hostImage + offset;
    });
    for (const [index, target] of this.targets.entries())
      image.writeBigUInt64LE(BigInt(target), at + 8 * (index + 1));
    native.scratch.fill(0, 0, VDSO_SIZE);
    native.scratch.set(image);
    const writable = native.memfdFile();
    const written = writable < 0 ? writable : native.pwriteScratch(writable, VDSO_SIZE, 0);
    this.hostFd = written < 0 ? written : native.reopen(descriptors.proc, writable, O_RDONLY);
    if (this.hostFd < 0) throw new Error(`vdso: errno ${-this.hostFd}`);
    native.close(writable);
    this.backing = { id: kernel.nextMappedId(), path: "[vdso]", dev: 0, ino: 0 };
  }
}
