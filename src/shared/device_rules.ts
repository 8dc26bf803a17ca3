// Rules of linux.resources.devices, and what they say together: as a device control group takes them one after the other
// (libcontainer's devices emulator; native/launcher/device_rules.c does the same for systemd).

export const READ = 1;
export const WRITE = 2;
export const MAKE = 4;
const ALL = READ | WRITE | MAKE;

export const DEVICE_RULES_MAX = 4096;

/** Any number. */
const ANY = -1;

export interface DeviceRule {
  readonly allow: boolean;
  readonly type: "a" | "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** READ, WRITE, MAKE. */
  readonly access: number;
}

const allowed = (type: "b" | "c", major: number, minor: number, access = ALL): DeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

/** What runc lets each container have, whatever its rules say (specconv.AllowedDevices). */
const DEFAULTS: readonly DeviceRule[] = [
  allowed("c", ANY, ANY, MAKE),
  allowed("b", ANY, ANY, MAKE),
  allowed("c", 1, 3), // null
  allowed("c", 1, 8), // random
  allowed("c", 1, 7), // full
  allowed("c", 5, 0), // tty
  allowed("c", 1, 5), // zero
  allowed("c", 1, 9), // urandom
  allowed("c", 136, ANY), // pts
  allowed("c", 5, 2), // ptmx
  allowed("c", 10, 200), // tun
];

const keyOf = (type: string, major: number, minor: number) => `${type}${major}:${minor}`;

/** A type and two numbers, any or one. */
const WIDER: readonly (readonly [boolean, boolean])[] = [
  [true, false],
  [false, true],
  [true, true],
];

/** Which devices may be opened and made. A lookup costs four names, however many rules there are. */
export class DeviceRules {
  #allowsOthers = false;
  readonly #exceptions = new Map<string, number>();

  /** null, or what is wrong with them. */
  static of(rules: readonly DeviceRule[]): DeviceRules | string {
    const made = new DeviceRules();
    for (const rule of [...rules, ...DEFAULTS])
      if (!made.#apply(rule)) return "no exception can be made from a rule for more devices";
    return made;
  }

  #apply({ allow, type, major, minor, access }: DeviceRule): boolean {
    if (type === "a") {
      this.#allowsOthers = allow;
      this.#exceptions.clear();
      return true;
    }
    const key = keyOf(type, major, minor);
    const known = this.#exceptions.get(key) ?? 0;
    if (allow !== this.#allowsOthers) {
      this.#exceptions.set(key, known | access);
      return true;
    }
    // Of a wider rule nothing can be taken away: a control group of v1 would leave it, without a word.
    for (const [anyMajor, anyMinor] of WIDER) {
      const wider = keyOf(type, anyMajor ? ANY : major, anyMinor ? ANY : minor);
      if (wider !== key && ((this.#exceptions.get(wider) ?? 0) & access) !== 0) return false;
    }
    const left = known & ~access;
    if (left === 0) this.#exceptions.delete(key);
    else this.#exceptions.set(key, left);
    return true;
  }

  /** Whether a device may be used so; `access` of READ, WRITE and MAKE. */
  permits(type: "b" | "c", major: number, minor: number, access: number): boolean {
    const covers = (one: number, other: number, wanted: number) =>
      ((this.#exceptions.get(keyOf(type, one, other)) ?? 0) & wanted) === wanted;
    const matches = (wanted: number) =>
      covers(major, minor, wanted) ||
      covers(ANY, minor, wanted) ||
      covers(major, ANY, wanted) ||
      covers(ANY, ANY, wanted);
    // What is allowed must be in one rule as a whole; what is denied is so by any part of it.
    if (!this.#allowsOthers) return matches(access);
    return ![READ, WRITE, MAKE].some((bit) => (access & bit) !== 0 && matches(bit));
  }

  /** As devices.list of v1 has them. */
  *lines(): Generator<string> {
    if (this.#allowsOthers) {
      yield "a *:* rwm\n";
      return;
    }
    for (const [key, access] of this.#exceptions) {
      const letters = `${access & READ ? "r" : ""}${access & WRITE ? "w" : ""}${access & MAKE ? "m" : ""}`;
      yield `${key[0]} ${key.slice(1).replaceAll("-1", "*")} ${letters}\n`;
    }
  }
}
