// A trace session as its file has it (docs/traces.md, "Sessions"), read by a schema.

import { CONTEXT_FIELDS, type ContextField, pointNamed } from "../../shared/trace/points.ts";
import { rawPoint } from "../../shared/trace/raw_point.ts";
import {
  FILTER_MAX,
  POINTS_MAX,
  QUEUE_MAX,
  QUEUE_USUAL,
  SINKS_MAX,
  type TraceSession,
  type TraceSink,
  type WantedPoint,
} from "../../shared/trace/session.ts";
import {
  boolean,
  byteString,
  integer,
  list,
  object,
  optional,
  type Reader,
  SchemaError,
} from "../oci/schema.ts";

const NAME = /^[\w.-]{1,64}$/;
const NAME_SHOWN = 128;
const POINT_MEMBERS = ["name", "fields"];
const QUEUE_MIN = 16;
const BACKOFF_MS_MAX = 60_000;
/** Until the first try to reach a reader anew, and the longest between two. */
const BACKOFF_MS: [number, number] = [100, 10_000];

/** Refuses any other member: a filter whose name is misspelt would let everything pass, and nobody would know. */
function only<T>(reader: Reader<T>, members: readonly string[]): Reader<T> {
  return (value, at) => {
    const read = reader(value, at);
    const other = Object.keys(value as object).find((name) => !members.includes(name));
    if (other === undefined) return read;
    const place = at === "" ? other : `${at}.${other}`;
    throw new SchemaError(`${place.slice(0, NAME_SHOWN)} is none of ${members.join(", ")}`);
  };
}

function exactly<M extends Record<string, Reader<unknown>>>(members: M) {
  return only(object(members), Object.keys(members));
}

const sessionName: Reader<string> = (value, at) => {
  if (typeof value !== "string" || !NAME.test(value))
    throw new SchemaError(`${at} must be a name of letters, digits and ._-`);
  return value;
};

function fieldsOf(name: string, value: unknown, at: string): string[] {
  const found = pointNamed(name) ?? pointNamed("leave")!;
  return list<string>((field, place) => {
    if (typeof field === "string" && Object.hasOwn(found.fields, field)) return field;
    throw new SchemaError(`${place} is no field of ${name}: ${String(field)}`);
  }, FILTER_MAX)(value, at);
}

const point: Reader<WantedPoint> = (value, at) => {
  const { name, fields } = (typeof value === "string" ? { name: value } : (value ?? {})) as {
    name?: unknown;
    fields?: unknown;
  };
  if (typeof name !== "string")
    throw new SchemaError(`${at} must be the name of a point, or an object with it`);
  const raw = rawPoint(name);
  const isKnown = raw === undefined ? pointNamed(name) !== undefined && !isRaw(name) : raw !== null;
  if (!isKnown) throw new SchemaError(`${at}: there is no point ${name}`);
  return { name, ...(fields != null && { fields: fieldsOf(name, fields, `${at}.fields`) }) };
};

const wantedPoint: Reader<WantedPoint> = (value, at) =>
  typeof value === "string" ? point(value, at) : only(point, POINT_MEMBERS)(value, at);

/** Events of any call are asked for by syscall/NAME. */
function isRaw(name: string): boolean {
  return name === "enter" || name === "leave";
}

const contextField: Reader<ContextField> = (value, at) => {
  if (typeof value === "string" && Object.hasOwn(CONTEXT_FIELDS, value)) return value as ContextField;
  throw new SchemaError(`${at} is no field of all events: ${String(value)}`);
};

const text: Reader<string> = (value, at) => {
  if (typeof value !== "string" || value === "") throw new SchemaError(`${at} must be a string`);
  return value;
};

const readFilter = exactly({
  containers: optional(list(text, FILTER_MAX), undefined),
  comms: optional(list(byteString, FILTER_MAX), undefined),
  paths: optional(list(byteString, FILTER_MAX), undefined),
  uids: optional(list(integer(0, 0xffffffff), FILTER_MAX), undefined),
  failures: optional(boolean, false),
});

const readBackoff = exactly({
  firstMs: optional(integer(1, BACKOFF_MS_MAX), BACKOFF_MS[0]),
  mostMs: optional(integer(1, BACKOFF_MS_MAX), BACKOFF_MS[1]),
});

const readSink = exactly({
  socket: optional(text, undefined),
  file: optional(text, undefined),
  descriptor: optional(integer(0, 1 << 20), undefined),
  queue: optional(integer(QUEUE_MIN, QUEUE_MAX), QUEUE_USUAL),
  onGone: optional(text, "drop"),
  backoff: optional(readBackoff, { firstMs: BACKOFF_MS[0], mostMs: BACKOFF_MS[1] }),
  /** It is the launcher's, who opens sockets. */
  optional: optional(boolean, false),
});

const traceSink: Reader<TraceSink> = (value, at) => {
  const { socket, file, descriptor, queue, onGone, backoff } = readSink(value, at);
  const ways = [socket, file, descriptor].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new SchemaError(`${at} must have one of socket, file and descriptor`);
  if (onGone !== "drop" && onGone !== "reconnect")
    throw new SchemaError(`${at}.onGone must be drop or reconnect`);
  return {
    type: socket === undefined ? "lines" : "packets",
    queue,
    onGone,
    backoffMs: [backoff.firstMs, Math.max(backoff.firstMs, backoff.mostMs)],
    label: socket ?? file ?? `descriptor ${descriptor}`,
  };
};

const sessionMembers = exactly({
  name: sessionName,
  points: list(wantedPoint, POINTS_MAX),
  context: optional(list(contextField, FILTER_MAX), undefined),
  filter: optional(readFilter, {}),
  sinks: list(traceSink, SINKS_MAX),
});

/** Throws a SchemaError. */
export function readSession(value: unknown): TraceSession {
  const { name, points, context, filter, sinks } = sessionMembers(value, "");
  if (points.length === 0) throw new SchemaError("points must not be empty");
  if (sinks.length === 0) throw new SchemaError("sinks must not be empty");
  const given = Object.entries(filter).filter(([, wanted]) => wanted !== undefined);
  return {
    name,
    points,
    ...(context !== undefined && { context }),
    filter: Object.fromEntries(given),
    sinks,
  };
}
