// How many inotify instances each user has.

/** How many instances each user has (fs.inotify.max_user_instances). */
export class InotifyUsers {
  readonly #instances = new Map<number, number>();

  /** Instances of all users: for counters. */
  get size(): number {
    let instances = 0;
    for (const count of this.#instances.values()) instances += count;
    return instances;
  }

  count(uid: number): number {
    return this.#instances.get(uid) ?? 0;
  }

  opened(uid: number): void {
    this.#instances.set(uid, this.count(uid) + 1);
  }

  closed(uid: number): void {
    const left = this.count(uid) - 1;
    if (left > 0) this.#instances.set(uid, left);
    else this.#instances.delete(uid);
  }
}
