// Places in guests' code, as the files that are mapped there: each with its number, and the function that it lies in. Files are
// opened when the first place in one is seen (unwind/guest_files.ts); symbols are looked for when the profile ends, in all of
// a file's places at once, in pieces.

import type { RecordedPlace } from "../../shared/profile_record.ts";
import type { Steps } from "../call/steps.ts";
import type { Mapped } from "../mem/vma.ts";
import type { GuestFile, GuestFiles } from "../unwind/guest_files.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { findSymbols, type SymbolWish } from "./elf_symbols.ts";
import { escaped, kept } from "./names.ts";

const PLACES_MAX = 4096;
const NAMES_PER_PIECE = 64;

interface Place {
  readonly file: string;
  readonly offset: number;
  symbol: string;
  symbolOffset: number;
}

interface SeenFile {
  readonly file: GuestFile;
  readonly places: Place[];
}

interface PlacesContext {
  readonly steps: Steps;
}

export class GuestPlaces {
  readonly #kernel: PlacesContext;
  readonly #guestFiles: GuestFiles;
  readonly #places: Place[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #files = new Map<number, SeenFile>();
  /** Places, and files, that have found no room. */
  dropped = 0;

  constructor(kernel: PlacesContext, files: GuestFiles) {
    this.#kernel = kernel;
    this.#guestFiles = files;
  }

  /** The number of the place of an address; -1: there is no room for more, or no program can have it. */
  of(task: VfsCaller, address: number): number {
    const vma = task.stub.space.vmas.find(address);
    const backing = (vma?.backing ?? null) as Mapped | null;
    const offset = backing === null ? address : vma!.offset + (address - vma!.start);
    // Registers are the guest's word, and may hold anything: it would be no number for whoever reads the profile.
    if (!(offset >= 0 && offset <= Number.MAX_SAFE_INTEGER)) return -1;
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
    const file = this.#guestFiles.of(task, backing);
    if (file === null) {
      this.dropped++;
      return null;
    }
    const seen = { file, places: [] };
    this.#files.set(backing.id, seen);
    return seen;
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
          this.#guestFiles.close();
          then();
          return true;
        }
        search ??= this.#search(file);
        if (!search.next().done) return false;
        search = null;
        files.shift();
        if (!file.file.isReadable) continue;
        file.file.close();
        return false;
      }
    };
    if (!piece()) this.#kernel.steps.later(piece);
  }

  *#search({ file, places }: SeenFile): Generator<void, void> {
    if (!file.isReadable) return;
    const wishes = places.map(({ offset }): SymbolWish => ({ offset, symbol: "", symbolOffset: 0 }));
    yield* findSymbols(file.read, wishes);
    for (const [i, { symbol, symbolOffset }] of wishes.entries()) {
      if (i % NAMES_PER_PIECE === NAMES_PER_PIECE - 1) yield;
      places[i]!.symbol = kept(escaped(symbol));
      places[i]!.symbolOffset = symbolOffset;
    }
  }

  /** Lets all files go at once, without a look for symbols: the kernel ends, and with it its turns. */
  drop(): void {
    this.#guestFiles.close();
    this.#files.clear();
  }

  place(number: number): RecordedPlace {
    return this.#places[number]!;
  }

  get all(): readonly RecordedPlace[] {
    return this.#places;
  }
}
