// The sandbox's log: pino's records, written synchronously to the descriptor that init gave, so that a
// record is out before whatever comes next can go wrong; in the form that --log-format asks for. Stacks name lines of
// the sources.

import { writeSync } from "node:fs";
import pino from "pino";
import { formatRecord } from "../shared/log_format.ts";
import type { SandboxOptions } from "../shared/process_spec.ts";
import { inSources } from "../shared/source_positions.ts";

export type Log = pino.Logger;

const NAME = "sandbox";

function write(fd: number, line: string): void {
  try {
    writeSync(fd, line);
  } catch {
    // A full or closed log must not end the sandbox.
  }
}

/** Writes records as logfmt: pino hands a destination with its symbol the record itself beside the line. */
class TextDestination {
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  lastMsg: string | undefined;
  lastObj: Record<string, unknown> | null = null;
  readonly #fd: number;
  readonly #err: (error: unknown) => unknown;

  constructor(fd: number, err: (error: unknown) => unknown) {
    this.#fd = fd;
    this.#err = err;
  }

  write(): void {
    const { err, ...rest } = this.lastObj ?? {};
    const fields = { name: NAME, ...rest, ...(err !== undefined && { err: this.#err(err) }) };
    const level = pino.levels.labels[this.lastLevel] ?? "";
    write(this.#fd, formatRecord("text", { level, time: Date.now(), msg: this.lastMsg ?? "", fields }));
  }
}

/** `positions`: the open file of source positions, or -1. */
export function openLog(fd: number, { debug, logFormat }: SandboxOptions, positions: number): Log {
  const err = (error: unknown) => {
    if (!(error instanceof Error)) return error;
    const { stack, ...told } = pino.stdSerializers.err(error);
    return { ...told, stack: inSources(positions, stack) };
  };
  const options: pino.LoggerOptions = {
    base: { name: NAME },
    level: debug ? "debug" : "info",
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err },
  };
  const lines = { write: (line: string) => write(fd, line) };
  return pino(options, logFormat === "json" ? lines : new TextDestination(fd, err));
}
