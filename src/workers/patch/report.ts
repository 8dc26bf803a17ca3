// What is known of the call sites that trapped most, for tests and debugging: where they are, how often they trapped,
// and why they still do.

import type { AddressSpace } from "../mem/address_space.ts";
import type { Mapped } from "../mem/vma.ts";
import type { Patcher } from "./patcher.ts";
import { SYSCALL_LENGTH } from "./site.ts";

const ROWS_MAX = 200;

export interface SiteReport {
  pid: number;
  /** About how many: some are counted, and sites share places in the table. */
  traps: number;
  address: string;
  /** Path and offset of the instruction in its file; "" where it is in none. */
  file: string;
  offset: number;
  /** "patched", why it is not, or "" before it was judged. */
  state: string;
}

/** Sites of running processes; `spaces`: those by process number. */
export function reportSites(
  { counts, every }: Patcher,
  spaces: ReadonlyMap<number, AddressSpace>,
): SiteReport[] {
  const byId = new Map([...spaces].map(([pid, space]) => [space.id, { pid, space }]));
  const rows: SiteReport[] = [];
  for (const { space: id, rip, count } of counts.most()) {
    const owner = byId.get(id);
    if (owner === undefined) continue;
    const address = rip - SYSCALL_LENGTH;
    const { patches, vmas } = owner.space;
    const vma = vmas.find(address);
    const mapped = (vma?.backing ?? null) as Mapped | null;
    const isPatched = patches !== null && patches.find(address) !== null;
    rows.push({
      pid: owner.pid,
      traps: count * every,
      address: `0x${address.toString(16)}`,
      file: mapped?.path ?? "",
      offset: mapped === null ? 0 : vma!.offset + (address - vma!.start),
      state: isPatched ? "patched" : (patches?.whyNot(address) ?? ""),
    });
    if (rows.length === ROWS_MAX) break;
  }
  return rows;
}
