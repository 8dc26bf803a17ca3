// Names of numbers, each table made of a whole module of constants. Whoever bundles puts the tables themselves in the
// place of this file (scripts/bundle.mjs).

import * as errno from "./errno.ts";
import * as prctl from "./prctl.ts";
import * as signal from "./signal.ts";

/** Each after the name that Linux prints. */
const ALIASES: ReadonlySet<string> = new Set(["EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"]);

/** By number. */
export const ERRNO_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(errno)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, number]) => [number, name]),
);

/** By number; of aliases the name that was there first. Real-time signals have none. */
export const SIGNAL_NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(signal)
    .filter(([name]) => /^SIG[A-Z]+[12]?$/.test(name) && !/^SIGRT|^SIGSTKSZ/.test(name))
    .map(([name, number]) => [number, name] as const)
    .reverse(),
);

/** CAP_* to numbers. */
export const CAPABILITIES: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(prctl).filter(([name]) => name.startsWith("CAP_") && name !== "CAP_LAST_CAP"),
);
