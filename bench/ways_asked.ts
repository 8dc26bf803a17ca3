// Which ways a command line asks for, by name and in the order of their columns: native, ours, the others.

import { OTHER_NAMES, PLATFORMS } from "./ways.ts";

export interface WaysAsked {
  readonly against: string;
  readonly platform: string;
  readonly workers?: string;
  readonly patch?: string;
}

/** Items that commas separate; one that cannot begin a value goes on with the one before: `systrap:workers=net,data=1`. */
function list(text: string, goesOn: (item: string, before: string) => boolean): string[] {
  const items: string[] = [];
  for (const item of text.split(",").filter((word) => word !== "")) {
    const before = items.at(-1);
    if (before !== undefined && goesOn(item, before)) items[items.length - 1] = `${before},${item}`;
    else items.push(item);
  }
  return items;
}

const names = new Set([...OTHER_NAMES, ...PLATFORMS]);
const ways = (text: string) =>
  list(text, (item, before) => before.includes(":") && !names.has(item.replace(/:.*/s, "")));
const placements = (text: string) => list(text, (item, before) => /^data\b/.test(item) && before === "net");

/** Each value of a flag as a flag of a way; where it is not asked for, the way as it is. */
function flags(name: string, values: readonly string[]): string[] {
  return values.length === 0 ? [""] : values.map((value) => `:${name}=${value}`);
}

export function waysAsked({ against, platform, workers = "", patch = "" }: WaysAsked): string[] {
  const others = ways(against);
  const ours = ways(platform).flatMap((name) =>
    flags("workers", placements(workers)).flatMap((placement) =>
      flags("patch", patch.split(",").filter(Boolean)).map((patching) => name + placement + patching),
    ),
  );
  const first = others.filter((name) => name === "native");
  return [...new Set([...first, ...ours, ...others.filter((name) => name !== "native")])];
}
