// Where the guests' calls come from: sites that trap, and stacks of callers, a bounded number in a second (unwind/unwinder.ts).

import type { RecordedSite, ThreadRecord } from "../../shared/profile_record.ts";
import { RIP } from "../../shared/ring/layout.ts";
import type { Slots } from "../../shared/ring/slot.ts";
import type { Call } from "../call/call.ts";
import type { Steps } from "../call/steps.ts";
import type { AddressSpace } from "../mem/address_space.ts";
import { SYSCALL_LENGTH } from "../patch/site.ts";
import { GuestFiles, type GuestFilesContext } from "../unwind/guest_files.ts";
import { readRegisters } from "../unwind/registers.ts";
import { REGISTERS } from "../unwind/row.ts";
import { Unwinder } from "../unwind/unwinder.ts";
import type { VfsCaller } from "../vfs/caller.ts";
import { knownNumber } from "./call_table.ts";
import { GuestPlaces } from "./guest_places.ts";
import type { CallOrigins } from "./recorder.ts";

const SITES_MAX = 2048;
const SITES_TOLD = 100;
/** Traps of a site; a power of two. */
const JUDGED_FROM = 128;
const STACKS_MAX = 2048;
/** Of a thread's time stacks take no larger part, whatever guests make of theirs: one of so many. */
const TIME_SHARE = 2;
const NS_PER_MS = 1e6;

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
  readonly frames: number[];
  readonly nr: number;
  count: number;
  sumNs: number;
}

export interface OriginsContext extends GuestFilesContext {
  readonly slots: Slots;
  readonly steps: Steps;
}

/** "patched", why it is not, or "": it was not judged, or nobody knows any more. */
function stateOf({ patches }: AddressSpace, address: number): string {
  if (patches === null) return "";
  return patches.find(address) !== null ? "patched" : (patches.whyNot(address) ?? "");
}

export class GuestOrigins implements CallOrigins {
  readonly #kernel: OriginsContext;
  readonly #places: GuestPlaces;
  readonly #unwinder: Unwinder;
  readonly #registers = new Float64Array(REGISTERS);
  /** Files are being read, in pieces; or nothing is to be read any more. */
  #isReading = false;
  #isOver = false;
  readonly #intervalNs: number;
  readonly #nowMs: () => number;
  #nextSampleNs = 0;
  readonly #sites = new Map<string, Site>();
  readonly #stacks = new Map<string, Stack>();
  #samples = 0;
  #shallow = 0;
  #whole = 0;
  #sitesDropped = 0;
  #stacksDropped = 0;

  constructor(kernel: OriginsContext, stacksPerSecond: number, nowMs = () => performance.now()) {
    this.#kernel = kernel;
    this.#nowMs = nowMs;
    const files = new GuestFiles(kernel);
    this.#places = new GuestPlaces(kernel, files);
    this.#unwinder = new Unwinder(kernel.native, files);
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
    const startedMs = this.#nowMs();
    const frames = this.#walk(call);
    const tookNs = (this.#nowMs() - startedMs) * NS_PER_MS;
    this.#nextSampleNs = nowNs + Math.max(this.#intervalNs, TIME_SHARE * tookNs);
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
    const unwinder = this.#unwinder;
    readRegisters(this.#kernel.slots, slot, this.#registers);
    unwinder.follow(task, this.#registers, false);
    if (unwinder.isWhole) this.#whole++;
    if (unwinder.isLoading) this.#readLater();
    const frames: number[] = [];
    for (const address of unwinder.addresses) {
      const vma = task.stub.space.vmas.find(address);
      // Code that a program has made is one place: it has no symbols, and may be anywhere tomorrow.
      const isMade = vma !== null && vma.backing === null && frames.length > 0;
      const place = this.#places.of(task, isMade ? vma.start : address);
      if (place >= 0) frames.push(place);
    }
    return frames;
  }

  #readLater(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#kernel.steps.later(() => {
      if (this.#isOver) return true;
      this.#unwinder.loadPiece();
      this.#isReading = this.#unwinder.isLoading;
      return !this.#isReading;
    });
  }

  /** Looks for symbols; `then` is called when that is done. */
  finish(then: () => void): void {
    this.#isOver = true;
    this.#places.finish(then);
  }

  /** Nobody wants to know: what it holds of the host's is let go at once. */
  drop(): void {
    this.#isOver = true;
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

  stacks(): ThreadRecord["stacks"] {
    // As they are, with all places: to number a quarter of a million frames anew would be one long turn.
    const [frames, stacks] = [[...this.#places.all], [...this.#stacks.values()]];
    return { samples: this.#samples, shallow: this.#shallow, whole: this.#whole, frames, stacks };
  }

  get dropped(): Record<string, number> {
    return {
      sites: this.#sitesDropped,
      stacks: this.#stacksDropped,
      places: this.#places.dropped,
      unwindTables: this.#unwinder.dropped,
    };
  }
}
