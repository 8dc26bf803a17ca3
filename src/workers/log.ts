// A kernel thread's log: JSON lines to the descriptor that init gave, in the form that pino writes
// on the main thread, without its weight. Lines are written whole and at once.

import { writeSync } from "node:fs";
import type { BootDescriptor, SandboxConfig } from "../shared/process_spec.ts";
import type { Log, LogLevel } from "./kernel.ts";

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
): { log: Log; strace: ((line: string) => void) | null } {
  const fd = descriptors.log ?? -1;
  const least = config.options.debug ? LEVELS.debug : LEVELS.info;
  const log: Log = (level, message, fields = {}) => {
    if (LEVELS[level] < least || fd < 0) return;
    write(
      fd,
      `${JSON.stringify({ level: LEVELS[level], time: Date.now(), name: "kernel", ...fields, msg: message })}\n`,
    );
  };
  const straceFd = descriptors["debug-log"] ?? fd;
  const strace =
    config.options.strace && straceFd >= 0 ? (line: string) => write(straceFd, `${line}\n`) : null;
  return { log, strace };
}
