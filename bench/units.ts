// Values as people read them: three digits and a unit that suits.

export type Unit = "ns" | "bytes";

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
};

/** Three digits, and no more zeros than they need: 0.123, 1.23, 12.3, 123, 1234. */
export function digits(value: number): string {
  const size = Math.abs(value);
  const after = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(after);
}

function scale(unit: Unit, value: number): readonly [string, number] {
  const scales = SCALES[unit];
  return scales.find(([, size]) => Math.abs(value) >= size) ?? scales.at(-1)!;
}

/** A value by itself: `3.35 µs`. */
export function withUnit(unit: Unit, value: number): string {
  const [name, size] = scale(unit, value);
  return `${digits(value / size)} ${name}`;
}

/** A limit, which is a round number: `500 ns`, `17 MiB`. */
export function limitText(unit: Unit, value: number): string {
  const [name, size] = scale(unit, value);
  return `${Number((value / size).toFixed(3))} ${name}`;
}

/** A value with its range, in one unit: `3.35 µs (2.97-3.47)`. */
export function withRange(unit: Unit, value: number, least: number, most: number): string {
  const [name, size] = scale(unit, value);
  return `${digits(value / size)} ${name} (${digits(least / size)}-${digits(most / size)})`;
}
