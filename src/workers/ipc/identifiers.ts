// Identifiers of System V objects (ipc/util.c): an index that is handed out in a circle, and a sequence number
// above it, so that the identifier of a removed object is not soon another's. Objects with a key are found by it.

import { EEXIST, EINVAL, ENOENT } from "../../shared/abi/errno.ts";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE } from "../../shared/abi/ipc.ts";
import { type Asker, type IpcPermissions, mayUse } from "./permissions.ts";

const INDEX_BITS = 15;
/** Objects of a kind that there can be (IPCMNI). */
export const INDEX_MAX = 1 << INDEX_BITS;
const SEQUENCE_MAX = 0x7fffffff >>> INDEX_BITS;
/** The circle is never shorter (ipc_min_cycle). */
const CYCLE_MIN = 64;

/** How many objects there are in all namespaces, and may be. */
export interface IpcAccount {
  readonly counters: { ipcObjects: number };
  readonly heap: { hasRoom(kind: "ipcObjects"): boolean };
}

export interface IpcObject {
  readonly permissions: IpcPermissions;
}

export class Identifiers<T extends IpcObject> {
  readonly #byIndex = new Map<number, T>();
  readonly #byKey = new Map<number, T>();
  readonly #account: IpcAccount;
  #sequence = 0;
  #lastIndex = -1;
  #next = 0;
  #highest = -1;

  constructor(account: IpcAccount) {
    this.#account = account;
  }

  get size(): number {
    return this.#byIndex.size;
  }

  /** The highest index in use, 0 where there is none: what the *_INFO commands return. */
  get highestIndex(): number {
    return Math.max(0, this.#highest);
  }

  /** Whether there is room for one more where the namespace allows `limit`. */
  hasRoom(limit: number): boolean {
    return this.size < Math.min(limit, INDEX_MAX) && this.#account.heap.hasRoom("ipcObjects");
  }

  /** In the order of their indices. */
  *all(): Generator<T, void, void> {
    for (let index = 0; index <= this.#highest; index++) {
      const object = this.#byIndex.get(index);
      if (object !== undefined) yield object;
    }
  }

  /** Gives the object its identifier; there must be room. */
  add(object: T): number {
    const { permissions } = object;
    const index = this.#freeIndex();
    this.#account.counters.ipcObjects++;
    this.#next = index + 1;
    if (index <= this.#lastIndex) this.#sequence = (this.#sequence + 1) % SEQUENCE_MAX;
    this.#lastIndex = index;
    this.#highest = Math.max(this.#highest, index);
    permissions.sequence = this.#sequence;
    permissions.id = this.#sequence * INDEX_MAX + index;
    this.#byIndex.set(index, object);
    if (permissions.key !== IPC_PRIVATE) this.#byKey.set(permissions.key, object);
    return permissions.id;
  }

  #freeIndex(): number {
    const end = Math.min(Math.max(CYCLE_MIN, Math.floor((this.size * 3) / 2)), INDEX_MAX);
    for (let index = this.#next; index < end; index++) if (!this.#byIndex.has(index)) return index;
    let index = 0;
    while (this.#byIndex.has(index)) index++;
    return index;
  }

  remove(object: T): void {
    const { permissions } = object;
    const index = permissions.id % INDEX_MAX;
    this.forgetKey(object);
    this.#byIndex.delete(index);
    this.#account.counters.ipcObjects--;
    permissions.removed = true;
    while (this.#highest >= 0 && !this.#byIndex.has(this.#highest)) this.#highest--;
  }

  /** Nobody finds the object by its key any more. */
  forgetKey({ permissions }: T): void {
    if (permissions.key !== IPC_PRIVATE) this.#byKey.delete(permissions.key);
    permissions.key = IPC_PRIVATE;
  }

  find(id: number): T | number {
    const object = this.atIndexOf(id);
    if (typeof object === "number") return object;
    return object.permissions.id === id ? object : -EINVAL;
  }

  /** What the *_STAT commands look at: an index, or an identifier whose sequence does not matter. */
  atIndexOf(id: number): T | number {
    return id < 0 ? -EINVAL : (this.#byIndex.get(id % INDEX_MAX) ?? -EINVAL);
  }

  /** What shmget and its siblings do: the identifier, or a negative errno. `make` looks for room. */
  get(task: Asker, key: number, flags: number, make: () => T | number, fits: (object: T) => boolean): number {
    const known = key === IPC_PRIVATE ? undefined : this.#byKey.get(key);
    if (known !== undefined) {
      if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -EEXIST;
      if (!fits(known)) return -EINVAL;
      const refused = mayUse(task, known.permissions, flags);
      return refused < 0 ? refused : known.permissions.id;
    }
    if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) return -ENOENT;
    const made = make();
    return typeof made === "number" ? made : this.add(made);
  }
}
