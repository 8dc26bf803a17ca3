// What a kernel thread does when all that it found in a pass over its slots has been answered: their guests go on
// meanwhile.

export interface AtPassEnd {
  /**
   * False: it has something left for the end of the next pass. `isLast`: there is none for a while, the thread is about to
   * sleep, or the event loop is to turn. `passes`: for so many short ones without requests this one counts.
   */
  passEnds(isLast: boolean, passes: number): boolean;
}

export class PassEnd {
  readonly #due: AtPassEnd[] = [];

  /** Who is in it already is not to be put in again. */
  add(work: AtPassEnd): void {
    this.#due.push(work);
  }

  get any(): boolean {
    return this.#due.length > 0;
  }

  run(isLast: boolean, passes = 1): void {
    const due = this.#due;
    let left = 0;
    // None of it adds anything.
    for (let i = 0; i < due.length; i++) if (!due[i]!.passEnds(isLast, passes)) due[left++] = due[i]!;
    due.length = left;
  }
}
