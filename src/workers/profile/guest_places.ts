// Places in guests' code, as the files that are mapped there: each with its number, and the function that it lies in. Files are
// opened when the first place in one is seen, since the process may be gone when the profile ends; symbols are looked
// for then, in all of a file's places at once, in pieces.

import { S_IFREG } from "../../shared/abi/stat.ts";
import type { RecordedPlace } from "../../shared/profile_record.ts";
import type { Steps } from "../call/steps.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Native } from "../native.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import type { MappedFile } from "../vfs/file.ts";
import { contextOf } from "../vfs/lookup.ts";
import { closeMapped, readMapped } from "../vfs/mapped_file.ts";
import { FileTarget, walkPath } from "../vfs/path_walk.ts";
import { findSymbols, type SymbolWish } from "./elf_symbols.ts";
import { escaped, kept } from "./names.ts";

const PLACES_MAX = 4096;
/** Each holds a descriptor of the host's until the profile ends. */
const FILES_MAX = 64;
const NAMES_PER_PIECE = 64;

interface Place {
  readonly file: string;
  readonly offset: number;
  symbol: string;
  symbolOffset: number;
}

interface SeenFile {
  readonly backing: Mapped;
  /** Null: it cannot be read. */
  readonly mapped: MappedFile | null;
  readonly places: Place[];
}

interface PlacesContext {
  readonly native: Native;
  readonly steps: Steps;
  readonly rootCredentials: Credentials;
}

export class GuestPlaces {
  readonly #kernel: PlacesContext;
  readonly #places: Place[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #files = new Map<number, SeenFile>();
  /** Places, and files, that have found no room. */
  dropped = 0;

  constructor(kernel: PlacesContext) {
    this.#kernel = kernel;
  }

  /** The number of the place of an address; -1: there is no room for more. */
  of(task: VfsCaller, address: number): number {
    const vma = task.stub.space.vmas.find(address);
    const backing = (vma?.backing ?? null) as Mapped | null;
    const offset = backing === null ? address : vma!.offset + (address - vma!.start);
    const key = `${backing?.id ?? 0} ${offset}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#places.length >= PLACES_MAX) {
      this.dropped++;
      return -1;
    }
    const number = this.#places.length;
    this.#numbers.set(key, number);
    const file = backing === null ? (vma?.name ?? "") : backing.path;
    const place = { file: kept(escaped(file)), offset, symbol: "", symbolOffset: 0 };
    this.#places.push(place);
    if (backing !== null) this.#fileOf(task, backing)?.places.push(place);
    return number;
  }

  #fileOf(task: VfsCaller, backing: Mapped): SeenFile | null {
    const known = this.#files.get(backing.id);
    if (known !== undefined) return known;
    if (this.#files.size >= FILES_MAX) {
      this.dropped++;
      return null;
    }
    const seen = { backing, mapped: this.#open(task, backing), places: [] };
    this.#files.set(backing.id, seen);
    return seen;
  }

  /** What is mapped may have no name any more, and what has its name may be another file. */
  #open(task: VfsCaller, backing: Mapped): MappedFile | null {
    if (backing.isSlow === true || !backing.path.startsWith("/")) return null;
    const { native } = this.#kernel;
    const { kernel } = task;
    const { current } = kernel;
    // On nobody's behalf: where the host would take its time, there is no answer.
    kernel.current = null;
    try {
      const found = walkPath(contextOf(task), task.fs.root, backing.path, { follow: true });
      if (typeof found === "number" || found instanceof FileTarget) return null;
      // To open anything else may be to do something.
      if (found.inode.type !== S_IFREG) return null;
      const file = found.inode.open(0, this.#kernel.rootCredentials);
      if (typeof file === "number") return null;
      const mapped = file.map(false);
      file.release();
      if (typeof mapped === "number") return null;
      if (mapped.backing.id === backing.id && mapped.slow === undefined) return mapped;
      closeMapped(native, mapped);
      return null;
    } finally {
      kernel.current = current;
    }
  }

  /** Looks for symbols, then lets all files go; `then` is called in a later turn, or now if there is nothing to look at. */
  finish(then: () => void): void {
    const files = [...this.#files.values()];
    this.#files.clear();
    let search: Generator<void, void> | null = null;
    const piece = () => {
      for (;;) {
        const file = files[0];
        if (file === undefined) {
          then();
          return true;
        }
        search ??= this.#search(file);
        if (!search.next().done) return false;
        search = null;
        files.shift();
        if (file.mapped === null) continue;
        closeMapped(this.#kernel.native, file.mapped);
        return false;
      }
    };
    if (!piece()) this.#kernel.steps.later(piece);
  }

  *#search({ mapped, places }: SeenFile): Generator<void, void> {
    if (mapped === null) return;
    const read = (offset: number, length: number) => {
      const bytes = readMapped(this.#kernel.native, mapped, offset, length);
      return typeof bytes === "number" ? null : bytes;
    };
    const wishes = places.map(({ offset }): SymbolWish => ({ offset, symbol: "", symbolOffset: 0 }));
    yield* findSymbols(read, wishes);
    for (const [i, { symbol, symbolOffset }] of wishes.entries()) {
      if (i % NAMES_PER_PIECE === NAMES_PER_PIECE - 1) yield;
      places[i]!.symbol = kept(escaped(symbol));
      places[i]!.symbolOffset = symbolOffset;
    }
  }

  /** Lets all files go at once, without a look for symbols: the kernel ends, and with it its turns. */
  drop(): void {
    for (const { mapped } of this.#files.values())
      if (mapped !== null) closeMapped(this.#kernel.native, mapped);
    this.#files.clear();
  }

  place(number: number): RecordedPlace {
    return this.#places[number]!;
  }

  get all(): readonly RecordedPlace[] {
    return this.#places;
  }
}
