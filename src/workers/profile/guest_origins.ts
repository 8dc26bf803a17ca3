// Where the guests' calls come from: sites that trap, and stacks of callers, a bounded number in a second. A stack is what
// frame pointers lead to; code that keeps none has none, and what it leaves in rbp may lead anywhere: addresses count only
// where code is mapped. Memory is read as anything of a guest's: private anonymous memory alone (docs/hardening.md, F12).

import { PROT_EXEC } from "../../shared/abi/mman.ts";
import type { RecordedPlace, RecordedSite, RecordedStack } from "../../shared/profile_record.ts";
import { RBP, RIP, RSP } from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import type { Call } from "../call/call.ts";
import type { Steps } from "../call/steps.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { type Mapped, VM_SHARED, type Vma } from "../mem/vma.ts";
import type { Native } from "../native.ts";
import { SYSCALL_LENGTH } from "../patch/site.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { knownNumber } from "./call_table.ts";
import { GuestPlaces } from "./guest_places.ts";
import type { CallOrigins } from "./recorder.ts";

const SITES_MAX = 2048;
const SITES_TOLD = 100;
/** Traps of a site; a power of two. */
const JUDGED_FROM = 128;
const STACKS_MAX = 2048;
const FRAMES_MAX = 32;
/** Frames that are followed: some have no place. */
const STEPS_MAX = 64;
/** Of a stack so much is read. */
const STACK_BYTES = 16_384;

interface Site {
  readonly pid: number;
  /** It may have gone, and need not stay for this. */
  readonly space: WeakRef<AddressSpace>;
  /** What was last known of it. */
  state: string;
  readonly address: number;
  readonly place: number;
  traps: number;
  readonly calls: Map<number, number>;
}

interface Stack {
  readonly frames: readonly number[];
  readonly nr: number;
  count: number;
  sumNs: number;
}

export interface OriginsContext {
  readonly native: Native;
  readonly slots: Slots;
  readonly steps: Steps;
  readonly rootCredentials: Credentials;
}

/** "patched", why it is not, or "": it was not judged, or nobody knows any more. */
function stateOf({ patches }: AddressSpace, address: number): string {
  if (patches === null) return "";
  return patches.find(address) !== null ? "patched" : (patches.whyNot(address) ?? "");
}

function isCode(vma: Vma | null): boolean {
  return vma !== null && (vma.prot & PROT_EXEC) !== 0 && (vma.backing as Mapped | null) !== null;
}

export class GuestOrigins implements CallOrigins {
  readonly #kernel: OriginsContext;
  readonly #places: GuestPlaces;
  readonly #intervalNs: number;
  #nextSampleNs = 0;
  readonly #sites = new Map<string, Site>();
  readonly #stacks = new Map<string, Stack>();
  #samples = 0;
  #shallow = 0;
  #sitesDropped = 0;
  #stacksDropped = 0;

  constructor(kernel: OriginsContext, stacksPerSecond: number) {
    this.#kernel = kernel;
    this.#places = new GuestPlaces(kernel);
    this.#intervalNs = stacksPerSecond > 0 ? 1e9 / stacksPerSecond : Number.POSITIVE_INFINITY;
    if (stacksPerSecond === 0) this.#nextSampleNs = Number.POSITIVE_INFINITY;
  }

  trapped(call: Call): void {
    const task = call.caller as VfsCaller;
    const { space } = task.stub;
    const address = this.#kernel.slots.unsigned(call.slot, RIP) - SYSCALL_LENGTH;
    const key = `${space.id} ${address}`;
    let site = this.#sites.get(key);
    if (site === undefined) {
      if (this.#sites.size >= SITES_MAX) {
        this.#sitesDropped++;
        return;
      }
      const place = this.#places.of(task, address);
      site = {
        pid: task.firstPid,
        space: new WeakRef(space),
        state: "",
        address,
        place,
        traps: 0,
        calls: new Map(),
      };
      this.#sites.set(key, site);
    }
    site.traps++;
    // From where on a site should have been patched.
    if (site.traps >= JUDGED_FROM && (site.traps & (site.traps - 1)) === 0)
      site.state = stateOf(space, address);
    const nr = knownNumber(call.nr);
    site.calls.set(nr, (site.calls.get(nr) ?? 0) + 1);
  }

  sample(call: Call, nowNs: number): Stack | null {
    if (nowNs < this.#nextSampleNs) return null;
    this.#nextSampleNs = nowNs + this.#intervalNs;
    this.#samples++;
    const frames = this.#walk(call);
    if (frames.length <= 1) this.#shallow++;
    const nr = knownNumber(call.nr);
    const key = `${nr} ${frames.join(" ")}`;
    let stack = this.#stacks.get(key);
    if (stack === undefined) {
      if (this.#stacks.size >= STACKS_MAX) {
        this.#stacksDropped++;
        return null;
      }
      stack = { frames, nr, count: 0, sumNs: 0 };
      this.#stacks.set(key, stack);
    }
    stack.count++;
    return stack;
  }

  served(sample: object, ns: number): void {
    (sample as Stack).sumNs += ns;
  }

  /** Places of the call's site and its callers, the innermost first. */
  #walk({ slot, caller }: Call): number[] {
    const task = caller as VfsCaller;
    const { slots, native } = this.#kernel;
    const { space, readablePid } = task.stub;
    const frames: number[] = [];
    // A return address stands behind its call: the place is that of the byte before.
    const add = (address: number) => {
      const place = this.#places.of(task, address - 1);
      if (place >= 0) frames.push(place);
    };
    add(slots.unsigned(slot, RIP));
    const from = slots.unsigned(slot, RSP);
    const vma = space.vmas.find(from);
    if (vma === null || vma.backing !== null || (vma.flags & VM_SHARED) !== 0 || space.locks.size > 0)
      return frames;
    const length = native.processRead(readablePid, from, Math.min(STACK_BYTES, vma.end - from));
    if (length < 8) return frames;
    const { scratchView } = native;
    const word = (at: number) =>
      scratchView.getUint32(at + 4, true) * 2 ** 32 + scratchView.getUint32(at, true);
    // Functions that only make a call have no frame of their own: their caller is the uppermost word.
    const top = word(0);
    if (isCode(space.vmas.find(top))) add(top);
    let frame = slots.unsigned(slot, RBP);
    for (let steps = 0; steps < STEPS_MAX && frames.length < FRAMES_MAX; steps++) {
      const at = frame - from;
      if (at < 0 || at % 8 !== 0 || at + 16 > length) break;
      const next = word(at);
      const back = word(at + 8);
      if (!isCode(space.vmas.find(back))) break;
      add(back);
      if (next <= frame) break;
      frame = next;
    }
    return frames;
  }

  /** Looks for symbols; `then` is called when that is done. */
  finish(then: () => void): void {
    this.#places.finish(then);
  }

  /** Nobody wants to know: what it holds of the host's is let go at once. */
  drop(): void {
    this.#places.drop();
  }

  sites(): RecordedSite[] {
    return [...this.#sites.values()]
      .sort((a, b) => b.traps - a.traps)
      .slice(0, SITES_TOLD)
      .map(({ pid, space, state, address, place, traps, calls }) => {
        const living = space.deref();
        return {
          ...(place < 0 ? { file: "", offset: 0, symbol: "", symbolOffset: 0 } : this.#places.place(place)),
          pid,
          traps,
          address: `0x${address.toString(16)}`,
          state: (living === undefined ? "" : stateOf(living, address)) || state,
          calls: Object.fromEntries(calls),
        };
      });
  }

  stacks(): { samples: number; shallow: number; frames: RecordedPlace[]; stacks: RecordedStack[] } {
    const numbers = new Map<number, number>();
    const frames: RecordedPlace[] = [];
    const stacks = [...this.#stacks.values()].map(({ frames: places, nr, count, sumNs }) => ({
      frames: places.map((place) => {
        const known = numbers.get(place);
        if (known !== undefined) return known;
        numbers.set(place, frames.length);
        frames.push(this.#places.place(place));
        return frames.length - 1;
      }),
      nr,
      count,
      sumNs,
    }));
    return { samples: this.#samples, shallow: this.#shallow, frames, stacks };
  }

  get dropped(): Record<string, number> {
    return { sites: this.#sitesDropped, stacks: this.#stacksDropped, places: this.#places.dropped };
  }
}
