// Drivers of the launcher's readers (native/launcher): built with the address and undefined behaviour sanitizers, and fed
// with records that may be anything.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { checkout } from "../spawn.ts";

const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"];
const OPTIONS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", ...SANITIZERS];
const DEADLINE_MS = 100_000;

export class ReaderDriver {
  /** Where it runs. */
  readonly directory: string = mkdtempSync(join(tmpdir(), "ringfence-reader-"));
  readonly #source: string;
  readonly #parts: readonly string[];
  readonly #env: Record<string, string>;

  /** test/unit/NAME.c, and files of the launcher by their names. */
  constructor(name: string, parts: readonly string[], env: Record<string, string> = {}) {
    this.#source = `${checkout}test/unit/${name}.c`;
    this.#parts = parts;
    this.#env = env;
  }

  build(): void {
    const launcher = `${checkout}native/launcher`;
    const files = [this.#source, ...this.#parts.map((part) => `${launcher}/${part}.c`)];
    const built = spawnSync("gcc", [...OPTIONS, `-I${launcher}`, "-o", this.#program, ...files, "-lm"], {
      encoding: "utf8",
    });
    assert.is(built.status, 0, built.stderr);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  get #program(): string {
    return join(this.directory, "driver");
  }

  /** What it prints of records, a line of each. */
  lines(records: readonly Uint8Array[]): string[] {
    const input = records.flatMap((record) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(record.length);
      return [length, record];
    });
    const result = spawnSync(this.#program, {
      cwd: this.directory,
      env: this.#env,
      input: Buffer.concat(input),
      maxBuffer: 1 << 28,
      timeout: DEADLINE_MS,
    });
    assert.is(result.status, 0, result.stderr.toString().slice(-3000));
    return result.stdout.toString("latin1").trimEnd().split("\n");
  }
}
