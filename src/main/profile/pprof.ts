// A profile in the form of pprof (https://github.com/google/pprof/blob/main/proto/profile.proto, whose numbers of fields
// these are): samples of kernel threads' own code, and of guests' stacks, each with values of its own and zeros for the
// others'. Compressed, as its readers want it.

import { gzipSync } from "node:zlib";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Profile } from "../../shared/profile.ts";
import { frameName, IDLE } from "./speedscope.ts";

const PROFILE = {
  sampleType: 1,
  sample: 2,
  location: 4,
  function: 5,
  stringTable: 6,
  timeNanos: 9,
  durationNanos: 10,
  periodType: 11,
  period: 12,
  defaultSampleType: 14,
} as const;
const VALUE_TYPE = { type: 1, unit: 2 } as const;
const SAMPLE = { locationId: 1, value: 2, label: 3 } as const;
const LABEL = { key: 1, str: 2 } as const;
const LOCATION = { id: 1, address: 3, line: 4 } as const;
const LINE = { functionId: 1, line: 2 } as const;
const FUNCTION = { id: 1, name: 2, systemName: 3, filename: 4, startLine: 5 } as const;

/** Values of each sample: type and unit. */
const VALUES = [
  ["samples", "count"],
  ["cpu", "nanoseconds"],
  ["guest_calls", "count"],
  ["guest_service", "nanoseconds"],
] as const;

interface Place {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly address: number;
}

/** Sums of what a sandbox tells may be any. */
function whole(value: number): number {
  return Math.round(Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER));
}

class Writer {
  readonly #out = new BinaryWriter();
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #locations = new Map<string, number>();
  readonly #functions = new Map<string, number>();

  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, this.#strings.size);
    return this.#strings.size - 1;
  }

  number(out: BinaryWriter, field: number, value: number): void {
    if (value !== 0) out.tag(field, WireType.Varint).int64(whole(value));
  }

  message(out: BinaryWriter, field: number, write: () => void): void {
    out.tag(field, WireType.LengthDelimited).fork();
    write();
    out.join();
  }

  valueType(field: number, [type, unit]: readonly [string, string]): void {
    const [typeAt, unitAt] = [this.string(type), this.string(unit)];
    this.message(this.#out, field, () => {
      this.number(this.#out, VALUE_TYPE.type, typeAt);
      this.number(this.#out, VALUE_TYPE.unit, unitAt);
    });
  }

  /** The innermost place first. */
  sample(
    places: readonly Place[],
    values: readonly number[],
    labels: Readonly<Record<string, string>>,
  ): void {
    const ids = places.map((place) => this.#location(place));
    const out = this.#out;
    this.message(out, PROFILE.sample, () => {
      for (const id of ids) this.number(out, SAMPLE.locationId, id);
      // Zeros are values as well.
      for (const value of values) out.tag(SAMPLE.value, WireType.Varint).int64(whole(value));
      for (const [key, text] of Object.entries(labels))
        this.message(out, SAMPLE.label, () => {
          this.number(out, LABEL.key, this.string(key));
          this.number(out, LABEL.str, this.string(text));
        });
    });
  }

  #location({ name, file, line, address }: Place): number {
    const key = `${name}\n${file}\n${line}\n${address}`;
    const known = this.#locations.get(key);
    if (known !== undefined) return known;
    const id = this.#locations.size + 1;
    this.#locations.set(key, id);
    const functionId = this.#function(name, file, line);
    const out = this.#out;
    this.message(out, PROFILE.location, () => {
      this.number(out, LOCATION.id, id);
      this.number(out, LOCATION.address, address);
      this.message(out, LOCATION.line, () => {
        this.number(out, LINE.functionId, functionId);
        this.number(out, LINE.line, line);
      });
    });
    return id;
  }

  #function(name: string, file: string, line: number): number {
    const key = `${name}\n${file}\n${line}`;
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    const id = this.#functions.size + 1;
    this.#functions.set(key, id);
    const [nameAt, fileAt] = [this.string(name), this.string(file)];
    const out = this.#out;
    this.message(out, PROFILE.function, () => {
      this.number(out, FUNCTION.id, id);
      this.number(out, FUNCTION.name, nameAt);
      this.number(out, FUNCTION.systemName, nameAt);
      this.number(out, FUNCTION.filename, fileAt);
      this.number(out, FUNCTION.startLine, line);
    });
    return id;
  }

  end(startMs: number, durationNs: number, periodNs: number): Uint8Array {
    const out = this.#out;
    out.tag(PROFILE.timeNanos, WireType.Varint).int64(BigInt(startMs) * 1_000_000n);
    this.number(out, PROFILE.durationNanos, durationNs);
    if (periodNs > 0) {
      this.valueType(PROFILE.periodType, VALUES[1]);
      this.number(out, PROFILE.period, periodNs);
    }
    this.number(out, PROFILE.defaultSampleType, this.string("cpu"));
    for (const text of this.#strings.keys())
      out.tag(PROFILE.stringTable, WireType.LengthDelimited).string(text);
    return out.finish();
  }
}

/** Bytes of the file. */
export function pprof({ startedAt, durationNs, threads, guestStacks }: Profile): Uint8Array {
  const writer = new Writer();
  for (const value of VALUES) writer.valueType(PROFILE.sampleType, value);
  let periodNs = 0;
  for (const { thread, role, cpuProfile } of threads) {
    if (cpuProfile === null) continue;
    periodNs = cpuProfile.intervalNs;
    const stacks: Place[][] = [];
    for (const { parent, name, source, line, selfSamples, selfNs } of cpuProfile.nodes) {
      const stack = parent < 0 ? [] : [{ name, file: source, line, address: 0 }, ...stacks[parent]!];
      stacks.push(stack);
      if (selfSamples > 0 && name !== IDLE)
        writer.sample(stack, [selfSamples, selfNs, 0, 0], { thread: `${thread} ${role}` });
    }
  }
  for (const { frames, call, count, sumNs } of guestStacks.stacks) {
    const places = frames.toReversed().map((at) => {
      const frame = guestStacks.frames[at]!;
      return { name: frameName(frame), file: frame.file, line: 0, address: frame.offset };
    });
    const made = { name: call, file: "", line: 0, address: 0 };
    writer.sample([made, ...places], [0, 0, count, sumNs], { thread: "guest" });
  }
  return gzipSync(writer.end(Date.parse(startedAt), durationNs, periodNs));
}
