// What a kernel thread does when all that it found in a pass over its slots has been answered: their guests go on
// meanwhile.

export interface AtPassEnd {
  passEnds(): void;
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

  run(): void {
    for (let work = this.#due.pop(); work !== undefined; work = this.#due.pop()) work.passEnds();
  }
}
