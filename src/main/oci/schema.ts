// Reading untrusted JSON by a schema: a reader turns a value into what the program wants, or throws a
// SchemaError that names the place. Members that no schema names are ignored, as the OCI runtime
// specification asks for.

/** What is wrong, and where: "process.user.uid must be an integer". */
export class SchemaError extends Error {}

/** Reads a value found at `at`. */
export type Reader<T> = (value: unknown, at: string) => T;

export type Read<R> = R extends Reader<infer T> ? T : never;

const refuse = (at: string, what: string): never => {
  throw new SchemaError(`${at} ${what}`);
};

/** Strings of JSON are text; Linux wants bytes: one char per byte of its UTF-8 form, without NUL. */
export const byteString: Reader<string> = (value, at) => {
  if (typeof value !== "string") return refuse(at, "must be a string");
  if (value.includes("\0")) return refuse(at, "must not hold a NUL");
  return Buffer.from(value, "utf8").toString("latin1");
};

export const absolutePath: Reader<string> = (value, at) => {
  const path = byteString(value, at);
  return path.startsWith("/") ? path : refuse(at, "must be an absolute path");
};

export const boolean: Reader<boolean> = (value, at) =>
  typeof value === "boolean" ? value : refuse(at, "must be true or false");

export function integer(minimum: number, maximum: number): Reader<number> {
  return (value, at) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum
      ? value
      : refuse(at, `must be an integer from ${minimum} to ${maximum}`);
}

/**
 * An unsigned 64-bit number as decimal text; JSON's numbers lose what lies above 2^53, which Linux reads as no limit.
 */
export const uint64: Reader<string> = (value, at) => {
  if (typeof value !== "number" || value < 0 || value > 2 ** 64)
    return refuse(at, "must be a number of 64 bits");
  return value >= 2 ** 63 ? "18446744073709551615" : BigInt(Math.floor(value)).toString();
};

export function list<T>(item: Reader<T>, maximum: number): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return refuse(at, "must be a list");
    if (value.length > maximum) return refuse(at, `must have at most ${maximum} entries`);
    return value.map((entry, index) => item(entry, `${at}[${index}]`));
  };
}

/** Absent and null are the same, as for Go's callers. */
export function optional<T, D>(reader: Reader<T>, fallback: D): Reader<T | D> {
  return (value, at) => (value === undefined || value === null ? fallback : reader(value, at));
}

type Members = Record<string, Reader<unknown>>;

export function object<M extends Members>(members: M): Reader<{ [K in keyof M]: Read<M[K]> }> {
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return refuse(at, "must be an object");
    const result: Record<string, unknown> = {};
    for (const [name, reader] of Object.entries(members)) {
      const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
      result[name] = reader(member, at === "" ? name : `${at}.${name}`);
    }
    return result as { [K in keyof M]: Read<M[K]> };
  };
}

/** An object whose member names are data. */
export function map<T>(item: Reader<T>, maximum: number): Reader<Record<string, T>> {
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return refuse(at, "must be an object");
    const entries = Object.entries(value);
    if (entries.length > maximum) return refuse(at, `must have at most ${maximum} members`);
    return Object.fromEntries(entries.map(([name, entry]) => [name, item(entry, `${at}.${name}`)]));
  };
}
