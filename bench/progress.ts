// One line on standard error that says how far the bench is; nothing where that is no terminal.

const BAR = 24;
const DEFAULT_COLUMNS = 80;

type Terminal = Pick<NodeJS.WriteStream, "isTTY" | "columns" | "write">;

export class Progress {
  readonly #total: number;
  readonly #began = performance.now();
  readonly #terminal: Terminal | undefined;
  #done = 0;

  constructor(total: number, stream: Terminal = process.stderr) {
    this.#total = total;
    this.#terminal = stream.isTTY === true ? stream : undefined;
  }

  /** Says what is being measured now. */
  step(what: string): void {
    if (this.#terminal !== undefined) {
      const filled = Math.floor((BAR * this.#done) / this.#total);
      const bar = `${"#".repeat(filled)}${".".repeat(BAR - filled)}`;
      const text = `[${bar}] ${this.#done}/${this.#total} ${what}${this.#left()}`;
      this.#terminal.write(`\r\x1b[K${text.slice(0, (this.#terminal.columns ?? DEFAULT_COLUMNS) - 1)}`);
    }
    this.#done++;
  }

  #left(): string {
    if (this.#done === 0) return "";
    const seconds = ((performance.now() - this.#began) / 1000 / this.#done) * (this.#total - this.#done);
    return `, ${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} left`;
  }

  end(): void {
    this.#terminal?.write("\r\x1b[K");
  }
}
