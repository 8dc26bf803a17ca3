// Which sessions want to hear of what: by the number of a call, and by the name of a point. Made anew when a session comes or goes.

import { SYSCALLS, syscallByName } from "../../shared/abi/syscalls.ts";
import { ANSWERED_BY_STUBS, isPosted } from "../../shared/abi/unseen_calls.ts";
import { KP_MARSHAL_COUNT } from "../../shared/ring/layout.ts";
import { pointNamed } from "../../shared/trace/points.ts";
import { type RawPoint, rawName, rawPoint } from "../../shared/trace/raw_point.ts";
import type { Session } from "./session.ts";

/** Who wants to hear of a call. */
export interface CallPlan {
  /** The point that tells of it, and to whom; null: none. */
  readonly point: string | null;
  readonly told: readonly Session[];
  /** Of any call: before it is served, and with its result. */
  readonly enter: readonly Session[];
  readonly leave: readonly Session[];
  readonly withText: boolean;
}

interface Draft {
  point: string | null;
  told: Session[];
  enter: Session[];
  leave: Session[];
  withText: boolean;
}

export class Plans {
  readonly #calls: (CallPlan | null)[] = new Array(KP_MARSHAL_COUNT).fill(null);
  /** Of calls whose number Linux does not know. */
  readonly #unknown: CallPlan | null = null;
  readonly #points = new Map<string, Session[]>();
  readonly isEmpty: boolean;
  /** Some of the calls are such as stubs answer by themselves. */
  readonly wantsUnseen: boolean;

  constructor(sessions: readonly Session[]) {
    const drafts = new Map<number, Draft>();
    const unknown = draft();
    for (const session of sessions)
      for (const { name, fields } of session.config.points) {
        const raw = rawPoint(name);
        if (raw === undefined) this.#addPoint(drafts, session, name, fields);
        else if (raw !== null) addRaw(drafts, unknown, session, raw, fields);
      }
    for (const [nr, plan] of drafts) this.#calls[nr] = plan;
    if (unknown.enter.length + unknown.leave.length > 0) this.#unknown = unknown;
    this.isEmpty = drafts.size === 0 && this.#points.size === 0;
    this.wantsUnseen = ANSWERED_BY_STUBS.some((name) => this.of(syscallByName(name)!.nr.x86_64) !== null);
  }

  #addPoint(drafts: Map<number, Draft>, session: Session, name: string, fields?: readonly string[]): void {
    const found = pointNamed(name);
    if (found === undefined) return;
    session.want(name, fields);
    const told = this.#points.get(name) ?? [];
    if (!told.includes(session)) told.push(session);
    this.#points.set(name, told);
    for (const call of found.calls) {
      const entry = syscallByName(call);
      if (entry === undefined) continue;
      const plan = draftOf(drafts, entry.nr.x86_64);
      plan.point = name;
      plan.told = told;
    }
  }

  /** Null: nobody wants to hear of it. */
  of(nr: number): CallPlan | null {
    return nr >= 0 && nr < KP_MARSHAL_COUNT ? this.#calls[nr]! : this.#unknown;
  }

  at(name: string): readonly Session[] {
    return this.#points.get(name) ?? [];
  }

  /** Calls that stubs are not to post to other kernel threads, by number. */
  get posted(): readonly number[] {
    return SYSCALLS.filter(({ name, nr }) => isPosted(name) && this.of(nr.x86_64) !== null).map(
      ({ nr }) => nr.x86_64,
    );
  }
}

function draft(): Draft {
  return { point: null, told: [], enter: [], leave: [], withText: false };
}

function draftOf(drafts: Map<number, Draft>, nr: number): Draft {
  const plan = drafts.get(nr) ?? draft();
  drafts.set(nr, plan);
  return plan;
}

function addRaw(
  drafts: Map<number, Draft>,
  unknown: Draft,
  session: Session,
  { nr, enter, leave }: RawPoint,
  fields: readonly string[] | undefined,
): void {
  session.want(rawName(nr), fields);
  const plans =
    nr === null
      ? [unknown, ...Array.from({ length: KP_MARSHAL_COUNT }, (_none, each) => draftOf(drafts, each))]
      : [draftOf(drafts, nr)];
  for (const plan of plans) {
    if (enter && !plan.enter.includes(session)) plan.enter.push(session);
    if (leave && !plan.leave.includes(session)) plan.leave.push(session);
    if (fields?.includes("text") === true) plan.withText = true;
  }
}
