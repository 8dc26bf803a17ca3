// How much of something each user has, for limits that are a user's and not a process's.

export class UserCounts {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** Of all users. */
  get total(): number {
    return this.#total;
  }

  of(uid: number): number {
    return this.#counts.get(uid) ?? 0;
  }

  add(uid: number, change: number): void {
    this.#total += change;
    const left = this.of(uid) + change;
    if (left > 0) this.#counts.set(uid, left);
    else this.#counts.delete(uid);
  }
}
