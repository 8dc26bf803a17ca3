// One event, as its point has found it: made once, however many sessions want it. What a session wants of it is picked when it
// is told (session.ts).

import type { CONTEXT_FIELDS, Point } from "../../shared/trace/points.ts";
import type { Task } from "../process/task.ts";
import { shortened, TEXT_MAX, told, toldList } from "./text.ts";

export type Context = Record<keyof typeof CONTEXT_FIELDS, unknown>;

export class TraceEvent {
  readonly point: Point;
  /** By what sessions name the fields that they want of it: its point's name, or its call's (rawName). */
  readonly name: string;
  readonly task: Task;
  readonly fields: Record<string, unknown> = {};
  /** Fields of which the end is missing. */
  readonly cut: string[] = [];
  /** What path filters look at, as a byte string; null: it has none. */
  path: string | null = null;
  failed = false;

  constructor(point: Point, task: Task, name = point.name) {
    this.point = point;
    this.name = name;
    this.task = task;
  }

  /** A byte string. */
  text(name: string, bytes: string): void {
    const short = shortened(bytes, TEXT_MAX);
    if (short.length < bytes.length) this.cut.push(name);
    this.fields[name] = told(short);
  }

  list(name: string, bytes: readonly string[]): void {
    const { all, isWhole } = toldList(bytes);
    if (!isWhole) this.cut.push(name);
    this.fields[name] = all;
  }

  /** The path of what it is about, as a byte string. */
  place(name: string, path: string): void {
    this.path = path;
    this.text(name, path);
  }
}
