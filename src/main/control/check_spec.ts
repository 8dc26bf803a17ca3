// Checks a ProcessSpec that came over a control connection, field by field.

import type { ProcessSpec, Rlimit } from "../../shared/process_spec.ts";

const STRINGS_MAX = 65_536;
const GROUPS_MAX = 65_536; // NGROUPS_MAX
const ID_MAX = 0xfffffffe;
const MASK = /^[0-9a-f]{16}$/;
const DECIMAL = /^[0-9]{1,20}$/;
const RLIMIT = /^RLIMIT_[A-Z]{2,10}$/;

const isByteString = (value: unknown): value is string =>
  typeof value === "string" && /^[\u0001-\u00ff]*$/.test(value);
const isId = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= ID_MAX;
const isList = <T>(value: unknown, limit: number, check: (item: unknown) => item is T): value is T[] =>
  Array.isArray(value) && value.length <= limit && value.every(check);
const isRlimit = (value: unknown): value is Rlimit => {
  const { type, soft, hard } = (value ?? {}) as Partial<Rlimit>;
  return (
    [type, soft, hard].every((part) => typeof part === "string") &&
    RLIMIT.test(type!) &&
    DECIMAL.test(soft!) &&
    DECIMAL.test(hard!)
  );
};
const isMask = (value: unknown): value is string => typeof value === "string" && MASK.test(value);

const FIELDS: { [K in Exclude<keyof ProcessSpec, "container" | "program">]: (value: unknown) => boolean } = {
  args: (value) => isList(value, STRINGS_MAX, isByteString) && value.length > 0,
  env: (value) => isList(value, STRINGS_MAX, isByteString),
  cwd: (value) => isByteString(value) && value.startsWith("/"),
  uid: isId,
  gid: isId,
  groups: (value) => isList(value, GROUPS_MAX, isId),
  umask: (value) => isId(value) && value <= 0o777,
  rlimits: (value) => isList(value, 16, isRlimit),
  blocked: isMask,
  ignored: isMask,
  terminal: (value) => typeof value === "boolean",
  closedStreams: (value) => isId(value) && value <= 7,
};

/** The specification, or the name of the first field that is wrong. */
export function checkProcessSpec(value: unknown): ProcessSpec | string {
  const object = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  for (const [name, check] of Object.entries(FIELDS)) if (!check(object[name])) return name;
  return Object.fromEntries(
    Object.keys(FIELDS).map((name) => [name, object[name]]),
  ) as unknown as ProcessSpec;
}
