// `ringfence trace`: what can be traced, and the trace sessions of a running sandbox. Sessions are made by the launcher
// (native/launcher/command_trace.c), which opens their sinks. What a sandbox says is bounded.

import { CONTEXT_FIELDS, POINTS } from "../../shared/trace/points.ts";
import { POINTS_MAX, SESSIONS_MAX, SINKS_MAX } from "../../shared/trace/session.ts";
import { WIRE_VERSION } from "../../shared/trace/wire.ts";
import { byteString, integer, list, object, SchemaError } from "../oci/schema.ts";
import { askSandbox } from "./ask_sandbox.ts";
import { CommandError } from "./command_error.ts";
import { shown } from "./debug_text.ts";
import { say } from "./output.ts";

export interface TraceWords {
  action: string;
  id?: string;
  root?: string;
  name?: string;
  json: boolean;
}

const COUNT = integer(0, Number.MAX_SAFE_INTEGER);
const readReports = list(
  object({
    name: byteString,
    points: list(byteString, POINTS_MAX),
    events: COUNT,
    sinks: list(
      object({ label: byteString, state: byteString, sent: COUNT, lost: COUNT, waiting: COUNT }),
      SINKS_MAX,
    ),
  }),
  SESSIONS_MAX,
);

function metadata(isJson: boolean): string {
  if (isJson)
    return `${JSON.stringify({ version: WIRE_VERSION, context: CONTEXT_FIELDS, points: POINTS }, null, 2)}\n`;
  const lines: string[] = ["fields of every event:"];
  for (const [name, what] of Object.entries(CONTEXT_FIELDS)) lines.push(`    ${name.padEnd(18)}${what}`);
  for (const { name, number, describe, calls, fields, optional } of POINTS) {
    lines.push("", `${name} (${number}): ${describe}`);
    if (calls.length > 0) lines.push(`    of ${calls.join(", ")}`);
    for (const [field, what] of Object.entries(fields))
      lines.push(`    ${field.padEnd(18)}${what}${optional?.includes(field) === true ? " (on demand)" : ""}`);
  }
  return `${lines.join("\n")}\n`;
}

async function listed(root: string | undefined, id: string, isJson: boolean): Promise<string> {
  let reports: ReturnType<typeof readReports>;
  try {
    reports = readReports(await askSandbox("trace", root, id, "trace_list"), "sessions");
  } catch (error) {
    if (error instanceof SchemaError) throw new CommandError(`trace: ${error.message}`);
    throw error;
  }
  if (isJson) return `${JSON.stringify(reports)}\n`;
  return reports
    .flatMap(({ name, points, events, sinks }) => [
      `${shown(name)}: ${events} events of ${points.map(shown).join(", ")}`,
      ...sinks.map(
        ({ label, state, sent, lost, waiting }) =>
          `    ${shown(label)}: ${shown(state)}, ${sent} sent, ${waiting} waiting, ${lost} lost`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

export async function trace({ action, id, root, name, json }: TraceWords): Promise<void> {
  if (action === "metadata") {
    say(metadata(json));
    return;
  }
  if (action !== "list" && action !== "delete")
    throw new CommandError(`trace: create, delete, list or metadata is wanted: ${action}`);
  if (id === undefined) throw new CommandError(`trace ${action}: name a sandbox`);
  if (action === "list") {
    say(await listed(root, String(id), json));
    return;
  }
  if (name === undefined) throw new CommandError("trace delete: name a session with --name");
  await askSandbox("trace", root, String(id), "trace_delete", { name: String(name) });
}
