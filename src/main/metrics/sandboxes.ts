// Asking sandboxes, all of a host at once, within a bound: one that does not answer is told to be silent, and keeps nobody
// waiting. Connections are kept from one scrape to the next.

import { setImmediate } from "node:timers/promises";
import { ControlClient } from "../cli/control_client.ts";
import { type Answer, readAnswer } from "./answer.ts";
import type { KnownContainer } from "./discovery.ts";
import { InterfaceNames } from "./interface_names.ts";
import type { SandboxFigures } from "./sandbox_metrics.ts";

/** What one sandbox may take to answer. */
const ANSWER_MS = 1000;
/** Sandboxes that are asked at once; one that takes longer than a turn is waited for beside them. */
const AT_ONCE = 32;
const TURN_MS = 100;
/** One that says when it does something is asked anew after so long, whether it has or not: it may be stopped. */
const ANEW_MS = 60_000;
/** What it may take until what a sandbox has begun to do is told, and more: so much of its sleep is not added to what it has told. */
const TOLD_LATE_MS = 1000;
const NS_PER_MS = 1e6;

export interface Sandbox {
  readonly key: string;
  /** Of a pod the one that holds it, if it is there: by its socket all are asked. */
  readonly first: KnownContainer | undefined;
  readonly containers: readonly KnownContainer[];
}

export function sandboxesOf(containers: readonly KnownContainer[]): Sandbox[] {
  const found = new Map<string, KnownContainer[]>();
  const keyOf = ({ root, state }: KnownContainer) => `${root}/${state.sandbox ?? state.id}`;
  for (const container of containers) {
    const key = keyOf(container);
    const members = found.get(key);
    if (members === undefined) found.set(key, [container]);
    else members.push(container);
  }
  return [...found].map(([key, members]) => ({
    key,
    first: members.find(({ state }) => state.sandbox === undefined),
    containers: members,
  }));
}

export interface Asked extends SandboxFigures {
  /** Nobody listens any more: its containers have ended. */
  readonly isGone: boolean;
}

const GONE: Asked = { answer: null, interfaces: [], isGone: true };
const SILENT: Asked = { answer: null, interfaces: [], isGone: false };

/** What one has said, which is so still. */
interface Still {
  readonly answer: Answer;
  readonly interfaces: Asked["interfaces"];
  /** When it was asked, on performance.now()'s clock. */
  readonly atMs: number;
}

/** What it would say now: its threads have slept since then. */
function asOfNow({ answer, interfaces, atMs }: Still, nowMs: number): Asked {
  const sleptNs = Math.round(Math.max(0, nowMs - atMs - TOLD_LATE_MS) * NS_PER_MS);
  const threads = answer.threads.map((thread) => ({ ...thread, sleepNs: thread.sleepNs + sleptNs }));
  return { answer: { ...answer, threads }, interfaces, isGone: false };
}

function pause(ms: number): { readonly over: Promise<void>; end(): void } {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    end = () => clearTimeout(timer);
  });
  return { over, end };
}

/** The way to one sandbox. */
class Line {
  /** It is that container's, and no later one's of the same id. */
  readonly first: KnownContainer;
  readonly #names = new InterfaceNames();
  #client: ControlClient | null = null;
  #isBusy = false;
  wasSilent = false;
  readonly #isKept: boolean;
  /** null: it is to be asked. */
  #still: Still | null = null;

  /** `isKept`: for more than one scrape. */
  constructor(first: KnownContainer, isKept: boolean) {
    this.first = first;
    this.#isKept = isKept;
  }

  /** Its last answer may be so still: hears whether it is until `recall`. False: it is not. */
  listen(): boolean {
    if (this.#still === null || this.#isBusy) return false;
    this.#client?.listen();
    return true;
  }

  /** What it has said, if that is so still. */
  recall(nowMs: number): Asked | null {
    const [still, client] = [this.#still, this.#client];
    client?.ignore();
    if (still === null || client?.isOpen !== true || client.hasMoved || nowMs - still.atMs >= ANEW_MS) {
      this.#still = null;
      return null;
    }
    return asOfNow(still, nowMs);
  }

  async ask(withinMs: number): Promise<Asked> {
    // What has asked it before still waits.
    if (this.#isBusy) return SILENT;
    this.#isBusy = true;
    try {
      const asked = await this.#ask(withinMs);
      this.wasSilent = asked === SILENT;
      return asked;
    } finally {
      this.#isBusy = false;
    }
  }

  async #ask(withinMs: number): Promise<Asked> {
    let isLate = false;
    if (this.#client?.isOpen !== true)
      this.#client = await ControlClient.connect(this.first.state.socket, () => {
        isLate = true;
      });
    const client = this.#client;
    if (client === null) return isLate ? SILENT : GONE;
    let answer: Answer;
    const atMs = performance.now();
    // What comes from here on is about what is told now.
    client.hasMoved = false;
    try {
      const params = this.#isKept ? { watch: true } : undefined;
      answer = readAnswer(await client.askSoon("metrics", params, withinMs), "metrics");
    } catch {
      // Late, or gone meanwhile, or nothing that makes sense. Who is late keeps the connection: each new one would wait in the
      // queue of a socket that others connect to.
      const isGone = !client.isOpen && !client.isNonsense;
      if (isGone || client.isNonsense) this.close();
      return isGone ? GONE : SILENT;
    }
    const interfaces = this.#names.told(answer.netDev);
    this.#still = answer.isWatched && this.#isKept ? { answer, interfaces, atMs } : null;
    return { answer, interfaces, isGone: false };
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}

export class Sandboxes {
  #lines = new Map<string, Line>();
  /** Not kept: each scrape connects anew. */
  readonly #isKept: boolean;

  constructor(isKept = true) {
    this.#isKept = isKept;
  }

  /** What each says, by its key; `withinMs`: how long all of it may take. */
  async ask(sandboxes: readonly Sandbox[], withinMs: number): Promise<Map<string, Asked>> {
    const deadline = performance.now() + withinMs;
    const lines = this.#linesOf(sandboxes);
    const told = new Map<string, Asked>(sandboxes.map(({ key }) => [key, lines.has(key) ? SILENT : GONE]));
    await this.#recall(lines, told);
    // Those that were silent come last.
    const waiting = [...lines]
      .filter(([key]) => told.get(key) === SILENT)
      .sort(([, a], [, b]) => Number(a.wasSilent) - Number(b.wasSilent));
    const answers: Promise<void>[] = [];
    const turns = Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [key, line] = next;
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) return;
        const asked = line.ask(Math.min(ANSWER_MS, leftMs)).then((answer) => void told.set(key, answer));
        answers.push(asked);
        const turn = pause(TURN_MS);
        await Promise.race([asked, turn.over]);
        turn.end();
      }
    });
    await Promise.all(turns);
    await Promise.all(answers);
    if (!this.#isKept) this.close();
    return told;
  }

  /** Of those that have done nothing since they were asked, what they have said then. They are not woken. */
  async #recall(lines: ReadonlyMap<string, Line>, told: Map<string, Asked>): Promise<void> {
    const listening = [...lines].filter(([, line]) => line.listen());
    if (listening.length === 0) return;
    // The first is over before the event loop looks for what has come.
    await setImmediate();
    await setImmediate();
    const nowMs = performance.now();
    for (const [key, line] of listening) {
      const asked = line.recall(nowMs);
      if (asked !== null) told.set(key, asked);
    }
  }

  /** One for each; those of sandboxes that are gone are closed. */
  #linesOf(sandboxes: readonly Sandbox[]): ReadonlyMap<string, Line> {
    const lines = new Map<string, Line>();
    for (const { key, first } of sandboxes) {
      if (first === undefined) continue;
      const known = this.#lines.get(key);
      lines.set(key, known?.first === first ? known : new Line(first, this.#isKept));
    }
    for (const [key, line] of this.#lines) if (lines.get(key) !== line) line.close();
    this.#lines = lines;
    return lines;
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
  }
}
