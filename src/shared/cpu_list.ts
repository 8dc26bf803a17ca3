// Lists of CPUs as Linux writes them (cpuset(7), "List format"): "0-2,7".

const CPUS_MAX = 8192;

/** The numbers of a list like "1,3-5"; null: it is no such list. */
export function readCpuList(text: string): Set<number> | null {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (match === null) return null;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last >= CPUS_MAX) return null;
    for (let cpu = first; cpu <= last; cpu++) found.add(cpu);
  }
  return found;
}

/** Such a list of numbers in their order. */
export function writeCpuList(cpus: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
