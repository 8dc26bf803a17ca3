// Trace sessions that a sandbox begins with (--trace): their files' contents stand in the configuration, what the launcher has
// opened for them is among the boot descriptors. They begin before any program does.

import type { KernelApi } from "../../shared/process_spec.ts";
import type { Boot } from "../boot.ts";
import { SchemaError } from "../oci/schema.ts";
import { readSession } from "./read_session.ts";

/** A session cannot be had: told in its own words. */
export class TraceRefused extends Error {}

/** Throws a TraceRefused. */
export async function startTraces(api: KernelApi, { config, descriptors }: Boot): Promise<void> {
  for (const [index, value] of (config.traces ?? []).entries()) {
    try {
      const session = readSession(value);
      const sinks = session.sinks.map((_sink, i) => descriptors[`trace:${index}:${i}`] ?? -1);
      const connector = descriptors[`connector:${index}`] ?? -1;
      const answer = await api.traces({ create: { session, descriptors: sinks, connector } });
      if (typeof answer === "string") throw new TraceRefused(`trace session ${session.name}: ${answer}`);
    } catch (error) {
      if (error instanceof SchemaError) throw new TraceRefused(`--trace: ${error.message}`);
      throw error;
    }
  }
}
