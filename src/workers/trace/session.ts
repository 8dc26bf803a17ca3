// A trace session: what it wants, and its sinks. An event is turned into text once a session, and only where a sink has room for
// it: what nobody can take costs a count.

import { CONTEXT_FIELDS, type ContextField } from "../../shared/trace/points.ts";
import { rawName } from "../../shared/trace/raw_point.ts";
import type { TraceReport, TraceSession } from "../../shared/trace/session.ts";
import type { Counters } from "../counters.ts";
import type { Task } from "../process/task.ts";
import type { Context, TraceEvent } from "./event.ts";
import { EventFilter } from "./filter.ts";
import type { Sink } from "./sink.ts";
import { type Stamp, stampText } from "./stamp.ts";
import { shortened, told } from "./text.ts";

const ALL = rawName(null);
const ALL_CONTEXT = Object.keys(CONTEXT_FIELDS) as ContextField[];

export class Session {
  readonly config: TraceSession;
  readonly sinks: readonly Sink[];
  readonly #filter: EventFilter;
  readonly #context: readonly ContextField[];
  readonly #sandbox: string | undefined;
  readonly #counters: Counters;
  /** Fields that are wanted, by point; undefined: all that are not optional. */
  readonly #fields = new Map<string, readonly string[]>();
  #sequence = 0;

  constructor(config: TraceSession, sinks: readonly Sink[], sandbox: string | undefined, counters: Counters) {
    this.config = config;
    this.sinks = sinks;
    this.#filter = new EventFilter(config.filter);
    this.#context = config.context ?? ALL_CONTEXT;
    this.#sandbox = sandbox;
    this.#counters = counters;
  }

  get name(): string {
    return this.config.name;
  }

  /** Somebody may yet read what it tells. */
  get isHeard(): boolean {
    return this.sinks.some((sink) => !sink.hasEnded);
  }

  /** Fields of a point's events that it wants, where it has said which. */
  want(point: string, fields: readonly string[] | undefined): void {
    if (fields !== undefined) this.#fields.set(point, fields);
  }

  /** Whether it names a field of a point's. */
  wants(point: string, field: string): boolean {
    return this.#fields.get(point)?.includes(field) === true;
  }

  /** Whether it may want an event of that task's: asked before one is made. */
  mayWant(task: Task): boolean {
    return this.#filter.passesTask(task);
  }

  tell(event: TraceEvent, stamp: () => Stamp): void {
    if (!this.#filter.passes(event)) return;
    this.#sequence++;
    this.#counters.traceEvents++;
    let text: string | null = null;
    for (const sink of this.sinks) {
      if (sink.hasEnded) continue;
      if (!sink.hasRoom) {
        sink.lose(stamp());
        continue;
      }
      const at = stamp();
      text ??= this.#textOf(event, at);
      sink.put(event.point.number, text, this.#sequence, at);
    }
  }

  #textOf(event: TraceEvent, stamp: Stamp): string {
    const { point, cut } = event;
    const all = this.#contextOf(event, stamp);
    const record: Record<string, unknown> = { point: point.name, seq: this.#sequence };
    for (const name of this.#context) if (all[name] !== undefined) record[name] = all[name];
    Object.assign(record, this.#fieldsOf(event));
    if (cut.length > 0) record.cut = cut;
    return JSON.stringify(record);
  }

  #fieldsOf({ point, name: named, fields }: TraceEvent): Record<string, unknown> {
    const wanted = this.#fields.get(named) ?? (named === point.name ? undefined : this.#fields.get(ALL));
    const isWanted = (name: string) =>
      wanted === undefined ? point.optional?.includes(name) !== true : wanted.includes(name);
    return Object.fromEntries(Object.entries(fields).filter(([name]) => isWanted(name)));
  }

  #contextOf({ task }: TraceEvent, stamp: Stamp): Context {
    const { credentials, container, group } = task;
    return {
      time: stampText(stamp),
      sandbox: this.#sandbox,
      container: container.id === "" ? undefined : container.id,
      pid: task.pid,
      tid: task.tid,
      sandboxPid: task.firstPid,
      sandboxTid: task.firstTid,
      comm: told(shortened(task.comm)),
      group: told(shortened(group.leader.comm)),
      uid: credentials.uid,
      euid: credentials.euid,
      gid: credentials.gid,
      egid: credentials.egid,
    };
  }

  report(): TraceReport {
    return {
      name: this.name,
      points: this.config.points.map(({ name }) => name),
      events: this.#sequence,
      sinks: this.sinks.map((sink) => sink.report()),
    };
  }

  end(): void {
    for (const sink of this.sinks) sink.end();
  }
}
