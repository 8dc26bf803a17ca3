// Names of devices: which are allowed, and finding one for a pattern (netdevice(7)).

/** With its NUL, IFNAMSIZ. */
export const NAME_MAX = 15;
const NUMBERS = 32768;

export function isName(name: string): boolean {
  return /^[^/:\s\0\x0b\xa0]{1,15}$/.test(name) && name !== "." && name !== "..";
}

/** The first free name of a pattern with one `%d`; null: there is none, or it is no pattern. */
export function nameFor(pattern: string, taken: ReadonlySet<string>): string | null {
  const at = pattern.indexOf("%");
  if (at < 0) return pattern;
  if (pattern[at + 1] !== "d" || pattern.includes("%", at + 1)) return null;
  for (let number = 0; number < NUMBERS; number++) {
    const name = pattern.slice(0, at) + number + pattern.slice(at + 2);
    if (name.length > NAME_MAX) return null;
    if (!taken.has(name)) return name;
  }
  return null;
}
