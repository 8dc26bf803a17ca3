// The name of a core file: kernel.core_pattern with what its %-specifiers stand for (core(5)).

export interface CoreFacts {
  /** In the process's PID namespace and in the sandbox's first. */
  readonly pid: number;
  readonly firstPid: number;
  readonly tid: number;
  readonly firstTid: number;
  readonly uid: number;
  readonly gid: number;
  readonly dumpable: number;
  readonly signo: number;
  readonly timeS: number;
  readonly hostname: string;
  readonly comm: string;
  /** Path of the program. */
  readonly program: string;
  /** RLIMIT_CORE, soft. */
  readonly limit: number;
}

/** Names that come from a process are no paths. */
const asName = (text: string): string => {
  const name = text.replaceAll("/", "!");
  return name === "." || name === ".." ? `!${name.slice(1)}` : name;
};

const SPECIFIERS: Readonly<Record<string, (facts: CoreFacts) => string>> = {
  "%": () => "%",
  p: ({ pid }) => String(pid),
  P: ({ firstPid }) => String(firstPid),
  i: ({ tid }) => String(tid),
  I: ({ firstTid }) => String(firstTid),
  u: ({ uid }) => String(uid),
  g: ({ gid }) => String(gid),
  d: ({ dumpable }) => String(dumpable),
  s: ({ signo }) => String(signo),
  t: ({ timeS }) => String(timeS),
  h: ({ hostname }) => asName(hostname),
  e: ({ comm }) => asName(comm),
  f: ({ program }) => asName(program.slice(program.lastIndexOf("/") + 1)),
  E: ({ program }) => asName(program),
  c: ({ limit }) => (limit === Number.POSITIVE_INFINITY ? "18446744073709551615" : String(limit)),
};

/** An unknown specifier stands for nothing. `usesPid`: kernel.core_uses_pid, for patterns that do not say it. */
export function coreName(pattern: string, usesPid: boolean, facts: CoreFacts): string {
  const name = pattern.replace(/%(.?)/gs, (_all, letter: string) => SPECIFIERS[letter]?.(facts) ?? "");
  return usesPid && !/%p/i.test(pattern.replaceAll("%%", "")) ? `${name}.${facts.pid}` : name;
}
