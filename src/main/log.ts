// The sandbox's log: pino's records, written synchronously to the descriptor that init gave, so that a
// record is out before whatever comes next can go wrong; in the form that --log-format asks for.

import { writeSync } from "node:fs";
import pino from "pino";
import { formatRecord } from "../shared/log_format.ts";
import type { SandboxOptions } from "../shared/process_spec.ts";

export type Log = pino.Logger;

export function openLog(fd: number, { debug, logFormat }: SandboxOptions): Log {
  const destination = {
    write(line: string): void {
      const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const record = { level: String(level), time: Number(time), msg: String(msg ?? ""), fields };
      try {
        writeSync(fd, formatRecord(logFormat, record));
      } catch {
        // A full or closed log must not end the sandbox.
      }
    },
  };
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ name: "sandbox", base: null, level: debug ? "debug" : "info", formatters }, destination);
}
