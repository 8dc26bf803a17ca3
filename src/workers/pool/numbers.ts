// Numbers of records in the private SAB, of which there are so many.

/** Numbers that are given out and come back. */
export class Numbers {
  readonly #free: number[] = [];
  #used = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** -1: there is none. */
  take(): number {
    return this.#free.pop() ?? (this.#used < this.#limit ? this.#used++ : -1);
  }

  putBack(number: number): void {
    this.#free.push(number);
  }
}
