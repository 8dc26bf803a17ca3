// User namespaces as another kernel thread than 0 knows them: whose they are, and which users they have, as far as sockets
// ask for that.

import type { IdRange } from "../../shared/process_spec.ts";
import { UserNamespace, type UserNamespaceSet } from "../credentials/user_namespace.ts";
import * as M from "./messages.ts";

/** Thread 0 counts them. */
const UNCOUNTED: UserNamespaceSet["counters"] = { userNamespaces: 0, idExtents: 0 };

export class KnownUsers implements UserNamespaceSet {
  readonly counters = { ...UNCOUNTED };
  readonly #all = new Map<number, UserNamespace>();
  /** A map of which not all lines have come. */
  #lines: IdRange[] = [];

  /** `guests`: that in which guests begin. */
  constructor(guests: UserNamespace) {
    this.#all.set(0, guests.hold());
  }

  mapped(): void {}
  gone(): void {}

  /** There must be one of that number. */
  at(number: number): UserNamespace {
    return this.#all.get(number)!;
  }

  made(record: Int32Array): void {
    const number = record[M.USERS]!;
    const owner = { uid: record[M.USERS_UID]! >>> 0, gid: record[M.USERS_GID]! >>> 0 };
    const made = { set: this, number, owner, makerMaySetFileCaps: false };
    this.#all.set(number, new UserNamespace(this.at(record[M.USERS_PARENT]!), {}, made).hold());
  }

  mappedLine(record: Int32Array): void {
    const [first, kernel, count] = [record[M.MAP_FIRST]!, record[M.MAP_KERNEL]!, record[M.MAP_COUNT]!];
    this.#lines.push([first >>> 0, kernel >>> 0, count >>> 0]);
    if (record[M.MAP_LEFT] !== 0) return;
    this.at(record[M.USERS]!).map("uids", this.#lines);
    this.#lines = [];
  }

  ended(record: Int32Array): void {
    const number = record[M.USERS]!;
    this.at(number).release();
    this.#all.delete(number);
  }
}
