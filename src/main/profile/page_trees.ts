// Stacks of a profile as trees for flame graphs: the kernel's own code, and guests'.

import type { CpuProfile, GuestStacks } from "../../shared/profile.ts";
import type { Frame } from "../report/document.ts";

const MS = 1e6;

interface Growing {
  readonly name: string;
  /** ms */
  value: number;
  readonly children: Growing[];
}

/** Parents stand before their children: from the end on, each has all of its own before it is added to its parent. */
export function cpuTree({ nodes }: CpuProfile): Frame | undefined {
  const frames = nodes.map(({ name, source, line, selfNs }): Growing => {
    const place = source === "" ? "" : ` ${source}${line > 0 ? `:${line}` : ""}`;
    return { name: `${name || "(anonymous)"}${place}`, value: selfNs / MS, children: [] };
  });
  for (let at = frames.length - 1; at > 0; at--) {
    const { parent } = nodes[at]!;
    if (parent < 0 || parent >= at) continue;
    frames[parent]!.value += frames[at]!.value;
    frames[parent]!.children.push(frames[at]!);
  }
  for (const { children } of frames) children.sort((a, b) => b.value - a.value);
  return frames[0];
}

/** Weighed by the time in service of the calls that were made from there. */
export function guestTree({ frames, stacks }: GuestStacks): Frame {
  const root: Growing = { name: "guests", value: 0, children: [] };
  for (const { frames: path, call, sumNs } of stacks) {
    const names = path.map((at) => {
      const frame = frames[at];
      if (frame === undefined) return "?";
      return frame.symbol || `${frame.file || "?"}+0x${frame.offset.toString(16)}`;
    });
    let at = root;
    at.value += sumNs / MS;
    for (const name of [...names, call]) {
      let child = at.children.find((other) => other.name === name);
      if (child === undefined) {
        child = { name, value: 0, children: [] };
        at.children.push(child);
      }
      child.value += sumNs / MS;
      at = child;
    }
  }
  return root;
}
