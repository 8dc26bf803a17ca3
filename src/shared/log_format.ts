// Log records in the two forms that runc knows, for --log-format: JSON lines, or logfmt as logrus writes it.
// Engines look for the last JSON record whose level is "error".

export type LogFormat = "text" | "json";

export interface LogRecord {
  level: string;
  /** Milliseconds since the epoch. */
  time: number;
  msg: string;
  fields: Readonly<Record<string, unknown>>;
}

function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[\w.+/@^-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The record as one line with its end. */
export function formatRecord(format: LogFormat, { level, time, msg, fields }: LogRecord): string {
  const at = new Date(time).toISOString();
  if (format === "json") return `${JSON.stringify({ ...fields, level, msg, time: at })}\n`;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${quoted(value)}`);
  return `time=${quoted(at)} level=${level} msg=${quoted(msg)}${rest.join("")}\n`;
}
