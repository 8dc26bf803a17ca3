// Profiles over the control socket: profile_start, profile_stop, and then profile_part until that answers null. A
// connection holds what it has started: with its end the threads are profiled no more, and what was not fetched is
// forgotten. What a thread tells is sent in parts, each of which fits a socket's buffer and takes no long turn to write.

import { type ProfileOptions, type ThreadRecord, USES } from "../../shared/profile_record.ts";
import type { ContainerKernel } from "../container/kernel_view.ts";
import { invalid, RequestError } from "./request_error.ts";

const PART_BYTES = 32_768;
const STACKS_MAX = 10_000;
/** For so long a sandbox that is to end waits for who fetches its profile. */
const FETCH_MS = 5000;

/** Lists of a record that may be long. */
export const LONG_LISTS = ["calls", "sites", "paths", "sockets", "futexes", "hostWaits", ...USES] as const;

/** What is to be added to the record of a thread, by its place: a list's next items, or `head`, all the rest. */
export type ProfilePart =
  | { thread: number; head: object }
  | { thread: number; list: string; items: readonly object[] };

function* slices(thread: number, list: string, all: readonly object[]): Generator<ProfilePart> {
  let items: object[] = [];
  let bytes = 0;
  for (const item of all) {
    items.push(item);
    bytes += JSON.stringify(item).length;
    if (bytes < PART_BYTES) continue;
    yield { thread, list, items };
    items = [];
    bytes = 0;
  }
  if (items.length > 0) yield { thread, list, items };
}

export function* partsOf(records: readonly ThreadRecord[]): Generator<ProfilePart> {
  for (const [thread, record] of records.entries()) {
    const { stacks, cpu } = record;
    yield {
      thread,
      head: {
        ...record,
        ...Object.fromEntries(LONG_LISTS.map((list) => [list, []])),
        stacks: { ...stacks, frames: [], stacks: [] },
        cpu: cpu === null ? null : { ...cpu, nodes: [] },
      },
    };
    for (const list of LONG_LISTS) yield* slices(thread, list, record[list]);
    yield* slices(thread, "frames", stacks.frames);
    yield* slices(thread, "stacks", stacks.stacks);
    if (cpu !== null) yield* slices(thread, "nodes", cpu.nodes);
  }
}

export class HeldProfile {
  readonly #kernel: ContainerKernel;
  #isRunning = true;
  #isForgotten = false;
  #parts: Generator<ProfilePart> | null = null;
  readonly #over = Promise.withResolvers<void>();

  private constructor(kernel: ContainerKernel) {
    this.#kernel = kernel;
  }

  static async start(kernel: ContainerKernel, options: ProfileOptions) {
    const sandbox = await kernel.profileStart(options);
    if (sandbox === null) throw new RequestError("ERR_BUSY", "the sandbox is being profiled already");
    return { sandbox, profile: new HeldProfile(kernel) };
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) throw new RequestError("ERR_STATE", "the profile has been stopped already");
    this.#isRunning = false;
    const records = await this.#kernel.profileStop();
    if (!this.#isForgotten) this.#parts = partsOf(records);
  }

  next(): ProfilePart | null {
    if (this.#parts === null) throw new RequestError("ERR_STATE", "the profile has not been stopped");
    const { value } = this.#parts.next();
    if (value !== undefined) return value;
    this.#letGo();
    return null;
  }

  #letGo(): void {
    this.#parts = null;
    this.#over.resolve();
  }

  /** Whoever has started it has all of it, or has gone, or takes too long. */
  async settled(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, FETCH_MS);
    await Promise.race([this.#over.promise, late.promise]);
    clearTimeout(timer);
  }

  /** Its connection has ended. */
  async forget(): Promise<void> {
    this.#isForgotten = true;
    this.#letGo();
    if (!this.#isRunning) return;
    this.#isRunning = false;
    await this.#kernel.profileStop();
  }
}

export function readOptions({ cpu, stacksPerSecond }: Readonly<Record<string, unknown>>): ProfileOptions {
  if (typeof cpu !== "boolean") throw invalid("cpu");
  if (typeof stacksPerSecond !== "number" || !Number.isInteger(stacksPerSecond))
    throw invalid("stacksPerSecond");
  if (stacksPerSecond < 0 || stacksPerSecond > STACKS_MAX) throw invalid("stacksPerSecond");
  return { cpu, stacksPerSecond };
}
