// A kernel thread's log, to the descriptor that init gave: as the main thread's, without pino's weight.
// Lines are written whole and at once.

import { writeSync } from "node:fs";
import { formatRecord } from "../shared/log_format.ts";
import type { BootDescriptor, SandboxConfig } from "../shared/process_spec.ts";
import { inSources } from "../shared/source_positions.ts";
import { LogLimit } from "./log_limit.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = ((level: LogLevel, message: string, fields?: Record<string, unknown>) => void) & {
  /** From now on records below that level are left out. */
  setLevel?(least: LogLevel): void;
};

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

function write(fd: number, line: string): void {
  try {
    writeSync(fd, line);
  } catch {
    // A full or closed log must not end the sandbox.
  }
}

export function openLog(
  config: SandboxConfig,
  descriptors: Partial<Record<BootDescriptor, number>>,
  positions: number,
): { log: Log; strace: ((line: string) => void) | null } {
  let least = config.options.debug ? LEVELS.debug : LEVELS.info;
  const fd = descriptors.log ?? -1;
  const limit = new LogLimit();
  const log: Log = (level, message, fields = {}) => {
    if (LEVELS[level] < least || fd < 0) return;
    const time = Date.now();
    // Who asks for debug messages gets them all.
    const omitted = level === "debug" ? 0 : limit.admit(message, time);
    if (omitted < 0) return;
    const { stack } = fields;
    const all = {
      name: "kernel",
      ...fields,
      ...(typeof stack === "string" && { stack: inSources(positions, stack) }),
      ...(omitted > 0 && { omitted }),
    };
    const record = { level, time, msg: message, fields: all };
    write(fd, formatRecord(config.options.logFormat, record));
  };
  log.setLevel = (level) => {
    least = LEVELS[level];
  };
  const straceFd = descriptors["debug-log"] ?? fd;
  const strace = straceFd >= 0 ? (line: string) => write(straceFd, `${line}\n`) : null;
  return { log, strace };
}
