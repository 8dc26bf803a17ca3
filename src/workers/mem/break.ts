// The program break (brk(2)): a private anonymous mapping behind the program's image that grows and
// shrinks. The result is always the break, changed or not.

import { PROT_EXEC, PROT_READ, PROT_WRITE } from "../../shared/abi/mman.ts";
import { RLIMIT_DATA } from "../../shared/abi/resource.ts";
import type { Coroutine } from "../call/call.ts";
import { isGuestRange } from "../call/guest_range.ts";
import type { MemCaller } from "./caller.ts";
import { ANONYMOUS, map, pageCeil, unmap } from "./mapping.ts";

const PROT = PROT_READ | PROT_WRITE;

export function setBreak(task: MemCaller, address: number): number {
  const { space } = task.stub;
  if (address < space.brkStart || address === space.brk) return space.brk;
  if (!isGuestRange(space.brkStart, address - space.brkStart)) return space.brk;
  if (address - space.brkStart > task.limit(RLIMIT_DATA)) return space.brk;
  return task.call.start(move(task, address));
}

function* move(task: MemCaller, address: number): Coroutine {
  const { space } = task.stub;
  const from = pageCeil(space.brk);
  const to = pageCeil(address);
  if (to > from) {
    const request = {
      address: from,
      length: to - from,
      prot: PROT,
      maxProt: PROT | PROT_EXEC,
      flags: 0,
      placement: "free" as const,
      source: ANONYMOUS,
      name: "[heap]",
      populate: -1,
    };
    const at = yield* map(task, request, address);
    if (at < 0) return space.brk;
  } else if (to < from) {
    if ((yield* unmap(task, to, from, address)) < 0) return space.brk;
  }
  space.brk = address;
  return address;
}
