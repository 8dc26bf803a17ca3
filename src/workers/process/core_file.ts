// The bytes of a core file (core(5)): an ELF file with a segment for each VMA, behind the notes. Which part of
// a VMA it holds is what Linux's vma_dump_size says with the usual filter: memory of the process's own, and the
// first page of what may be an ELF file. It is sparse where nothing was touched. Nothing here holds the kernel
// thread for long (F26).

import * as E from "../../shared/abi/elf.ts";
import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { RLIMIT_CORE } from "../../shared/abi/resource.ts";
import { write64 } from "../../shared/abi/struct.ts";
import { elf64_ehdr, elf64_phdr } from "../../shared/abi/structs.ts";
import { WINDOW, WINDOW_SIZE } from "../../shared/ring/layout.ts";
import { numberAnswered } from "../call/asked.ts";
import { copyInDirectly } from "../mem/direct_copy.ts";
import { type Mapped, PAGE_SIZE, VM_DONTDUMP, VM_HIDDEN, VM_SHARED, type Vma } from "../mem/vma.ts";
import type { OpenFile } from "../vfs/file.ts";
import { PageMap } from "./page_map.ts";
import type { Task } from "./task.ts";

const ELF_MAGIC = 0x464c457f;
const IDENT_SIZE = 16;
/** Pieces, of the window's size at most, after which others get their turn. */
const PIECES_PER_STEP = 16;
/** What is larger is only reserved: nothing of it is dumped. */
const LARGEST = 2 ** 38;
const VDSO = "[vdso]";

/** A part of a coroutine; false: the file is full. */
type Part<T = boolean> = Generator<void, T, void>;

interface Segment {
  readonly vma: Vma;
  /** How much of it is in the file. */
  readonly size: number;
}

/** Lets others go on. */
export function* breathe(task: Task): Part<void> {
  task.call.completeWait(0);
  yield;
}

function isOfFile({ backing }: Vma): boolean {
  return backing !== null;
}

export class CoreFile {
  readonly #task: Task;
  readonly #file: OpenFile;
  readonly #pages: PageMap;
  readonly #limit: number;
  #position = 0;
  #pieces = 0;

  constructor(task: Task, file: OpenFile) {
    this.#task = task;
    this.#file = file;
    this.#limit = task.group.rlimits[RLIMIT_CORE]![0];
    this.#pages = new PageMap(task.stub);
  }

  close(): void {
    this.#pages.close();
  }

  *write(notes: Uint8Array): Part {
    const segments: Segment[] = [];
    for (const vma of this.#task.stub.space.vmas.all())
      if ((vma.flags & VM_HIDDEN) === 0) segments.push({ vma, size: yield* this.#sizeOf(vma) });
    const headersEnd = elf64_ehdr.size + elf64_phdr.size * (segments.length + 1);
    if (!(yield* this.#putBytes(this.#headers(segments, headersEnd, notes.length)))) return false;
    if (!(yield* this.#putBytes(notes))) return false;
    this.#position = alignUp(this.#position);
    for (const { vma, size } of segments)
      if (!(yield* this.#putMemory(vma, vma.start, vma.start + size))) return false;
    // What was skipped at the end belongs to it too.
    const size = Math.min(this.#position, this.#limit);
    const file = this.#file;
    return (yield* numberAnswered(this.#task, () => file.inode?.setAttributes({ size }) ?? 0)) === 0;
  }

  #headers(segments: readonly Segment[], headersEnd: number, notesLength: number): Uint8Array {
    const bytes = new Uint8Array(headersEnd);
    const view = new DataView(bytes.buffer);
    const ident = new Uint8Array(IDENT_SIZE);
    new DataView(ident.buffer).setUint32(0, ELF_MAGIC, true);
    ident[E.EI_CLASS] = E.ELFCLASS64;
    ident[E.EI_DATA] = E.ELFDATA2LSB;
    ident[E.EI_VERSION] = E.EV_CURRENT;
    elf64_ehdr.encode(
      {
        e_ident: [...ident],
        e_type: E.ET_CORE,
        e_machine: E.EM_X86_64,
        e_version: E.EV_CURRENT,
        e_phoff: elf64_ehdr.size,
        e_ehsize: elf64_ehdr.size,
        e_phentsize: elf64_phdr.size,
        e_phnum: segments.length + 1,
      },
      bytes,
      0,
    );
    let at = elf64_ehdr.size;
    const { offset } = elf64_phdr;
    const put = (type: number, flags: number, from: number, start: number, size: number, memory: number) => {
      view.setUint32(at + offset.p_type, type, true);
      view.setUint32(at + offset.p_flags, flags, true);
      write64(view, at + offset.p_offset, from);
      write64(view, at + offset.p_vaddr, start);
      write64(view, at + offset.p_filesz, size);
      write64(view, at + offset.p_memsz, memory);
      write64(view, at + offset.p_align, type === E.PT_LOAD ? PAGE_SIZE : 4);
      at += elf64_phdr.size;
    };
    put(E.PT_NOTE, 0, headersEnd, 0, notesLength, 0);
    let from = alignUp(headersEnd + notesLength);
    for (const { vma, size } of segments) {
      const has = (prot: number, flag: number) => ((vma.prot & prot) !== 0 ? flag : 0);
      const flags = has(PROT_READ, E.PF_R) | has(PROT_WRITE, E.PF_W) | has(PROT_EXEC, E.PF_X);
      put(E.PT_LOAD, flags, from, vma.start, size, vma.end - vma.start);
      from += size;
    }
    return bytes;
  }

  *#sizeOf(vma: Vma): Part<number> {
    const whole = vma.end - vma.start;
    if (vma.name === VDSO) return whole;
    if ((vma.flags & VM_DONTDUMP) !== 0 || vma.prot === 0 || whole > LARGEST) return 0;
    const mapped = vma.backing as Mapped | null;
    // Shared memory is dumped where no file keeps it.
    if ((vma.flags & VM_SHARED) !== 0)
      return mapped === null || mapped.path.endsWith(" (deleted)") ? whole : 0;
    if (yield* this.#hasOwnPage(vma)) return whole;
    if (mapped === null || vma.offset !== 0 || (vma.prot & PROT_READ) === 0) return 0;
    yield* this.#fetch(vma.start, IDENT_SIZE);
    return this.#task.call.view.getUint32(this.#task.call.base + WINDOW, true) === ELF_MAGIC ? PAGE_SIZE : 0;
  }

  *#hasOwnPage(vma: Vma): Part {
    const { patches } = this.#task.stub.space;
    for (let at = vma.start; at < vma.end; at += this.#pages.span * PAGE_SIZE) {
      const count = yield* this.#look(vma, at);
      for (let i = 0; i < count; i++)
        // A page that was patched is the process's own for the host alone.
        if (this.#pages.isOwn(i) && patches?.hasPatchedPage(at + i * PAGE_SIZE) !== true) return true;
    }
    return false;
  }

  /** Looks at the pages from an address on: how many of them. */
  *#look(vma: Vma, at: number): Part<number> {
    const count = Math.min(this.#pages.span, (vma.end - at) / PAGE_SIZE);
    yield* this.#step();
    this.#pages.load(at, count);
    return count;
  }

  *#putMemory(vma: Vma, start: number, end: number): Part {
    if (isOfFile(vma) || end - start < vma.end - vma.start) return yield* this.#putRange(start, end);
    const base = this.#position - start;
    const { span } = this.#pages;
    for (let at = start; at < end; at += span * PAGE_SIZE) {
      const count = yield* this.#look(vma, at);
      for (let i = 0; i < count; ) {
        let next = i + 1;
        if (this.#pages.isThere(i)) {
          while (next < count && this.#pages.isThere(next) && (next - i) * PAGE_SIZE < WINDOW_SIZE) next++;
          const from = at + i * PAGE_SIZE;
          this.#position = base + from;
          if (!(yield* this.#putRange(from, at + next * PAGE_SIZE))) return false;
        }
        i = next;
      }
    }
    this.#position = base + end;
    return true;
  }

  *#putRange(start: number, end: number): Part {
    for (let at = start; at < end; at += WINDOW_SIZE) {
      const length = Math.min(WINDOW_SIZE, end - at);
      yield* this.#fetch(at, length);
      if (!(yield* this.#put(length))) return false;
      yield* this.#step();
    }
    return true;
  }

  /** Copies guest memory to the window; what cannot be read is zero. */
  *#fetch(address: number, length: number): Part<void> {
    const task = this.#task;
    if (copyInDirectly(task, address, WINDOW, length)) return;
    for (let done = 0; done < length; ) {
      task.call.outAt(address + done, length - done, WINDOW + done);
      const copied = yield* task.call.copyInRound();
      if (copied >= length - done) return;
      // The page with the fault is left out.
      const behind = Math.min(length, alignUp(address + done + copied + 1) - address);
      task.call.bytes.fill(0, task.call.base + WINDOW + done + copied, task.call.base + WINDOW + behind);
      done = behind;
    }
  }

  *#putBytes(bytes: Uint8Array): Part {
    const task = this.#task;
    for (let at = 0; at < bytes.length; at += WINDOW_SIZE) {
      const part = bytes.subarray(at, at + WINDOW_SIZE);
      task.call.bytes.set(part, task.call.base + WINDOW);
      if (!(yield* this.#put(part.length))) return false;
      yield* this.#step();
    }
    return true;
  }

  /** Writes the window's first bytes, perhaps in parts; false: not all of them, the file is full. */
  *#put(length: number): Part {
    const task = this.#task;
    for (let done = 0; done < length; ) {
      const room = Math.min(length - done, this.#limit - this.#position);
      if (room <= 0) return false;
      const [from, to] = [WINDOW + done, this.#position];
      const n = yield* numberAnswered(task, () => this.#file.pwrite(task, from, room, to));
      if (n <= 0) return false;
      this.#position += n;
      done += n;
    }
    return true;
  }

  *#step(): Part<void> {
    if (++this.#pieces % PIECES_PER_STEP === 0) yield* breathe(this.#task);
  }
}

function alignUp(position: number): number {
  return Math.ceil(position / PAGE_SIZE) * PAGE_SIZE;
}
