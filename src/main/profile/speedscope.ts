// A profile in the file format of speedscope (https://www.speedscope.app/file-format-schema.json): a graph for each kernel
// thread's own code, and one for the guests' stacks, weighed by the time in service of the calls that they made.

import type { GuestFrame, Profile } from "../../shared/profile.ts";

/** What a kernel thread's sleep is called in its own code (shared/profile.ts). */
export const IDLE = "(idle)";

interface Frame {
  name: string;
  file?: string;
  line?: number;
}

interface Graph {
  type: "sampled";
  name: string;
  unit: "nanoseconds";
  startValue: 0;
  endValue: number;
  samples: number[][];
  weights: number[];
}

export interface Speedscope {
  $schema: string;
  name: string;
  exporter: string;
  shared: { frames: Frame[] };
  profiles: Graph[];
}

class Frames {
  readonly list: Frame[] = [];
  readonly #numbers = new Map<string, number>();

  of(frame: Frame): number {
    const key = `${frame.name}\n${frame.file ?? ""}\n${frame.line ?? 0}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.list.length);
    return this.list.push(frame) - 1;
  }
}

/** What a guest's function is called where it has no symbol: its place in its file. */
export function frameName({ file, offset, symbol }: GuestFrame): string {
  return symbol === "" ? `${file === "" ? "?" : file}+0x${offset.toString(16)}` : symbol;
}

function graph(name: string, stacks: readonly (readonly [number[], number])[]): Graph {
  const held = stacks.filter(([, weight]) => weight > 0);
  return {
    type: "sampled",
    name,
    unit: "nanoseconds",
    startValue: 0,
    endValue: held.reduce((sum, [, weight]) => sum + weight, 0),
    samples: held.map(([stack]) => stack),
    weights: held.map(([, weight]) => weight),
  };
}

export function speedscope({ subject, ringfence, threads, guestStacks }: Profile): Speedscope {
  const frames = new Frames();
  const graphs: Graph[] = [];
  for (const { thread, role, cpuProfile } of threads) {
    if (cpuProfile === null) continue;
    const stacks: number[][] = [];
    for (const { parent, name, source, line } of cpuProfile.nodes) {
      const own = frames.of({ name, ...(source !== "" && { file: source }), ...(line > 0 && { line }) });
      // The root of all says nothing.
      stacks.push(parent < 0 ? [] : [...stacks[parent]!, own]);
    }
    // Sleep is no work.
    const weighed = cpuProfile.nodes.map(
      ({ name, selfNs }, i) => [stacks[i]!, name === IDLE ? 0 : selfNs] as const,
    );
    graphs.push(graph(`kernel thread ${thread}, ${role}`, weighed));
  }
  const guests = guestStacks.stacks.map(({ frames: places, call, sumNs }) => {
    const stack = places.map((at) => {
      const place = guestStacks.frames[at]!;
      return frames.of({ name: frameName(place), ...(place.file !== "" && { file: place.file }) });
    });
    return [[...stack, frames.of({ name: call })], sumNs] as [number[], number];
  });
  if (guests.length > 0) graphs.push(graph("guests, by time of their calls in service", guests));
  return {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    name: subject.kind === "command" ? subject.command.join(" ") : subject.id,
    exporter: `ringfence@${ringfence}`,
    shared: { frames: frames.list },
    profiles: graphs,
  };
}
