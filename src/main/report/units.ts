// Values as people read them: three digits and a unit that suits.

export const UNITS = ["ns", "bytes", "count"] as const;
export type Unit = (typeof UNITS)[number];

const SCALES: Readonly<Record<Unit, readonly (readonly [name: string, size: number])[]>> = {
  ns: [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
    ["ns", 1],
  ],
  bytes: [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
    ["B", 1],
  ],
  count: [["", 1]],
};

/** Three digits, and no more zeros than they need: 0.0123, 0.123, 1.23, 12.3, 123, 1234. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return value.toPrecision(3);
  const after = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(after);
}

/** The unit that suits a value, and how much of ours it is. */
export function scaleFor(unit: Unit, value: number): readonly [name: string, size: number] {
  const scales = SCALES[unit];
  return scales.find(([, size]) => Math.abs(value) >= size) ?? scales.at(-1)!;
}

/** A value by itself: `3.35 µs`. */
export function withUnit(unit: Unit, value: number): string {
  if (unit === "count") return String(Number(value.toFixed(1)));
  const [name, size] = scaleFor(unit, value);
  return `${digits(value / size)} ${name}`;
}

/** A limit, which is a round number: `500 ns`, `17 MiB`. */
export function limitText(unit: Unit, value: number): string {
  const [name, size] = scaleFor(unit, value);
  return `${Number((value / size).toFixed(3))} ${name}`.trimEnd();
}

/** The ends of a range, in the unit that suits a value. */
function ends(unit: Unit, value: number, low: number, high: number): [string, string] {
  if (unit === "count") return [withUnit(unit, low), withUnit(unit, high)];
  const [, size] = scaleFor(unit, value);
  return [digits(low / size), digits(high / size)];
}

/** A range without its unit, which stands at the value: `2.97–3.47`. */
export function rangeText(unit: Unit, value: number, low: number, high: number): string {
  return ends(unit, value, low, high).join("–");
}

/** A value with its range, in one unit: `3.35 µs (2.97-3.47)`. */
export function withRange(unit: Unit, value: number, low: number, high: number): string {
  return `${withUnit(unit, value)} (${ends(unit, value, low, high).join("-")})`;
}
