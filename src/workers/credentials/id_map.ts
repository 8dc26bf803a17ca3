// Ids as a user namespace has them, and the kernel's own (user_namespaces(7), "User and group ID mappings"). The kernel's
// are those of the namespace that all guests begin in: owners of the host's files are translated by the host's own kernel,
// whose namespace for the sandbox has the same ids (native/launcher/user_namespace.h). A namespace that guests have made has
// others for some of them, and none for the rest.

import type { IdRange } from "../../shared/process_spec.ts";

/** An id that is none (INVALID_UID): of an owner who is not mapped. Nobody has it, and nobody can be given it. */
export const NO_ID = 0xffffffff;
/** What is told in its place (/proc/sys/kernel/overflowuid). */
export const OVERFLOW_ID = 65534;
/** Beyond so many lines Linux keeps a map in order (UID_GID_MAP_MAX_BASE_EXTENTS). */
const UNSORTED_MAX = 5;

/** Ids from one number on, numbers in their place from another on, and how many: in ascending order, and apart. */
type Stretches = readonly IdRange[];

const byFirst = (ranges: readonly IdRange[]): Stretches => [...ranges].sort(([a], [b]) => a - b);

/** The stretch that has an id, or undefined. */
function stretchOf(stretches: Stretches, id: number): IdRange | undefined {
  let [low, high] = [0, stretches.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stretches[middle]![0] <= id) low = middle + 1;
    else high = middle;
  }
  const last = stretches[low - 1];
  return last !== undefined && id - last[0] < last[2] ? last : undefined;
}

function translate(stretches: Stretches, id: number): number {
  const stretch = stretchOf(stretches, id);
  return stretch === undefined ? NO_ID : stretch[1] + (id - stretch[0]);
}

export class IdMap {
  /** First id, the number that it is shown with, and how many, in the order in which they are shown. */
  readonly #ranges: readonly IdRange[];
  readonly #inside: Stretches;
  /** The kernel's to those of the namespace; null: they are the same. */
  readonly #back: Stretches | null;
  readonly isWhole: boolean;
  /** The host tells OVERFLOW_ID of owners that are not mapped, and of none else. */
  readonly #overflows: boolean;

  /** Of the guests' own namespace: its ids are the kernel's, and the numbers beside them those of one above the sandbox. */
  constructor(ranges: readonly IdRange[], isKernels = true) {
    const inOrder = byFirst(ranges);
    this.#inside = inOrder;
    this.#ranges = ranges.length > UNSORTED_MAX ? inOrder : ranges;
    this.#back = isKernels ? null : byFirst(ranges.map(([first, kernel, count]) => [kernel, first, count]));
    this.isWhole =
      isKernels &&
      ranges.length === 1 &&
      ranges[0]![0] === 0 &&
      ranges[0]![1] === 0 &&
      ranges[0]![2] === NO_ID;
    this.#overflows = !this.has(OVERFLOW_ID);
  }

  /** Of one that guests have made: which of the kernel's ids its ids are. */
  static below(ranges: readonly IdRange[]): IdMap {
    return new IdMap(ranges, false);
  }

  get size(): number {
    return this.#ranges.length;
  }

  /** Ids of the namespace, the kernel's, and how many. */
  toKernelRanges(): readonly IdRange[] {
    return this.#inside;
  }

  /** Whether the namespace has that id. */
  has(id: number): boolean {
    return this.isWhole ? id < NO_ID : stretchOf(this.#inside, id) !== undefined;
  }

  /** The kernel's for one of the namespace (make_kuid): NO_ID for one that it does not have. */
  toKernel(id: number): number {
    if (this.#back !== null) return translate(this.#inside, id);
    return this.has(id) ? id : NO_ID;
  }

  /** As toKernel, for that many in a row, which one line of the map must have. */
  toKernelAll(first: number, count: number): number {
    const stretch = stretchOf(this.#inside, first);
    if (stretch === undefined || first - stretch[0] + count > stretch[2]) return NO_ID;
    return this.#back === null ? first : stretch[1] + (first - stretch[0]);
  }

  /** The namespace's for one of the kernel's (from_kuid), or NO_ID. */
  fromKernel(id: number): number {
    return this.#back === null ? id : translate(this.#back, id);
  }

  /** Whether one of the kernel's is somebody there (kuid_has_mapping). */
  knows(id: number): boolean {
    return this.fromKernel(id) !== NO_ID;
  }

  /** One of the kernel's as guests in the namespace are told of it (from_kuid_munged). */
  told(id: number): number {
    const own = this.#back === null ? id : translate(this.#back, id);
    return own === NO_ID ? OVERFLOW_ID : own;
  }

  /**
   * An owner as the host tells it. Where OVERFLOW_ID is somebody's here, it cannot be told from who is not mapped: then
   * the host's kernel is who lets nobody of the sandbox have what is not his.
   */
  fromHost(id: number): number {
    return this.#overflows && id === OVERFLOW_ID ? NO_ID : id;
  }

  /** /proc/PID/uid_map, with the ids beside its own as they are in `above`; null: as the numbers that it was given. */
  text(above: IdMap | null): string {
    const column = (number: number): string => String(number).padStart(10);
    return this.#ranges
      .map(([first, beside, count]) => {
        const kernel = this.#back === null ? first : beside;
        return `${column(first)} ${column(above === null ? beside : above.fromKernel(kernel))} ${column(count)}\n`;
      })
      .join("");
  }
}

/** Nobody is mapped yet. */
export const NOBODY_MAPPED = IdMap.below([]);
